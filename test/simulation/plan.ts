/** What happens in a history: what callers do and when, and what may go wrong meanwhile. fast-check makes them, and makes a failing one smaller. */
import * as fc from 'fast-check';
import { STALL_MANNERS } from './database.ts';
import { FAULT_KINDS } from './faults.ts';

/** How many databases an installation has: mostly one. */
export const SHARD_COUNTS = [1, 3, 8] as const;

/** Mostly at once or soon after; now and then when all deadlines of what came before have passed. */
const afterMs = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 70_000 }) },
);
/** As callers write them; the exact value of each is asked for at the gateway. */
const AMOUNTS = ['25.50', '10', '19.99', '0.07', '1e2', '100000', '8.2', '1.15'] as const;

/** What a shop asks for beyond a payment at once, where the gateway can do that, and how it goes on. */
const wait = fc.record({
  optsIn: fc.constantFrom('to_nothing', 'to_challenge', 'to_hold', 'to_both', 'to_both'),
  holdMinutes: fc.constantFrom(null, 1, 4),
  /** Once it hears that the money is held. */
  ends: fc.constantFrom('nothing', 'capture', 'capture', 'void', 'both'),
  endsAfterMs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 280_000 })),
  /** How often it asks for the status meanwhile. */
  polls: fc.constantFrom(0, 3, 20),
});
export type Wait = typeof wait extends fc.Arbitrary<infer W> ? W : never;

const pay = fc.record({
  kind: fc.constant('pay' as const),
  afterMs,
  booking: fc.nat({ max: 3 }),
  amount: fc.constantFrom(...AMOUNTS),
  card: fc.constantFrom(...(['good', 'good', 'good', 'good', 'challenged', 'declined', 'invalid'] as const)),
  /** At PayPal, the order that the payer has approved, or has not. */
  order: fc.constantFrom(
    ...(['new', 'new', 'new', 'new', 'used', 'used', 'wrong_amount', 'changed_late', 'foreign', 'unapproved'] as const),
  ),
  keyed: fc.boolean(),
  /** The same request so many times at once: a double click. */
  copies: fc.constantFrom(1, 1, 1, 2, 3),
  wait,
});

/** One that waits, of a booking that has more of them. */
const payAndWait = fc
  .record({
    one: pay,
    booking: fc.integer({ min: 4, max: 9 }),
    card: fc.constantFrom('good' as const, 'challenged' as const),
    optsIn: fc.constantFrom('to_challenge' as const, 'to_both' as const, 'to_both' as const),
  })
  .map(({ one, booking, card, optsIn }) => ({ ...one, booking, card, wait: { ...one.wait, optsIn } }));

const refund = fc.record({
  kind: fc.constant('refund' as const),
  afterMs,
  /** One of the payments that callers know of by then: even numbers count those only that can be refunded. */
  payment: fc.nat({ max: 15 }),
  percent: fc.constantFrom(100, 60, 40, 50, 30, 20, 10, 130),
  /** So much of what is left is refunded in the provider's dashboard meanwhile. */
  percentByHand: fc.constantFrom(0, 0, 0, 0, 0, 30, 100),
  keyed: fc.boolean(),
  copies: fc.constantFrom(1, 1, 1, 2, 3),
});

/** By somebody in the provider's dashboard. */
const refundByHand = fc.record({
  kind: fc.constant('refundByHand' as const),
  afterMs,
  payment: fc.nat({ max: 15 }),
  percent: fc.constantFrom(100, 30, 30, 10),
});

const repeat = fc.record({
  kind: fc.constant('repeat' as const),
  afterMs,
  /** One of the requests that were sent with a key. */
  request: fc.nat({ max: 15 }),
  /** What is sent under its key: a payment of another booking has its place in another database at times. */
  body: fc.constantFrom(...(['same', 'same', 'same', 'other', 'other_booking'] as const)),
  booking: fc.nat({ max: 9 }),
});

