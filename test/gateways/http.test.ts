/** The HTTP gateway against a provider that speaks its protocol, over real connections, well and badly. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { readCard } from '../../src/core/domain/card.ts';
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import {
  type Fence,
  type Gateway,
  type GatewayOutcome,
  type Instrument,
  ListingFailed,
  type LookUp,
  type Movement,
} from '../../src/core/gateways/gateway.ts';
import { createHttpGateway } from '../../src/core/gateways/http/http-gateway.ts';
import { redactedDetails, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import {
  type CallKind,
  type Fault,
  type PaymentGatewayOptions,
  type PaymentGatewayServer,
  startPaymentGateway,
} from '../support/payment-gateway.ts';
import { paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';

/** More than any call here takes, and as little as a test of the deadline may wait. */
const PATIENT_MS = 5_000;
const SHORT_MS = 150;
/** Longer than a busy machine stalls: what a test asks meanwhile comes before. */
const LATE_MS = 1_000;

const CARDHOLDER = 'Johanna Doe';
const BROKE = 'the gateway could not be asked, or the connection broke';
const TOO_LATE = 'the gateway did not answer before the deadline';
const MISFIT = 'the gateway answered 200, with what the protocol does not have';

let server: PaymentGatewayServer;
let gateway: Gateway;
const releases: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server = await start();
  gateway = createHttpGateway({ ...server, holds: true });
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const release of releases.splice(0).reverse()) await release();
});

describe('a charge', () => {
  it.each<[string, string, GatewayOutcome]>([
    ['is declined', TEST_CARDS.visaDeclined, { kind: 'declined', code: 'CARD_DECLINED' }],
    ['is declined for want of funds', TEST_CARDS.insufficientFunds, { kind: 'declined', code: 'INSUFFICIENT_FUNDS' }],
    ['is declined because the card has expired', TEST_CARDS.expired, { kind: 'declined', code: 'CARD_EXPIRED' }],
    ['is declined because the card is none', TEST_CARDS.invalid, { kind: 'declined', code: 'INVALID_CARD' }],
    ['fails', TEST_CARDS.gatewayFails, { kind: 'failed' }],
  ])('%s, and nothing is charged', async (_, number, outcome) => {
    expect(await charge({ instrument: card(number) })).toEqual(outcome);
    expect(server.charges()).toEqual([]);
  });

  it.each([
    ['a card', card()],
    ['PayPal', { kind: 'paypal', email: 'payer@example.com', paymentId: 'PAY-1' } as Instrument],
    ['a token', { kind: 'token', token: 'tok_1' } as Instrument],
  ])('of %s is approved, with the amount and the booking that were asked for', async (_, instrument) => {
    expect(await charge({ instrument })).toEqual({ kind: 'approved', reference: 'ch_TXN-1' });
    expect(server.charges()).toMatchObject([
      { id: 'TXN-1', bookingId: 'BOOK-1', amountMinor: 2550, currency: 'USD', state: { reference: 'ch_TXN-1' } },
    ]);
  });

  it('has the suffix of the statement and the address for the receipt where they were sent, and else neither', async () => {
    const { url, requests } = await record({ status: 'approved', reference: 'ch_1' });
    const { charge: chargeThere } = createHttpGateway({ url, apiKey: 'key' });
    const request = { transaction: transaction(), instrument: card(), signal: signalOf({}) };
    await chargeThere({ ...request, statementDescriptorSuffix: 'SEAT 12A', receiptEmail: 'receipt@example.com' });
    await chargeThere({ ...request, statementDescriptorSuffix: null, receiptEmail: null });
    const [passedOn, without] = requests.map(({ body }) => body);
    expect(passedOn).toEqual({
      ...(without as object),
      statement_descriptor_suffix: 'SEAT 12A',
      receipt_email: 'receipt@example.com',
    });
    expect(Object.keys(without as object)).toEqual(['id', 'booking_id', 'amount_minor', 'currency', 'instrument']);
  });

  it('that is sent twice is charged once', async () => {
    const first = await charge();
    expect(await charge()).toEqual(first);
    expect(server.charges()).toHaveLength(1);
    expect(server.contradictions).toEqual([]);
  });

  it('takes a decline of a kind that is not known for a payment that could not be made', async () => {
    server.fault = () => ({ kind: 'decline', code: 'DO_NOT_HONOUR', reason: 'Ask your bank' });
    expect(await charge()).toEqual({ kind: 'declined', code: 'PAYMENT_FAILED', reason: 'Ask your bank' });
  });

  it.each([
    ['the card number', `Card ${TEST_CARDS.visa} is blocked`],
    ['the card number in groups', 'Card 4111 1111-1111 1111 is blocked'],
    ['the card number in other groups', 'Card 411.111.111 / 111-(1111) is blocked'],
    ['control characters', 'no\u0000thing'],
    ['half of a surrogate pair', 'no\ud800thing'],
    ['more text than is kept', 'x'.repeat(256)],
    ['nothing', ''],
  ])('leaves out the reason of a decline that has %s', async (_, reason) => {
    server.fault = () => ({ kind: 'decline', code: 'CARD_DECLINED', reason });
    expect(await charge()).toEqual({ kind: 'declined', code: 'CARD_DECLINED' });
  });

  it.each([400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 425, 429, 451])(
    'that is refused with %i certainly did not happen',
    async (status) => {
      server.fault = () => ({ kind: 'answer', status });
      expect(await charge()).toEqual({ kind: 'failed', reason: `the gateway answered ${status}` });
    },
  );

  it.each([201, 202, 204, 301, 302, 303, 307, 308, 408, 409, 500, 501, 502, 503, 504, 520])(
    'that is answered with %i may have happened',
    async (status) => {
      server.fault = () => ({ kind: 'answer', status, committed: true, ...(status === 204 && { body: '' }) });
      expect(await charge()).toEqual({ kind: 'unknown', reason: `the gateway answered ${status}` });
      expect(server.charges()).toHaveLength(1);
    },
  );

  it('that is still in progress has no outcome yet', async () => {
    server.fault = () => ({ kind: 'land_late', afterMs: PATIENT_MS, meanwhile: 'in_progress' });
    expect(await charge()).toEqual({
      kind: 'unknown',
      reason: 'the gateway is still working on it',
      accepted: true,
    });
  });
});

