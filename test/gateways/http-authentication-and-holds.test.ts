/** The optional parts of the protocol, over real connections: payers who authenticate first, and money that is held. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Fence, Gateway, GatewayOutcome, Instrument, LookUp } from '../../src/core/gateways/gateway.ts';
import { createHttpGateway } from '../../src/core/gateways/http/http-gateway.ts';
import { chargeStateOf } from '../../src/core/gateways/http/http-protocol.ts';
import type { Log } from '../../src/core/log.ts';
import { lookUp, moveMoney } from '../../src/core/outcomes/ask-gateway.ts';
import {
  CHALLENGED_TOKEN,
  type Fault,
  type PaymentGatewayServer,
  type State,
  startPaymentGateway,
} from '../support/payment-gateway.ts';
import { card, pendingRefund, pendingTransaction } from '../support/rows.ts';

const PATIENT_MS = 5_000;
const SHORT_MS = 150;
/** Longer than a busy machine stalls: what a test asks meanwhile comes before. */
const LATE_MS = 1_000;
const RETURN_URL = 'https://shop.example/paid?transaction_id=TXN-1';
const MISFIT = 'the gateway answered 200, with what the protocol does not have';
const NO_RETURN_URL = 'the gateway challenged the payer of a payment without a return_url';
const NO_HOLD = 'the gateway holds the money of a payment that asked for no hold';
const TAKEN = 'the gateway took the money of a payment that asked for a hold';

const TOKEN: Instrument = { kind: 'token', token: 'tok_1' };
const CHALLENGED: Instrument = { kind: 'token', token: CHALLENGED_TOKEN };
const APPROVED = { kind: 'approved', reference: 'ch_TXN-1' };
const AUTHORIZED = { kind: 'authorized', reference: 'auth_TXN-1', expiresAtMs: 1_100 };

const MANUAL = transaction({ captureMethod: 'manual', holdMinutes: 30 });
const WITH_RETURN_URL = transaction({ sealedReturnUrl: 'sealed' });

let server: PaymentGatewayServer;
let gateway: Gateway;
const releases: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server = await startPaymentGateway({ nowMs: () => 100, holdMs: 1_000 });
  releases.push(() => server.stop());
  gateway = createHttpGateway({ ...server, holds: true });
});
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

describe('a payer who has to authenticate', () => {
  const challenged = () => ({ kind: 'challenged', url: `${server.url}/challenges/TXN-1` });

  it.each([
    ['a token', CHALLENGED],
    ['a card', { kind: 'card', card: card('4000002500003155') } as Instrument],
  ])('with %s is challenged, and nothing is charged until then', async (_, instrument) => {
    expect(await charge({ instrument, returnUrl: RETURN_URL })).toEqual(challenged());
    expect(await find(WITH_RETURN_URL)).toEqual(challenged());
    expect(server.charges()).toEqual([]);

    server.authenticate('TXN-1');
    expect(await find(WITH_RETURN_URL)).toEqual(APPROVED);
    expect(server.charges()).toMatchObject([{ id: 'TXN-1', amountMinor: 2550 }]);
  });

  it('fails to, and the payment is declined for that', async () => {
    await charge({ instrument: CHALLENGED, returnUrl: RETURN_URL });
    server.failAuthentication('TXN-1');
    expect(await find(WITH_RETURN_URL)).toEqual({ kind: 'declined', code: 'AUTHENTICATION_FAILED' });
    expect(await find(transaction({ substate: 'challenged' }))).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    // What a payment fails with that could not be challenged is what it was before there were challenges.
    expect(await find(transaction())).toEqual({ kind: 'declined', code: 'PAYMENT_FAILED' });
  });

  it('is not challenged where there is no way back: the payment is declined, with advice', async () => {
    expect(await charge({ instrument: CHALLENGED })).toEqual({
      kind: 'declined',
      code: 'CARD_DECLINED',
      cause: 'authentication_required',
    });
  });

  it.each(['AUTHENTICATION_FAILED', 'AUTHENTICATION_REQUIRED'])(
    'is none of a refund, which knows no %s',
    async (code) => {
      answerWith({ status: 'declined', code, reason: 'Ask your bank' });
      const paid = transaction({ gatewayReference: 'ch_TXN-1' });
      const refund = pendingRefund(paid, { refundId: 'REF-1' });
      const declined = { kind: 'declined', code: 'PAYMENT_FAILED', reason: 'Ask your bank' };
      expect(await gateway.refund({ refund, transaction: paid, signal: patience() })).toEqual(declined);
      expect(await gateway.lookUpRefund(refund, paid, patience())).toEqual(declined);
    },
  );

  it('cannot any more after a cancel', async () => {
    await charge({ instrument: CHALLENGED, returnUrl: RETURN_URL });
    expect(await cancel(WITH_RETURN_URL)).toEqual({ kind: 'cancelled' });
    expect(await find(WITH_RETURN_URL)).toEqual({ kind: 'cancelled' });
    expect(() => server.authenticate('TXN-1')).toThrow('is not challenged');
    expect(server.charges()).toEqual([]);
  });

  it('has paid where that was before the cancel', async () => {
    await charge({ instrument: CHALLENGED, returnUrl: RETURN_URL });
    server.authenticate('TXN-1');
    expect(await cancel(WITH_RETURN_URL)).toEqual(APPROVED);
  });

  it('of a hold is challenged first, and then the money is held', async () => {
    await charge({ of: MANUAL, instrument: CHALLENGED, returnUrl: RETURN_URL });
    server.authenticate('TXN-1');
    expect(await find(MANUAL)).toEqual(AUTHORIZED);
    expect(server.charges()).toEqual([]);
  });
});

