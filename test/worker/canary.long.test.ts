/** Random cards inside the Worker: what it logs, queues and stores of them, also where its database and its gateway quote them. */
import { env } from 'cloudflare:workers';
// @ts-expect-error Node's types stay out of the Worker's code; workerd's console.log is made of this module's own.
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChargeRequest } from '../../src/core/gateways/gateway.ts';
import { createLog } from '../../src/core/log.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { createCanaries } from '../data/canaries.ts';
import { cardRequests, paymentWith } from '../data/card-requests.ts';
import { createCardSearch } from '../data/card-search.ts';
import { figures } from '../data/figures.ts';
import { gateway, operation, paymentRequest } from './operation.ts';
import { consumeMessages, recordingQueue } from './queue.ts';
import { type RequestOptions, sendWith } from './request.ts';
import { allCells, hitsInTables } from './stored.ts';

const ROUNDS = 22;
const queue = recordingQueue();
const BINDINGS = {
  PAYMENT_EVENTS: queue.binding,
  RATE_LIMIT_EXEMPT: '198.18.0.0/15',
  // Counted, and nobody is stopped.
  VELOCITY_PER_CARD: '1000',
  VELOCITY_PER_USER: '100000',
  VELOCITY_DECLINE_PERCENT: '100',
};
const canaries = createCanaries();
/** What has left the Worker, and was not searched yet. */
const shown: string[] = [];
const searched = { bytes: 0, hits: 0 };
let requests = 0;

beforeEach(() => {
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void shown.push(...args.map(inspected)));
  }
});
afterEach(() => void vi.restoreAllMocks());

describe('of random cards nothing is answered, logged, queued or stored (invariant 5)', { timeout: 60_000 }, () => {
  it('however they are sent', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await Promise.all(
        cardRequests(canaries.next, canaries.word).map(async ({ name, status, ...options }) => ({
          name,
          status,
          answered: await pay(options),
        })),
      );
      for (const { name, status, answered } of answers) expect({ name, status: answered }).toEqual({ name, status });
    }
    await expectNothingShown();
  });

  it('in the place of an id, and in what follows it', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { card_number, cvv } = canaries.next();
      expect(await send('GET', `/payment/status/${card_number}`)).toBe(404);
      expect(await send('GET', `/payment/status/TXN-${card_number}`)).toBe(404);
      expect(await send('GET', `/payment/${card_number}?cvv=${cvv}`)).toBe(404);
      expect(await pay(paying(), `/payment/process?card_number=${card_number}&cvv=${cvv}`)).toBe(200);
    }
    await expectNothingShown();
  });

  it('under a key that comes again, with the same card or another one', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const keyed = { ...paying(), headers: { 'Idempotency-Key': `key-${round}` } };
      expect(await pay(keyed)).toBe(200);
      expect(await pay(keyed)).toBe(200);
      expect(await pay({ ...keyed, ...paying() })).toBe(422);
    }
    await expectNothingShown();
  });

  it.each([
    ['refuses the claim', 1, 'SQLITE_ERROR', 500],
    ['is not there for the claim', 1, 'Network connection lost.', 503],
    ['refuses the outcome', 2, 'SQLITE_ERROR', 502],
  ])('while a database that quotes what it was given %s', async (_, fromRoundTrip, message, status) => {
    const payments = Array.from({ length: ROUNDS }, () =>
      pay(paying(), '/payment/process', { DB: quotingDatabase(fromRoundTrip, message) }),
    );
    expect(await Promise.all(payments)).toEqual(payments.map(() => status));
    await expectNothingShown();
  });

  it.each<[string, (quoted: string) => unknown]>([
    ['an error', (quoted) => new Error(quoted)],
    ['an error that has a cause', (quoted) => new Error('no', { cause: new SyntaxError(quoted) })],
    ['an error of several lines', (quoted) => new Error(`no\n    at ${quoted}\n`)],
    ['text', (quoted) => quoted],
    ['an object', (quoted) => ({ message: quoted, stack: quoted })],
  ])('where a gateway throws %s that quotes what it was sent', async (_, thrown) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const failing = gateway({ charge: async (request) => Promise.reject(thrown(quotation(request))) });
      const context = operation({ gateway: failing, log: createLog({}) });
      const answer = await processPayment(context, paymentRequest({ ...paymentWith(canaries.next()) }), '25.50');
      expect(answer.kind).toBe('pending');
      shown.push(inspected(answer), JSON.stringify(answer));
    }
    await expectNothingShown();
  });
});

it('all tables with rows of a payment were searched', async () => {
  const filled = new Set((await allCells()).map(({ column }) => column.split('.')[0]));
  const tables = ['transactions', 'events', 'idempotency_keys', 'audit_entries', 'velocity_counters'];
  expect([...filled]).toEqual(expect.arrayContaining(tables));
});

afterAll(async () => {
  const cells = (await allCells()).length;
  console.log(figures(requests, 'inside the Worker', `${searched.bytes} bytes and ${cells} cells`, searched.hits));
});

/** In what it has shown since the last search, in the bodies of the queue, and in the database. */
async function expectNothingShown(): Promise<void> {
  const messages = queue.sent.splice(0).map(({ body }) => body);
  await consumeMessages(messages.slice(0, 1));
  const text = [...shown.splice(0), ...messages.map((body) => JSON.stringify(body))].join('\n');
  const search = createCardSearch(canaries.sent());
  const hits = [...search.inText(text), ...(await hitsInTables(search))];
  searched.bytes += text.length;
  searched.hits += hits.length;
  expect(hits).toEqual([]);
}

function paying(): RequestOptions {
  return { body: paymentWith(canaries.next()) };
}

function pay(
  options: RequestOptions,
  path = '/payment/process',
  bindings: Record<string, unknown> = {},
): Promise<number> {
  return send('POST', path, options, bindings);
}

async function send(
  method: string,
  path: string,
  options: RequestOptions = {},
  bindings: Record<string, unknown> = {},
): Promise<number> {
  requests += 1;
  const { status, headers, text } = await sendWith({ ...BINDINGS, ...bindings }, method, path, options);
  shown.push([...headers].map(([name, value]) => `${name}: ${value}`).join('\n'), text);
  return status;
}

function inspected(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: null, showHidden: true });
}

/** All of the card, as a library may write it into its error. */
function quotation({ instrument }: ChargeRequest): string {
  if (instrument.kind !== 'card') throw new Error('no card was sent');
  const { number, cvv, expiryMonth, expiryYear, cardholderName } = instrument.card;
  const quoted = [number, cvv, expiryMonth, expiryYear, cardholderName].map((value) => value.reveal());
  return `invalid request: ${JSON.stringify(quoted)}`;
}

/** The real one, until a round trip from which on it says what was bound to its statements, and nothing else. */
function quotingDatabase(fromRoundTrip: number, message: string): D1Database {
  let roundTrips = 0;
  let bound: unknown[] = [];
  return {
    prepare: (query: string) => {
      const statement = env.DB.prepare(query);
      const bind = statement.bind.bind(statement);
      statement.bind = (...values: unknown[]) => {
        bound.push(values);
        return bind(...values);
      };
      return statement;
    },
    async batch(statements: D1PreparedStatement[]) {
      roundTrips += 1;
      if (roundTrips >= fromRoundTrip) throw new Error(`D1_ERROR: ${JSON.stringify(bound)}: ${message}`);
      bound = [];
      return env.DB.batch(statements);
    },
  } as unknown as D1Database;
}