const MISFITS: [string, string][] = [
  ['nothing', ''],
  ['no JSON', '<h1>It works!</h1>'],
  ['half of a JSON text', '{"status":"approved"'],
  ['null', 'null'],
  ['a text', '"approved"'],
  ['a list', '[{"status":"failed"}]'],
  ['no status', '{"reference":"ch_1"}'],
  ['a status that there is not', '{"status":"succeeded","reference":"ch_1"}'],
  ['a state that only a look-up may give', '{"status":"not_found"}'],
  ['approved without a reference', '{"status":"approved"}'],
  ['an empty reference', '{"status":"approved","reference":""}'],
  ['a reference that is a number', '{"status":"approved","reference":7}'],
  ['a reference with a control character', '{"status":"approved","reference":"ch\\u0000"}'],
  ['a reference that is too long', JSON.stringify({ status: 'approved', reference: 'x'.repeat(256) })],
  ['more bytes than an answer has', `${' '.repeat(16 * 1024)}{"status":"failed"}`],
];

/** Of an answer without an outcome: whether it is about the gateway as a whole, or about this row only. */
const kindOf = (status: number) =>
  [302, 401, 408, 429, 500, 502, 503].includes(status) ? 'unreachable' : 'undetermined';

describe.each<[string, CallKind, (signal?: AbortSignal) => Promise<GatewayOutcome | LookUp | Fence>, string, string]>([
  ['a charge', 'charge', (signal) => charge({ signal }), 'unknown', 'unknown'],
  ['a refund', 'refund', (signal) => refund({ signal }), 'unknown', 'unknown'],
  ['a look-up of a charge', 'lookup_charge', (signal) => lookUpCharge({ signal }), 'unreachable', 'undetermined'],
  ['a look-up of a refund', 'lookup_refund', (signal) => lookUpRefund({ signal }), 'unreachable', 'undetermined'],
  ['a cancel', 'cancel', (signal) => cancel({ signal }), 'unreachable', 'undetermined'],
  ['a capture', 'capture', (signal) => capture({ signal }), 'unknown', 'unknown'],
  ['a release', 'release', (signal) => release({ signal }), 'unreachable', 'undetermined'],
])('%s whose answer does not come, or does not fit,', (_, kind, ask, answer, misfit) => {
  it.each(MISFITS)('is %s', async (_, body) => {
    disturb(kind, { kind: 'answer', status: 200, body });
    expect(await ask()).toEqual({ kind: misfit, reason: MISFIT });
  });

  it.each<[string, Fault]>([
    ['before anything was done', { kind: 'drop' }],
    ['after it was done', { kind: 'commit_then_drop' }],
    ['in the middle of the answer', { kind: 'answer', status: 200, body: '{"status":"failed"}', end: 'cut' }],
    ['in the middle of a refusal', { kind: 'answer', status: 400, end: 'cut' }],
  ])('breaks %s', async (_, fault) => {
    disturb(kind, fault);
    expect(await ask()).toEqual({ kind: answer, reason: BROKE });
  });

  it.each<[string, Fault]>([
    ['no answer', { kind: 'delay', ms: PATIENT_MS }],
    ['an answer after the deadline', { kind: 'commit_then_delay', ms: PATIENT_MS }],
    ['half of an answer', { kind: 'answer', status: 200, body: '{"status":"failed"}', end: 'stalled' }],
  ])('has %s, and is given up at the deadline', async (_, fault) => {
    disturb(kind, fault);
    const startedAt = performance.now();
    expect(await ask(AbortSignal.timeout(SHORT_MS))).toEqual({ kind: answer, reason: TOO_LATE });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('is not sent after the deadline', async () => {
    expect(await ask(AbortSignal.abort())).toEqual({ kind: answer, reason: TOO_LATE });
    expect(server.calls).toEqual([]);
  });

  it('is sent to nobody, where nobody listens', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    gateway = createHttpGateway({ url, apiKey: server.apiKey, holds: true });
    expect(await ask()).toEqual({ kind: answer, reason: BROKE });
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect (%i)', async (status) => {
    const elsewhere = await start({ apiKey: server.apiKey });
    disturb(kind, { kind: 'answer', status, headers: { location: `${elsewhere.url}/charges` } });
    expect(await ask()).toEqual({ kind: answer, reason: `the gateway answered ${status}` });
    expect(elsewhere.calls).toEqual([]);
  });

  it('is waited for until the deadline', async () => {
    await charge();
    await refund();
    const expected = await ask();
    disturb(kind, { kind: 'delay', ms: SHORT_MS });
    expect(await ask()).toEqual(expected);
  });

  it.each([200, 400, 401, 404, 409, 500])('reveals no secret that an answer of %i repeats', async (status) => {
    const body = JSON.stringify({ status: `Bearer ${server.apiKey}`, error: [TEST_CARDS.visa, TEST_CVV, CARDHOLDER] });
    disturb(kind, { kind: 'answer', status, body, headers: { 'x-key': server.apiKey } });
    expectNoSecret(await ask());
  });

  it('reveals no secret where the key or the address can not even be sent', async () => {
    for (const settings of [
      { url: server.url, apiKey: `${server.apiKey}\nx` },
      { url: server.url, apiKey: `${server.apiKey}ü☃` },
      { url: server.url.replace('//', `//user:${server.apiKey}@`), apiKey: server.apiKey },
    ]) {
      gateway = createHttpGateway({ ...settings, holds: true });
      expect(await ask()).toEqual({ kind: answer, reason: BROKE });
    }
    expect(server.calls).toEqual([]);
  });
});

describe('a look-up', () => {
  it.each<[string, Fault, LookUp]>([
    ['approved', { kind: 'normal' }, { kind: 'approved', reference: 'ch_TXN-1' }],
    ['approved, though its answer was lost', { kind: 'commit_then_drop' }, { kind: 'approved', reference: 'ch_TXN-1' }],
    ['declined', { kind: 'decline', code: 'CARD_EXPIRED' }, { kind: 'declined', code: 'CARD_EXPIRED' }],
    ['failed', { kind: 'fail' }, { kind: 'failed' }],
    ['not found, because it never arrived', { kind: 'drop' }, { kind: 'not_found' }],
    [
      'not found, while it is on its way',
      { kind: 'land_late', afterMs: 5_000, meanwhile: 'drop' },
      { kind: 'not_found' },
    ],
    ['in progress', { kind: 'land_late', afterMs: 5_000, meanwhile: 'in_progress' }, { kind: 'in_progress' }],
  ])('finds a charge %s', async (_, fault, found) => {
    disturb('charge', fault);
    await charge();
    expect(await lookUpCharge()).toEqual(found);
  });

  it.each<[string, Fault, LookUp]>([
    ['approved', { kind: 'normal' }, { kind: 'approved', reference: 're_REF-1' }],
    ['approved, though its answer was lost', { kind: 'commit_then_drop' }, { kind: 'approved', reference: 're_REF-1' }],
    ['failed', { kind: 'fail' }, { kind: 'failed' }],
    ['not found', { kind: 'drop' }, { kind: 'not_found' }],
    ['in progress', { kind: 'land_late', afterMs: 5_000, meanwhile: 'in_progress' }, { kind: 'in_progress' }],
  ])('finds a refund %s', async (_, fault, found) => {
    await charge();
    disturb('refund', fault);
    await refund();
    expect(await lookUpRefund()).toEqual(found);
  });

  it('finds a refund declined that the bank has sent back', async () => {
    await charge();
    await refund();
    server.reverseRefund('REF-1');
    expect(await lookUpRefund()).toMatchObject({ kind: 'declined', reason: "The payer's bank sent it back" });
  });

  it('finds a charge that landed late', async () => {
    disturb('charge', { kind: 'land_late', afterMs: LATE_MS, meanwhile: 'drop' });
    expect(await charge()).toEqual({ kind: 'unknown', reason: BROKE });
    expect(await lookUpCharge()).toEqual({ kind: 'not_found' });
    const landed = { kind: 'approved', reference: 'ch_TXN-1' };
    await vi.waitFor(async () => expect(await lookUpCharge()).toEqual(landed), 10_000);
  });

  it('finds a cancelled charge cancelled', async () => {
    await cancel();
    expect(await lookUpCharge()).toEqual({ kind: 'cancelled' });
  });

  it.each([
    ['charge', () => lookUpCharge()],
    ['refund', () => lookUpRefund()],
  ] as const)("of a %s believes no 404 but the protocol's", async (subject, ask) => {
    for (const body of [
      '',
      '<h1>Not Found</h1>',
      '{"error":"no such route"}',
      '{"status":"approved","reference":"x"}',
    ]) {
      disturb(`lookup_${subject}`, { kind: 'answer', status: 404, body });
      expect(await ask()).toEqual({ kind: 'undetermined', reason: 'the gateway answered 404' });
    }
  });

  it.each([202, 302, 400, 401, 403, 408, 409, 429, 500, 502, 503])(
    'that is answered with %i says nothing of a charge or refund that stands',
    async (status) => {
      await charge();
      await refund();
      server.fault = () => ({ kind: 'answer', status });
      const nothing = { kind: kindOf(status), reason: `the gateway answered ${status}` };
      expect(await lookUpCharge()).toEqual(nothing);
      expect(await lookUpRefund()).toEqual(nothing);
    },
  );

  it('of a refund takes no state that only a charge has', async () => {
    disturb('lookup_refund', { kind: 'answer', status: 200, body: '{"status":"cancelled"}' });
    expect(await lookUpRefund()).toEqual({ kind: 'undetermined', reason: MISFIT });
  });
});

describe('a cancel', () => {
  it('of a charge that never came keeps it from happening', async () => {
    expect(await cancel()).toEqual({ kind: 'cancelled' });
    expect(await cancel()).toEqual({ kind: 'cancelled' });
    expect(await charge()).toEqual({ kind: 'failed' });
    expect(server.charges()).toEqual([]);
  });

  it.each(['drop', 'hold'] as const)('holds against a charge that lands after it (%s)', async (meanwhile) => {
    disturb('charge', { kind: 'land_late', afterMs: LATE_MS, meanwhile });
    const answer = charge();
    await vi.waitFor(() => expect(server.calls).toHaveLength(1), 10_000);
    expect(await cancel()).toEqual({ kind: 'cancelled' });

    expect(await answer).toEqual(meanwhile === 'hold' ? { kind: 'failed' } : { kind: 'unknown', reason: BROKE });
    await sleep(1.5 * LATE_MS);
    expect(server.charge('TXN-1')?.state).toEqual({ status: 'cancelled' });
    expect(server.charges()).toEqual([]);
  });

  it('finds a charge that has landed before it', async () => {
    disturb('charge', { kind: 'land_late', afterMs: SHORT_MS, meanwhile: 'drop' });
    await charge();
    await vi.waitFor(() => expect(server.charges()).toHaveLength(1), 10_000);
    expect(await cancel()).toEqual({ kind: 'approved', reference: 'ch_TXN-1' });
    expect(server.charges()).toHaveLength(1);
  });

  it.each<[string, Fault, Fence]>([
    ['declined', { kind: 'decline', code: 'INSUFFICIENT_FUNDS' }, { kind: 'declined', code: 'INSUFFICIENT_FUNDS' }],
    ['failed', { kind: 'fail' }, { kind: 'failed' }],
    ['in progress', { kind: 'land_late', afterMs: 5_000, meanwhile: 'in_progress' }, { kind: 'in_progress' }],
  ])('of a charge that is %s says so', async (_, fault, fence) => {
    disturb('charge', fault);
    await charge();
    expect(await cancel()).toEqual(fence);
  });

  it.each([202, 204, 400, 401, 403, 404, 409, 410, 429, 500, 503])(
    'that is answered with %i has fenced nothing',
    async (status) => {
      const body = status === 204 ? '' : '{"status":"cancelled"}';
      disturb('cancel', { kind: 'answer', status, body });
      expect(await cancel()).toEqual({ kind: kindOf(status), reason: `the gateway answered ${status}` });
    },
  );
});

describe('a refund', () => {
  beforeEach(async () => {
    await charge();
  });

  it('is paid back, once however often it is sent', async () => {
    const approved = { kind: 'approved', reference: 're_REF-1' };
    expect(await refund()).toEqual(approved);
    expect(await refund()).toEqual(approved);
    expect(server.refunds()).toMatchObject([{ id: 'REF-1', chargeId: 'TXN-1', amountMinor: 1000, currency: 'USD' }]);
    expect(server.contradictions).toEqual([]);
  });

  it.each<Fault>([
    { kind: 'drop' },
    { kind: 'commit_then_drop' },
    { kind: 'land_late', afterMs: SHORT_MS, meanwhile: 'drop' },
    { kind: 'answer', status: 500, committed: true },
    { kind: 'answer', status: 503 },
  ])('is paid once where it is sent again after $kind', async (fault) => {
    server.fault = ({ kind, attempt }) => (kind === 'refund' && attempt === 1 ? fault : { kind: 'normal' });
    expect(await refund()).toMatchObject({ kind: 'unknown' });
    expect(await refund()).toEqual({ kind: 'approved', reference: 're_REF-1' });
    await sleep(2 * SHORT_MS);
    expect(server.refunds()).toHaveLength(1);
  });

  it('beyond what is left of its charge is declined', async () => {
    expect(await refund({ id: 'REF-1', amountMinor: 2000 })).toMatchObject({ kind: 'approved' });
    expect(await refund({ id: 'REF-2', amountMinor: 551 })).toMatchObject({ kind: 'declined', code: 'PAYMENT_FAILED' });
    expect(await refund({ id: 'REF-3', amountMinor: 550 })).toMatchObject({ kind: 'approved' });
    expect(server.refunds().map(({ id }) => id)).toEqual(['REF-1', 'REF-3']);
  });

  it('of an amount that the bank sent back can be paid again', async () => {
    await refund({ id: 'REF-1', amountMinor: 2550 });
    server.reverseRefund('REF-1');
    expect(await refund({ id: 'REF-2', amountMinor: 2550 })).toMatchObject({ kind: 'approved' });
    expect(server.refunds().map(({ id }) => id)).toEqual(['REF-2']);
  });

  it('fails where the gateway says that it did', async () => {
    disturb('refund', { kind: 'fail' });
    expect(await refund()).toEqual({ kind: 'failed' });
  });

  it.each([400, 422])('that the gateway calls invalid (%i) certainly is not paid', async (status) => {
    disturb('refund', { kind: 'answer', status });
    expect(await refund()).toEqual({ kind: 'failed', reason: `the gateway answered ${status}` });
  });

  it.each([201, 202, 302, 401, 403, 404, 408, 409, 429, 500, 503])(
    'that is answered with %i may have been paid, perhaps by an earlier request',
    async (status) => {
      server.fault = ({ kind, attempt }) => {
        if (kind !== 'refund') return { kind: 'normal' };
        return attempt === 1 ? { kind: 'commit_then_drop' } : { kind: 'answer', status };
      };
      await refund();
      expect(await refund()).toEqual({ kind: 'unknown', reason: `the gateway answered ${status}` });
      expect(server.refunds()).toHaveLength(1);
    },
  );

  it('that is still in progress has no outcome yet', async () => {
    disturb('refund', { kind: 'land_late', afterMs: PATIENT_MS, meanwhile: 'in_progress' });
    expect(await refund()).toEqual({
      kind: 'unknown',
      reason: 'the gateway is still working on it',
      accepted: true,
    });
  });
});

describe('a listing of movements', () => {
  const ALL: [number, number] = [0, 1_000_000];

  it('has every charge and refund once, over as many pages as it takes', async () => {
    await restart({ pageSize: 2 });
    for (const id of ['TXN-1', 'TXN-2', 'TXN-3']) await charge({ id });
    await charge({ id: 'TXN-4', instrument: card(TEST_CARDS.visaDeclined) });
    await cancel({ id: 'TXN-5' });
    await refund({ id: 'REF-1', of: 'TXN-1' });
    await refund({ id: 'REF-2', of: 'TXN-2' });
    server.reverseRefund('REF-1');

    const movements = await listed(...ALL);
    expect(movements.map(({ kind, id, status }) => `${kind} ${id} ${status}`)).toEqual([
      'charge TXN-1 succeeded',
      'charge TXN-2 succeeded',
      'charge TXN-3 succeeded',
      'refund REF-1 reversed',
      'refund REF-2 succeeded',
    ]);
    expect(movements[0]).toEqual({
      kind: 'charge',
      id: 'TXN-1',
      reference: 'ch_TXN-1',
      amountMinor: 2550,
      currency: 'USD',
      status: 'succeeded',
      movedAtMs: 100,
    });
    expect(movements[3]).toMatchObject({ reference: 're_REF-1', amountMinor: 1000 });
    expect(server.calls.filter(({ kind }) => kind === 'movements')).toHaveLength(3);
  });

  it('begins at its first millisecond and ends before its last', async () => {
    let nowMs = 100;
    await restart({ nowMs: () => nowMs });
    for (nowMs of [99, 100, 199, 200]) await charge({ id: `TXN-${nowMs}` });
    expect((await listed(100, 200)).map(({ id }) => id)).toEqual(['TXN-100', 'TXN-199']);
  });

  it('is empty where nothing moved', async () => {
    expect(await listed(...ALL)).toEqual([]);
  });

  it.each<[string, Fault, string]>([
    ['a status', { kind: 'answer', status: 503 }, 'the gateway answered 503'],
    ['a broken connection', { kind: 'drop' }, BROKE],
    ['no cursor', { kind: 'answer', status: 200, body: '{"movements":[]}' }, MISFIT],
    ['no list', { kind: 'answer', status: 200, body: '{"next_cursor":null}' }, MISFIT],
    ['a row that is none', { kind: 'answer', status: 200, body: '{"movements":[{}],"next_cursor":null}' }, MISFIT],
    ['too many bytes', { kind: 'answer', status: 200, body: ' '.repeat(1024 * 1024 + 1) }, MISFIT],
  ])('that breaks off with %s fails, and does not pass for a whole one', async (_, fault, message) => {
    await restart({ pageSize: 1 });
    await charge({ id: 'TXN-1' });
    await charge({ id: 'TXN-2' });
    server.fault = ({ id }) => (id === '1' ? fault : { kind: 'normal' });

    const seen: Movement[] = [];
    await expect(listed(...ALL, seen)).rejects.toThrow(new ListingFailed(message));
    expect(seen.map(({ id }) => id)).toEqual(['TXN-1']);
  });

  it.each([
    ['an amount that is no integer', { amount_minor: 10.5 }],
    ['an amount of nothing', { amount_minor: 0 }],
    ['a currency that is none', { currency: 'dollars' }],
    ['a status that there is not', { status: 'approved' }],
    ['a kind that there is not', { kind: 'payout' }],
    ['a time that is a text', { moved_at_ms: '2026-01-01' }],
    ['no id', { id: '' }],
  ])('with %s fails', async (_, wrong) => {
    const movement = { kind: 'charge', id: 'TXN-1', reference: 'ch_1', currency: 'USD', status: 'succeeded' };
    const body = { movements: [{ ...movement, amount_minor: 1, moved_at_ms: 1, ...wrong }], next_cursor: null };
    server.fault = () => ({ kind: 'answer', status: 200, body: JSON.stringify(body) });
    await expect(listed(...ALL)).rejects.toThrow(new ListingFailed(MISFIT));
  });

  it('gives each page its own deadline', async () => {
    await restart({ pageSize: 1 });
    await charge({ id: 'TXN-1' });
    await charge({ id: 'TXN-2' });
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const deadlines = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(10 * SHORT_MS));
    server.fault = () => ({ kind: 'delay', ms: 6 * SHORT_MS });
    expect(await listed(...ALL)).toHaveLength(2);
    expect(deadlines.mock.calls).toEqual([[10_000], [10_000]]);

    server.fault = () => ({ kind: 'delay', ms: PATIENT_MS });
    await expect(listed(...ALL)).rejects.toThrow(new ListingFailed(TOO_LATE));
  });

  it('that has no end is given up', async () => {
    server.fault = () => ({ kind: 'answer', status: 200, body: '{"movements":[],"next_cursor":"0"}' });
    await expect(listed(...ALL)).rejects.toThrow(new ListingFailed("the gateway's listing has more than 1000 pages"));
    expect(server.calls).toHaveLength(1000);
  }, 30_000); // a thousand calls, however busy the machine is
});