describe('the address of a challenge', () => {
  const SECRET = 'pass-of-the-payer';

  it.each([
    ['https', `https://bank.example/3ds?id=${SECRET}`],
    ['https in capitals', `HTTPS://bank.example/${SECRET}`],
    ['2000 characters', `https://bank.example/${'x'.repeat(1_979)}`],
    ['http on this machine', 'http://localhost:8005/challenge'],
    ['http on its IPv4 address', 'http://127.0.0.2/challenge'],
    ['http on its IPv6 address', 'http://[::1]:8005/challenge'],
  ])('can be %s', async (_, url) => {
    answerWith({ status: 'challenged', url });
    expect(await charge({ returnUrl: RETURN_URL })).toEqual({ kind: 'challenged', url });
    expect(await find(WITH_RETURN_URL)).toEqual({ kind: 'challenged', url });
  });

  it.each<[string, unknown]>([
    ['a script', `javascript:alert('${SECRET}')`],
    ['a script that looks like an address', `javascript://bank.example/%0aalert('${SECRET}')`],
    ['data', `data:text/html,${SECRET}`],
    ['a file', `file:///${SECRET}`],
    ['relative', `/3ds/${SECRET}`],
    ['relative to the scheme', `//bank.example/${SECRET}`],
    ['without a scheme', `bank.example/${SECRET}`],
    ['http elsewhere', `http://bank.example/${SECRET}`],
    ['http on what begins like this machine', `http://127.0.0.1.bank.example/${SECRET}`],
    ['http on what ends like it', `http://bank.localhost.example/${SECRET}`],
    ['with credentials', `https://payer:${SECRET}@bank.example/`],
    ['with a user', `https://${SECRET}@bank.example/`],
    ['too long', `https://bank.example/${SECRET}${'x'.repeat(2_000)}`],
    ['with a line break', `https://bank.example/\r\nset-cookie: ${SECRET}`],
    ['with a tab in its scheme', `ht\ttps://bank.example/${SECRET}`],
    ['with a null', `https://bank.example/\u0000${SECRET}`],
    ['with another control character', `https://bank.example/\u0085${SECRET}`],
    ['with half of a surrogate pair', `https://bank.example/\ud800${SECRET}`],
    ['behind a blank', ` https://bank.example/${SECRET}`],
    ['with a blank', `https://bank.example/a ${SECRET}`],
    ['without a host', 'https://'],
    ['with a port that there is not', `https://bank.example:99999/${SECRET}`],
    ['empty', ''],
    ['null', null],
    ['a list', [`https://bank.example/${SECRET}`]],
    ['missing', undefined],
  ])('cannot be %s, and is not logged', async (_, url) => {
    answerWith({ status: 'challenged', url, reference: `pi_${SECRET}` });
    const logged: unknown[] = [];
    const outcome = await logging(logged, (context, call) =>
      moveMoney(context, { ...call, call: 'charge' }, () => charge({ returnUrl: RETURN_URL })),
    );
    const found = await logging(logged, (context, call) =>
      lookUp<LookUp>(context, { ...call, call: 'lookUpCharge' }, () => find(WITH_RETURN_URL)),
    );
    expect(outcome).toEqual({ kind: 'unknown', reason: MISFIT });
    expect(found).toEqual({ kind: 'undetermined', reason: MISFIT });
    expect(logged).toMatchObject([
      { level: 'warn', outcome: 'unknown' },
      { level: 'warn', outcome: 'undetermined' },
    ]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  it('is https alone where the gateway itself is on https', () => {
    const fits = (url: string) =>
      chargeStateOf('https://gateway.example/').safeParse({ status: 'challenged', url }).success;
    expect(fits('https://bank.example/challenge')).toBe(true);
    expect(fits('http://localhost/challenge')).toBe(false);
  });

  it('is not logged where it is a good one, either', async () => {
    answerWith({ status: 'challenged', url: `https://bank.example/${SECRET}` });
    const logged: unknown[] = [];
    await logging(logged, (context, call) =>
      moveMoney(context, { ...call, call: 'charge' }, () => charge({ returnUrl: RETURN_URL })),
    );
    expect(logged).toMatchObject([{ level: 'info', outcome: 'challenged' }]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });
});

describe('what nobody asked for', () => {
  it('is a challenge without a way back: the outcome is unknown, and a look-up finds the challenge, so that it can be ended', async () => {
    answerWith({ status: 'challenged', url: 'https://bank.example/3ds' });
    expect(await charge()).toEqual({ kind: 'unknown', reason: NO_RETURN_URL });
    expect(await find(transaction())).toEqual({ kind: 'challenged', url: 'https://bank.example/3ds' });
  });

  it('is a hold: the outcome of the charge is unknown, and a look-up finds the hold, so that it can be released', async () => {
    answerWith({ status: 'authorized', reference: 'auth_1' });
    expect(await charge({ returnUrl: RETURN_URL })).toEqual({ kind: 'unknown', reason: NO_HOLD });
    expect(await find(transaction())).toEqual({ kind: 'authorized', reference: 'auth_1', expiresAtMs: null });
  });

  it('is to take the money of a hold: it is taken, and the log has an error', async () => {
    answerWith({ status: 'approved', reference: 'ch_1' });
    const taken = { kind: 'approved', reference: 'ch_1', reason: TAKEN };
    const logged: unknown[] = [];
    const outcome = await logging(logged, (context, call) =>
      moveMoney(context, { ...call, call: 'charge' }, () => charge({ of: MANUAL })),
    );
    expect(outcome).toEqual(taken);
    expect(logged).toMatchObject([{ level: 'error', outcome: 'approved', reason: TAKEN }]);
    expect(await find(MANUAL)).toEqual(taken);
    expect(await release({ ...MANUAL, step: 'void' })).toEqual(taken);
    expect(await find({ ...MANUAL, step: 'capture' })).toEqual({ kind: 'approved', reference: 'ch_1' });
  });
});

describe('held money', () => {
  beforeEach(async () => {
    expect(await charge({ of: MANUAL })).toEqual(AUTHORIZED);
  });

  it('is not taken, and is no movement', async () => {
    expect(await find(MANUAL)).toEqual(AUTHORIZED);
    expect(await cancel(MANUAL)).toEqual(AUTHORIZED);
    expect(server.charges()).toEqual([]);
    expect(await movements()).toEqual([]);
  });

  it('is captured once, however often that is sent, and can be refunded then', async () => {
    expect(await capture()).toEqual(APPROVED);
    expect(await capture()).toEqual(APPROVED);
    expect(await find({ ...MANUAL, step: 'capture' })).toEqual(APPROVED);
    expect(await movements()).toEqual(['charge TXN-1 2550']);

    const paid = { ...MANUAL, gatewayReference: 'ch_TXN-1' };
    const refund = pendingRefund(paid, { refundId: 'REF-1', amountMinor: 2550 });
    expect(await gateway.refund({ refund, transaction: paid, signal: patience() })).toMatchObject({ kind: 'approved' });
  });

  it('cannot be refunded before it is captured', async () => {
    const refund = pendingRefund(MANUAL, { refundId: 'REF-1', amountMinor: 1 });
    const answer = await gateway.refund({ refund, transaction: MANUAL, signal: patience() });
    expect(answer).toMatchObject({ kind: 'declined' });
  });

  it('is released once, and cannot be captured then', async () => {
    expect(await release()).toEqual({ kind: 'cancelled' });
    expect(await release()).toEqual({ kind: 'cancelled' });
    expect(await find(MANUAL)).toEqual({ kind: 'cancelled' });
    expect(await capture()).toEqual({ kind: 'failed', cause: 'authorization_ended' });
    expect(server.charges()).toEqual([]);
  });

  it('that was captured is not released', async () => {
    await capture();
    expect(await release()).toMatchObject({ kind: 'approved', reference: 'ch_TXN-1' });
    expect(server.charges()).toHaveLength(1);
  });

  it('that is no longer held cannot be captured', async () => {
    server.expireHold('TXN-1');
    expect(await find(MANUAL)).toEqual({ kind: 'cancelled' });
    expect(await capture()).toEqual({ kind: 'failed', cause: 'authorization_ended' });
    expect(await release()).toEqual({ kind: 'cancelled' });
  });

  it.each<[string, Fault, GatewayOutcome, State['status']]>([
    ['declined', { kind: 'decline', code: 'CARD_DECLINED' }, { kind: 'declined', code: 'CARD_DECLINED' }, 'declined'],
    ['failed', { kind: 'fail' }, { kind: 'failed' }, 'failed'],
  ])('whose capture is %s is not taken', async (_, fault, outcome, status) => {
    server.fault = () => fault;
    expect(await capture()).toEqual(outcome);
    expect(server.charge('TXN-1')?.state.status).toBe(status);
    expect(server.charges()).toEqual([]);
  });

  it.each<[string, Fault, number]>([
    ['is lost', { kind: 'drop' }, 0],
    ['is lost after it was carried out', { kind: 'commit_then_drop' }, 1],
    ['is answered with 500', { kind: 'answer', status: 500 }, 0],
    ['is refused by status, perhaps a repeated one', { kind: 'answer', status: 422, committed: true }, 1],
    ['is not known', { kind: 'answer', status: 404, body: '{"status":"not_found"}' }, 0],
    ['conflicts with another', { kind: 'answer', status: 409 }, 0],
    ['is answered with a hold', { kind: 'answer', status: 200, body: '{"status":"authorized","reference":"a"}' }, 0],
    [
      'is answered with a challenge',
      { kind: 'answer', status: 200, body: '{"status":"challenged","url":"https://bank.example/"}' },
      0,
    ],
    ['lands late', { kind: 'land_late', afterMs: LATE_MS, meanwhile: 'drop' }, 0],
    ['is in progress', { kind: 'land_late', afterMs: LATE_MS, meanwhile: 'in_progress' }, 0],
  ])('whose capture %s is taken once, by a repeated one', async (_, fault, taken) => {
    server.fault = ({ attempt }) => (attempt === 1 ? fault : { kind: 'normal' });
    expect(await capture()).toMatchObject({ kind: 'unknown' });
    expect(server.charges()).toHaveLength(taken);
    const landsLate = fault.kind === 'land_late';
    if (landsLate && fault.meanwhile === 'in_progress') await sleep(1.5 * LATE_MS);
    server.fault = () => ({ kind: 'normal' });
    expect(await capture()).toEqual(APPROVED);
    await sleep(landsLate ? 1.5 * LATE_MS : 2 * SHORT_MS);
    expect(await movements()).toEqual(['charge TXN-1 2550']);
  });

  it.each([400, 401, 404, 409, 429, 500, 503])(
    'whose release is answered with %i may be held still',
    async (status) => {
      server.fault = () => ({ kind: 'answer', status, body: '{"status":"cancelled"}' });
      const kind = [401, 429, 500, 503].includes(status) ? 'unreachable' : 'undetermined';
      expect(await release()).toEqual({ kind, reason: `the gateway answered ${status}` });
    },
  );

  it.each([
    ['missing', undefined, null],
    ['null', null, null],
    ['given', 1_796_057_629_000, 1_796_057_629_000],
  ])('has a time that is %s', async (_, expires_at_ms, expiresAtMs) => {
    answerWith({ status: 'authorized', reference: 'auth_1', expires_at_ms });
    expect(await find(MANUAL)).toEqual({ kind: 'authorized', reference: 'auth_1', expiresAtMs });
  });

  it.each<[string, object]>([
    ['a time that is a text', { reference: 'auth_1', expires_at_ms: '2026-12-01' }],
    ['a time with fractions', { reference: 'auth_1', expires_at_ms: 1.5 }],
    ['no reference', {}],
    ['a reference with a control character', { reference: 'auth\u0000' }],
  ])('with %s does not follow the protocol', async (_, body) => {
    answerWith({ status: 'authorized', ...body });
    expect(await find(MANUAL)).toEqual({ kind: 'undetermined', reason: MISFIT });
  });
});

describe('what is sent', () => {
  const PLAIN =
    '{"id":"TXN-1","booking_id":"BOOK-1","amount_minor":2550,"currency":"USD","instrument":{"type":"token","token":"tok_1"}';

  it.each<[string, Asked, string]>([
    ['nothing where a payment asks for neither', {}, '}'],
    ['nothing for a return_url that is null', { returnUrl: null }, '}'],
    ['the return_url', { returnUrl: RETURN_URL }, `,"return_url":"${RETURN_URL}"}`],
    ['the hold', { of: MANUAL }, ',"capture":"manual"}'],
    [
      'both where a payment asks for both',
      { of: MANUAL, returnUrl: RETURN_URL },
      `,"return_url":"${RETURN_URL}","capture":"manual"}`,
    ],
  ])('has %s, to the byte', async (_, asked, rest) => {
    const requests = await record();
    await charge(asked);
    expect(requests).toEqual([`POST /charges TXN-1 ${PLAIN}${rest}`]);
  });

  it('has a capture under a key of its own, and a release under none', async () => {
    const requests = await record();
    await capture();
    await release();
    await cancel(MANUAL);
    expect(requests).toEqual([
      'POST /charges/TXN-1/capture TXN-1:capture {}',
      'POST /charges/TXN-1/release - {}',
      'POST /charges/TXN-1/cancel - {}',
    ]);
  });
});

it('a gateway holds money only where the settings say so', () => {
  expect(createHttpGateway({ ...server, holds: false }).holds).toBeUndefined();
  expect(createHttpGateway(server).holds).toBeUndefined();
});

interface Asked {
  of?: Transaction;
  instrument?: Instrument;
  returnUrl?: string | null;
}

function charge({ of = transaction(), instrument = TOKEN, ...rest }: Asked = {}): Promise<GatewayOutcome> {
  return gateway.charge({ transaction: of, instrument, signal: patience(), ...rest });
}

function find(of: Transaction): Promise<LookUp> {
  return gateway.lookUpCharge(of, patience());
}

function cancel(of: Transaction): Promise<Fence> {
  if (gateway.cancelCharge === undefined) throw new Error('the gateway can cancel charges');
  return gateway.cancelCharge(of, patience());
}

function capture(): Promise<GatewayOutcome> {
  if (gateway.holds === undefined) throw new Error('the gateway holds money');
  return gateway.holds.capture({ transaction: { ...MANUAL, step: 'capture' }, signal: patience() });
}

function release(of: Transaction = { ...MANUAL, step: 'void' }): Promise<Fence> {
  if (gateway.holds === undefined) throw new Error('the gateway holds money');
  return gateway.holds.release(of, patience());
}

async function movements(): Promise<string[]> {
  if (gateway.listMovements === undefined) throw new Error('the gateway can list movements');
  const listed: string[] = [];
  for await (const { kind, id, amountMinor } of gateway.listMovements(0, 1_000_000)) {
    listed.push(`${kind} ${id} ${amountMinor}`);
  }
  return listed;
}

/** Whatever it is asked. */
function answerWith(body: object): void {
  server.fault = () => ({ kind: 'answer', status: 200, body: JSON.stringify(body) });
}

/** What the service does with an answer: `logged` gets each line. */
function logging<Answer>(
  logged: unknown[],
  asking: (context: Context, call: { gateway: Gateway; id: string; deadlineMs: number }) => Promise<Answer>,
): Promise<Answer> {
  const log: Log = (level, event, fields) => logged.push({ level, event, ...fields });
  // All that a call needs of it.
  const context = { log, nowMs: Date.now } as unknown as Context;
  return asking(context, { gateway, id: 'TXN-1', deadlineMs: PATIENT_MS });
}

/** Each request as it comes, to a gateway that knows nothing of them. */
async function record(): Promise<string[]> {
  const requests: string[] = [];
  const reply = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    requests.push(`${request.method} ${request.url} ${request.headers['idempotency-key'] ?? '-'} ${text}`);
    response.end('{}');
  };
  const http = createServer((request, response) => void reply(request, response));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  releases.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  gateway = createHttpGateway({ url, apiKey: 'a-key', holds: true });
  return requests;
}

function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENT_MS);
}

function transaction(overrides: Partial<Transaction> = {}): Transaction {
  return pendingTransaction({ transactionId: 'TXN-1', bookingId: 'BOOK-1', gateway: 'http', ...overrides });
}