const status = fc.record({ kind: fc.constant('status' as const), afterMs, subject: fc.nat({ max: 15 }) });

/** A request to capture, to void, or both at once. */
const end = fc.record({
  kind: fc.constant('end' as const),
  afterMs,
  step: fc.constantFrom('capture', 'void', 'both'),
  /** One of the payments that callers know of by then: even numbers count those only that wait. */
  payment: fc.nat({ max: 15 }),
  isStranger: fc.constantFrom(false, false, false, false, true),
  copies: fc.constantFrom(1, 1, 2),
});

const reconcile = fc.record({ kind: fc.constant('reconcile' as const), afterMs });

const outage = fc.record({
  kind: fc.constant('outage' as const),
  afterMs,
  of: fc.constantFrom('gateway' as const, 'bridge' as const),
  durationMs: fc.integer({ min: 1_000, max: 180_000 }),
});

/** D1 carries nothing out, and everything at the end of it: in all databases, or in one of them. */
const stall = fc.record({
  kind: fc.constant('stall' as const),
  afterMs,
  durationMs: fc.integer({ min: 1_000, max: 80_000 }),
  manner: fc.constantFrom(...STALL_MANNERS),
  /** Counted around; null: all of them. */
  shard: fc.constantFrom(null, null, 0, 1, 2, 5),
});

/** Many payments of other bookings, one after the other: enough for a breaker to open where the gateway is down. */
const rush = fc.record({
  kind: fc.constant('rush' as const),
  afterMs,
  payments: fc.integer({ min: 2, max: 12 }),
  everyMs: fc.integer({ min: 1, max: 2_000 }),
  gatewayIsDown: fc.boolean(),
});

const restart = fc.record({ kind: fc.constant('restart' as const), afterMs, isolate: fc.nat({ max: 1 }) });

const action = fc.oneof(
  { weight: 9, arbitrary: pay },
  { weight: 8, arbitrary: payAndWait },
  { weight: 9, arbitrary: refund },
  { weight: 2, arbitrary: refundByHand },
  { weight: 3, arbitrary: repeat },
  { weight: 3, arbitrary: status },
  { weight: 5, arbitrary: end },
  { weight: 1, arbitrary: reconcile },
  { weight: 1, arbitrary: outage },
  { weight: 2, arbitrary: stall },
  { weight: 1, arbitrary: rush },
  { weight: 1, arbitrary: restart },
);
const lateAction = fc.oneof(pay, refund, refundByHand, repeat, status, end);
export type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What the gateway is: a simple one, or a provider with the service's own adapter before it. */
export const GATEWAY_KINDS = ['simulated', 'stripe', 'paypal'] as const;
export type GatewayKind = (typeof GATEWAY_KINDS)[number];

export const plan = fc.record({
  provider: fc.constantFrom(...GATEWAY_KINDS),
  /** Of all chance in the world outside. */
  chance: fc.nat({ max: 2 ** 31 - 1 }),
  gatewayCanCancel: fc.boolean(),
  /** How often a call has one particular fault. */
  faultRate: fc.constantFrom<number[]>(0.02, 0.05, 0.15),
  faults: fc.shuffledSubarray([...FAULT_KINDS]),
  actions: fc.array(action, { maxLength: 30, size: 'max' }),
  /** Whether faults go on for days after that, in which callers come back; else nothing goes wrong any more. */
  troubledDays: fc.boolean(),
  /** In those days: what the last look-ups and forgotten keys have to stand. */
  lateActions: fc.array(fc.record({ afterHours: fc.integer({ min: 1, max: 150 }), action: lateAction }), {
    maxLength: 4,
    size: 'max',
  }),
  /** Whether payments wait at a provider, too: for their payers, and to be captured. At the simple gateway they always do. */
  waitsAtProvider: fc.boolean(),
  shards: fc.constantFrom(1, 1, 1, ...SHARD_COUNTS.slice(1)),
});
export type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;