describe('a wrong key', () => {
  beforeEach(() => {
    gateway = createHttpGateway({ url: server.url, apiKey: 'another-key', holds: true });
  });

  it('moves nothing, and learns nothing', async () => {
    const reason = 'the gateway answered 401';
    expect(await charge()).toEqual({ kind: 'failed', reason });
    expect(await refund()).toEqual({ kind: 'unknown', reason });
    expect(await lookUpCharge()).toEqual({ kind: 'unreachable', reason });
    expect(await lookUpRefund()).toEqual({ kind: 'unreachable', reason });
    expect(await cancel()).toEqual({ kind: 'unreachable', reason });
    expect(await capture()).toEqual({ kind: 'unknown', reason });
    expect(await release()).toEqual({ kind: 'unreachable', reason });
    await expect(listed(0, 1)).rejects.toThrow(new ListingFailed(reason));
    expect(server.calls).toEqual([]);
  });
});

describe('what is sent', () => {
  it.each(['', '/', '/payments/v2', '/payments/v2/'])('goes below the address, here "%s"', async (path) => {
    const { url, requests } = await record();
    gateway = createHttpGateway({ url: `${url}${path}`, apiKey: 'a-key' });
    await charge();
    await lookUpCharge();
    await cancel();
    await refund();
    await lookUpRefund();
    await listed(5, 10).catch(() => {});
    const root = path.replace(/\/$/, '');
    expect(requests.map(({ line }) => line)).toEqual([
      `POST ${root}/charges`,
      `GET ${root}/charges/TXN-1`,
      `POST ${root}/charges/TXN-1/cancel`,
      `POST ${root}/refunds`,
      `GET ${root}/refunds/REF-1`,
      `GET ${root}/movements?from=5&to=10`,
    ]);
    for (const { headers } of requests) expect(headers.authorization).toBe('Bearer a-key');
  });

  it.each([
    [
      'a cursor',
      '/movements?from=0&to=9&cursor=a%26b%3D%2F',
      { movements: [], next_cursor: 'a&b=/' },
      () => listed(0, 9),
    ],
    ['an id', '/charges/TXN%2F..%3F', {}, () => lookUpCharge({ id: 'TXN/..?' })],
  ])('has %s as it is, whatever is in it', async (_, target, answer, ask) => {
    const { url, requests } = await record(answer);
    gateway = createHttpGateway({ url, apiKey: 'a-key' });
    await ask().catch(() => {});
    expect(requests.map(({ line }) => line)).toContain(`GET ${target}`);
  });

  it('has the charge under its idempotency key', async () => {
    const { url, requests } = await record();
    gateway = createHttpGateway({ url, apiKey: 'a-key' });
    await charge();
    await charge({ instrument: { kind: 'paypal', email: 'payer@example.com', paymentId: 'PAY-1' } });

    const amount = { id: 'TXN-1', booking_id: 'BOOK-1', amount_minor: 2550, currency: 'USD' };
    const instrument = {
      type: 'card',
      number: TEST_CARDS.visa,
      expiry_month: 11,
      expiry_year: Number(TEST_EXPIRY_YEAR),
      cvv: TEST_CVV,
      cardholder_name: CARDHOLDER,
    };
    const paypal = { type: 'paypal', email: 'payer@example.com', payment_id: 'PAY-1' };
    expect(requests.map(({ body }) => body)).toEqual([
      { ...amount, instrument },
      { ...amount, instrument: paypal },
    ]);
    expect(requests[0]?.headers).toMatchObject({ 'idempotency-key': 'TXN-1', 'content-type': 'application/json' });
  });

  it('has the refund under its own', async () => {
    const { url, requests } = await record();
    gateway = createHttpGateway({ url, apiKey: 'a-key' });
    await refund();
    expect(requests[0]?.body).toEqual({
      id: 'REF-1',
      charge_id: 'TXN-1',
      charge_reference: 'ch_TXN-1',
      amount_minor: 1000,
      currency: 'USD',
      reason: 'Customer cancellation',
    });
    expect(requests[0]?.headers['idempotency-key']).toBe('REF-1');
  });
});

