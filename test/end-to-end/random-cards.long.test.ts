/** Random cards go every way through the real service, also while parts of it die, and then all that is left is searched for them. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCanaries } from '../data/canaries.ts';
import { cardRequests, paymentWith } from '../data/card-requests.ts';
import { type PlainDetails, spellings } from '../data/cards.ts';
import { figures } from '../data/figures.ts';
import { searchCardData } from '../support/card-data.ts';
import { drainQueue } from '../support/exchange.ts';
import { inLanes } from '../support/in-lanes.ts';
import { lockLocalDatabase } from '../support/local-database.ts';
import { type Fault, type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newAddress, newBooking, type Stack, startStack } from '../support/stack.ts';

/** Of each way in which a card can go, so many without anything being down. */
const ROUNDS = 3;
const CALLERS = 24;
/** So that a gateway which fails so often is not taken for dead: those that it approves of, beside the others. */
const APPROVED_IN_A_ROUND = 40;
const GATEWAY_DEADLINE_MS = 1_500;
const KILLED_AFTER_MS = 400;
/** The service asks D1 again for 2 seconds. */
const LOCKED_MS = 6_000;
const FAILURES_TO_OPEN_BREAKER = 5;

/** What the gateway makes of a charge, told what was sent to it; and how the payment is answered. */
interface Ending {
  name: string;
  status: number;
  fault: (sent: string) => Fault;
}

const declined = (code: string): Ending => ({ name: code, status: 400, fault: () => ({ kind: 'decline', code }) });
const declinedFor = (name: string, reason: (number: string) => string): Ending => ({
  name: `a decline whose reason has the number ${name}`,
  status: 400,
  fault: (sent) => ({ kind: 'decline', code: 'CARD_DECLINED', reason: reason(numberIn(sent)) }),
});
const repeated = (status: number, end: 'whole' | 'cut' | 'stalled' = 'whole'): Ending => ({
  name: `a ${status} that repeats the request, ${end}`,
  status: 502,
  fault: (body) => ({ kind: 'answer', status, body, end, headers: { location: `/?${encodeURIComponent(body)}` } }),
});

const ENDINGS: Ending[] = [
  ...['INVALID_CARD', 'INSUFFICIENT_FUNDS', 'CARD_EXPIRED', 'CARD_DECLINED', 'PAYMENT_FAILED'].map(declined),
  declinedFor('in it', (number) => `The card ${number} was declined`),
  declinedFor('in groups', (number) => `Declined: ${spellings(number).join(', ')}`),
  declinedFor('with dots', (number) => `Declined: ${number.replace(/...(?=.)/g, '$&.')}`),
  { name: 'a failure', status: 502, fault: () => ({ kind: 'fail' }) },
  { name: 'a connection that breaks', status: 502, fault: () => ({ kind: 'drop' }) },
  { name: 'a charge and a connection that breaks', status: 502, fault: () => ({ kind: 'commit_then_drop' }) },
  { name: 'silence', status: 502, fault: () => ({ kind: 'delay', ms: 2 * GATEWAY_DEADLINE_MS }) },
  {
    name: 'a charge and silence',
    status: 502,
    fault: () => ({ kind: 'commit_then_delay', ms: 2 * GATEWAY_DEADLINE_MS }),
  },
  ...[200, 302, 400, 409, 422, 500].map((status) => repeated(status)),
  repeated(200, 'cut'),
  repeated(500, 'stalled'),
];