describe('the gateway of the tests', () => {
  const amount = { amount_minor: 100, currency: 'USD' };
  const paypal = { type: 'paypal', email: 'payer@example.com', payment_id: 'PAY-1' };

  it.each<[string, string, object | string, number]>([
    ['no JSON', 'charges', '{', 400],
    ['another key than the id', 'charges', { id: 'TXN-2', booking_id: 'B', ...amount, instrument: paypal }, 400],
    ['no instrument', 'charges', { id: 'TXN-1', booking_id: 'B', ...amount }, 422],
    [
      'a decimal amount',
      'charges',
      { id: 'TXN-1', booking_id: 'B', ...amount, amount_minor: 1.5, instrument: paypal },
      422,
    ],
    ['a field too many', 'charges', { id: 'TXN-1', booking_id: 'B', ...amount, instrument: paypal, cvv: '' }, 422],
    ['a refund of no charge', 'refunds', { id: 'TXN-1', ...amount, charge_reference: null, reason: '' }, 422],
    ['a path that there is not', 'payments', {}, 404],
  ])('refuses %s', async (_, path, body, status) => {
    const response = await fetch(`${server.url}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.apiKey}`, 'idempotency-key': 'TXN-1' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    expect(response.status).toBe(status);
    expect(server.calls).toEqual([]);
  });

  it('notes a key that comes again with another amount, and moves nothing', async () => {
    await charge();
    await refund({ amountMinor: 1000 });
    await refund({ amountMinor: 1001 });
    expect(server.contradictions).toEqual(['REF-1']);
    expect(server.refunds()).toMatchObject([{ amountMinor: 1000 }]);
  });

  it('keeps nothing of a card', async () => {
    await charge();
    expectNoSecret([server.calls, server.charges()]);
  });
});

/** A test's outcome may be logged; so whatever it is, nothing may be in it that a log must not have. */
function expectNoSecret(outcome: unknown): void {
  const told = JSON.stringify(outcome);
  for (const secret of [server.apiKey, TEST_CARDS.visa, TEST_CVV, CARDHOLDER]) expect(told).not.toContain(secret);
}

async function safe<T>(outcome: Promise<T>): Promise<T> {
  expectNoSecret(await outcome);
  return outcome;
}

interface Asked {
  id?: string;
  signal?: AbortSignal | undefined;
}

function charge(asked: Asked & { instrument?: Instrument } = {}): Promise<GatewayOutcome> {
  const { id, instrument = card() } = asked;
  return safe(gateway.charge({ transaction: transaction(id), instrument, signal: signalOf(asked) }));
}

function refund(asked: Asked & { of?: string; amountMinor?: number } = {}): Promise<GatewayOutcome> {
  const { id, of, amountMinor } = asked;
  const request = { refund: refundRow(id, amountMinor), transaction: transaction(of), signal: signalOf(asked) };
  return safe(gateway.refund(request));
}

function lookUpCharge(asked: Asked = {}): Promise<LookUp> {
  return safe(gateway.lookUpCharge(transaction(asked.id), signalOf(asked)));
}

function lookUpRefund(asked: Asked = {}): Promise<LookUp> {
  return safe(gateway.lookUpRefund(refundRow(asked.id), transaction(), signalOf(asked)));
}

function cancel(asked: Asked = {}): Promise<Fence> {
  if (gateway.cancelCharge === undefined) throw new Error('the gateway can cancel charges');
  return safe(gateway.cancelCharge(transaction(asked.id), signalOf(asked)));
}

function capture(asked: Asked = {}): Promise<GatewayOutcome> {
  if (gateway.holds === undefined) throw new Error('the gateway holds money');
  return safe(gateway.holds.capture({ transaction: transaction(asked.id), signal: signalOf(asked) }));
}

function release(asked: Asked = {}): Promise<Fence> {
  if (gateway.holds === undefined) throw new Error('the gateway holds money');
  return safe(gateway.holds.release(transaction(asked.id), signalOf(asked)));
}

/** `seen` has what came before a listing failed. */
async function listed(fromMs: number, toMs: number, seen: Movement[] = []): Promise<Movement[]> {
  if (gateway.listMovements === undefined) throw new Error('the gateway can list movements');
  for await (const movement of gateway.listMovements(fromMs, toMs)) seen.push(movement);
  return seen;
}

function signalOf({ signal }: Asked): AbortSignal {
  return signal ?? AbortSignal.timeout(PATIENT_MS);
}

/** What goes wrong with every call of one kind. */
function disturb(disturbed: CallKind, fault: Fault): void {
  server.fault = ({ kind }) => (kind === disturbed ? fault : { kind: 'normal' });
}

async function start(options: PaymentGatewayOptions = {}): Promise<PaymentGatewayServer> {
  const started = await startPaymentGateway({ nowMs: () => 100, ...options });
  releases.push(() => started.stop());
  return started;
}

async function restart(options: PaymentGatewayOptions): Promise<void> {
  server = await start(options);
  gateway = createHttpGateway(server);
}

interface Recorded {
  line: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

/** A server that says the same to all, and remembers what it was asked. */
async function record(answer: object = {}): Promise<{ url: string; requests: Recorded[] }> {
  const requests: Recorded[] = [];
  const reply = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = text === '' ? null : JSON.parse(text);
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    // Once: a listing of which every page has a next one goes on for long.
    response.end(JSON.stringify(requests.length === 1 ? answer : {}));
  };
  const http = createServer((request, response) => void reply(request, response));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  releases.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, requests };
}

function card(number: string = TEST_CARDS.visa): Instrument {
  const details = { expiry_month: '11', expiry_year: TEST_EXPIRY_YEAR, cvv: TEST_CVV, cardholder_name: CARDHOLDER };
  const read = readCard(redactedDetails({ card_number: number, ...details }));
  if (read === null) throw new Error('a card of a test is none');
  return { kind: 'card', card: read };
}

function transaction(transactionId = 'TXN-1'): Transaction {
  const pending = pendingTransaction({ transactionId, bookingId: 'BOOK-1', gateway: 'http', createdAtMs: 0 });
  return {
    ...paidTransaction(pending, `ch_${transactionId}`),
    cardBrand: 'visa',
    cardLast4: '1111',
    processedAtMs: null,
  };
}

function refundRow(refundId = 'REF-1', amountMinor = 1000): Refund {
  return pendingRefund(transaction(), { refundId, amountMinor, createdAtMs: 0 });
}