interface Outgoing {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

/** What one caller does with cards of its own, and the status of the answer that it is about. */
interface Way {
  name: string;
  status: number;
  walk: () => Promise<(number | null)[]>;
}

const canaries = createCanaries();
const endings = new Map<string, Ending['fault']>();
let gateway: PaymentGatewayServer;
let stack: Stack;
let requests = 0;

beforeAll(async () => {
  gateway = await startPaymentGateway();
  gateway.fault = ({ kind }, sent) => (kind === 'charge' && endings.get(numberIn(sent))?.(sent)) || { kind: 'normal' };
  stack = await startStack('canary', rabbitmqUrl(), {
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_TIMEOUT_MS: String(GATEWAY_DEADLINE_MS),
    // Where callers come from: to count each of them would make thousands of files.
    RATE_LIMIT_EXEMPT: '198.18.0.0/15',
  });
});
afterAll(async () => {
  await stack?.stop();
  await gateway?.stop();
});

it('of random cards nothing is stored, logged, queued, published or answered, whatever fails meanwhile (invariant 5)', async () => {
  const allUp = await walkAll(Array.from({ length: ROUNDS }, round).flat());
  expect(allUp.neverRight).toEqual(new Set());

  const killed = walkAll(round());
  await sleep(KILLED_AFTER_MS);
  await stack.worker.child.kill();
  expect((await killed).statuses).toContain(null);
  await stack.startWorker();

  const unlock = lockLocalDatabase(stack.directory);
  const failing = walkAll(round());
  await stack.bridge.child.kill();
  await sleep(LOCKED_MS);
  unlock();
  expect((await failing).statuses).toContain(503);
  await stack.startBridge();
  await openBreaker();
  await stack.worker.sweep();

  const queued = await drainQueue(rabbitmqUrl(), stack.queue);
  expect(queued.length).toBeGreaterThan(ROUNDS * APPROVED_IN_A_ROUND);
  writeFileSync(join(stack.directory, 'queued'), queued.join('\n'));
  // Killed, it leaves its databases as they are, with what it had not yet written into their files.
  await stack.worker.child.kill();
  const { files, bytes, hits } = await searchCardData(stack.directory, canaries.sent());
  console.log(figures(requests, 'through everything', `${files} files (${bytes} bytes)`, hits.length));
  expect(hits).toEqual([]);
}, 180_000);

/** Each way once, in an order that chance makes. */
function round(): Way[] {
  return shuffled([
    ...ENDINGS.map(charged),
    ...Array.from({ length: APPROVED_IN_A_ROUND }, () => charged(APPROVED)),
    ...cardRequests(canaries.next, canaries.word).map(({ name, status, ...outgoing }) => ({
      name,
      status,
      walk: async () => [await send(outgoing)],
    })),
    ...repeatedly(),
    ...elsewhere(),
  ]);
}

const APPROVED: Ending = { name: 'a charge', status: 200, fault: () => ({ kind: 'normal' }) };

function charged({ name, status, fault }: Ending): Way {
  const card = cardWith(fault);
  return { name, status, walk: async () => [await send(paying(card))] };
}

/** One booking or one key, more than once. */
function repeatedly(): Way[] {
  const slow = () => cardWith(() => ({ kind: 'delay', ms: 300 }));
  const twice = async (first: Outgoing, second: Outgoing) => [await send(first), await send(second)];
  const keyed = (outgoing: Outgoing, key: string) => ({ ...outgoing, headers: { 'Idempotency-Key': key } });
  return [
    {
      name: 'a key again',
      status: 200,
      walk() {
        const request = keyed(paying(canaries.next()), newBooking());
        return twice(request, request);
      },
    },
    {
      name: 'a key with another card',
      status: 422,
      walk() {
        const [key, booking_id] = [newBooking(), newBooking()];
        return twice(
          keyed(paying(canaries.next(), { booking_id }), key),
          keyed(paying(canaries.next(), { booking_id }), key),
        );
      },
    },
    {
      name: 'a key at once',
      status: 409,
      walk() {
        const request = keyed(paying(slow()), newBooking());
        return Promise.all([send(request), send(request)]);
      },
    },
    {
      name: 'a booking again with another card',
      status: 409,
      walk() {
        const booking_id = newBooking();
        return twice(paying(canaries.next(), { booking_id }), paying(canaries.next(), { booking_id }));
      },
    },
  ];
}

/** Where no card belongs. One in an address is not sent: `wrangler dev` prints addresses, and keeps them, whatever the service does. */
function elsewhere(): Way[] {
  const refund = { booking_id: newBooking(), original_transaction_id: newBooking(), refund_amount: 1, reason: '' };
  const ways: [status: number, outgoing: Outgoing][] = [
    [405, { ...paying(canaries.next()), method: 'PUT' }],
    [404, { ...paying(canaries.next()), path: '/payment/charge' }],
    [404, { ...paying(canaries.next()), path: '/webhooks/stripe' }],
    [422, { ...paying(canaries.next()), path: '/payment/refund' }],
    [404, { ...paying(canaries.next(), refund), path: '/payment/refund' }],
  ];
  return ways.map(([status, outgoing]) => ({
    name: `${outgoing.method ?? 'POST'} ${outgoing.path ?? ''} to be answered with ${status}`,
    status,
    walk: async () => [await send(outgoing)],
  }));
}

/** Charges in a row without an answer, until the service refuses to ask. */
async function openBreaker(): Promise<void> {
  const unanswered = () => send(paying(cardWith(() => ({ kind: 'drop' }))));
  for (let failure = 0; failure < FAILURES_TO_OPEN_BREAKER; failure += 1) await unanswered();
  const charges = () => gateway.calls.filter(({ kind }) => kind === 'charge').length;
  const before = charges();
  expect(await Promise.all(Array.from({ length: 20 }, unanswered))).toEqual(Array(20).fill(502));
  expect(charges()).toBe(before);
}

/** Walks them side by side; answers with the names of those that never ended as they should, and all that was answered. */
async function walkAll(ways: Way[]): Promise<{ neverRight: Set<string>; statuses: (number | null)[] }> {
  const right = new Set<string>();
  const answered: (number | null)[] = [];
  await inLanes(CALLERS, ways, async (way) => {
    const statuses = await way.walk();
    if (statuses.includes(way.status)) right.add(way.name);
    answered.push(...statuses);
  });
  return { neverRight: new Set(ways.map(({ name }) => name)).difference(right), statuses: answered };
}

function paying(card: PlainDetails, others: Record<string, unknown> = {}): Outgoing {
  return { body: JSON.stringify(paymentWith(card, others)) };
}

function cardWith(fault: Ending['fault']): PlainDetails {
  const card = canaries.next();
  endings.set(card.card_number, fault);
  return card;
}

function numberIn(sent: string): string {
  return JSON.parse(sent).instrument.number;
}

/** Sends it, and keeps the answer where it is searched; null where there is none. */
async function send({ method = 'POST', path = '/payment/process', headers, body }: Outgoing): Promise<number | null> {
  requests += 1;
  try {
    const response = await fetch(`${stack.worker.url}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': newAddress(), ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(30_000),
    });
    const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    appendFileSync(
      join(stack.directory, 'answers'),
      `${response.status}\n${lines.join('\n')}\n${await response.text()}\n`,
    );
    return response.status;
  } catch {
    return null; // the service has just been killed
  }
}

function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
