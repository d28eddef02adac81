/** Four days of a cinema's payments, the same ones each time: who pays, when, by what, and how it goes. Pure. */
import type { DeclineCode } from '../../src/core/domain/failure-causes.ts';
import { type Random, seeded } from '../../test/simulation/random.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** The last one is a Saturday. */
export const DAYS = 4;
/** Of the days before it. */
const SHARE_OF_WEEKDAY = 0.4;

export type Ending =
  | { kind: 'completed' }
  | { kind: 'declined'; code: DeclineCode }
  /** The gateway fails. */
  | { kind: 'failed' }
  /** The payer is sent to the bank, and answers after so long; null: never. */
  | { kind: 'challenged'; answer: 'completed' | 'failed' | null; afterMs: number }
  /** Held; captured after so long, or not. */
  | { kind: 'held'; capturedAfterMs: number | null }
  /** The gateway never says how it ended. */
  | { kind: 'undetermined' };

export interface PlannedPayment {
  /** Before the end of the last day. */
  beforeEndMs: number;
  userId: string;
  email: string;
  bookingId: string;
  amountMinor: number;
  method: 'credit_card' | 'debit_card' | 'paypal';
  cardNumber: string;
  /** How long the gateway takes. */
  gatewayMs: number;
  ending: Ending;
  /** Paid back so long after. `isSentBack`: the payer's bank does not take it. */
  refund: { afterMs: number; amountMinor: number; reason: string; isSentBack: boolean } | null;
  disputed: { afterMs: number; reason: string } | null;
}

const TICKETS_MINOR = 1_275;
const SNACKS_MINOR = [0, 0, 0, 450, 690, 1_180];
const NAMES = ['alex', 'maria', 'jonas', 'priya', 'chen', 'sofia', 'omar', 'lena', 'tom', 'aiko', 'nadia', 'felix'];
const CARDS = ['4242424242424242', '4111111111111111', '5555555555554444', '378282246310005', '6011111111111117'];
const REASONS = ['Customer cancellation', 'Screening cancelled', 'Wrong showing booked', 'Duplicate booking'];
const DECLINES: readonly DeclineCode[] = [
  ...(['INSUFFICIENT_FUNDS', 'INSUFFICIENT_FUNDS', 'INSUFFICIENT_FUNDS'] as const),
  ...(['CARD_DECLINED', 'CARD_DECLINED', 'CARD_EXPIRED'] as const),
];
/** Payments in each of the last 24 hours, the oldest first: an evening, a night, a day, and the evening that goes on. */
const BY_HOUR = [92, 78, 55, 31, 15, 7, 4, 3, 3, 5, 9, 18, 28, 37, 42, 39, 35, 41, 53, 66, 83, 104, 116, 109];
/** Two and a half hours ago, the gateway was slow for a while, and failed some of its calls. */
const TROUBLE = { fromMs: 160 * MINUTE_MS, untilMs: 135 * MINUTE_MS };

export function planDays(): PlannedPayment[] {
  const random = seeded(20_261_130);
  const hours = Array.from({ length: DAYS }, (_, daysAgo) =>
    BY_HOUR.flatMap((count, hour) => {
      const payments = Math.round(count * (daysAgo === 0 ? 1 : SHARE_OF_WEEKDAY));
      return Array<number>(payments).fill(daysAgo * BY_HOUR.length + BY_HOUR.length - hour);
    }),
  ).flat();
  const payments = hours.map((hoursAgo, number) => planPayment(random, hoursAgo, number));
  const sentBack = payments.find(({ refund, beforeEndMs }) => refund !== null && beforeEndMs < 16 * HOUR_MS);
  if (sentBack?.refund) sentBack.refund.isSentBack = true;
  return [...payments, ...openAtTheEnd(payments.length, random)].toSorted(
    (one, other) => other.beforeEndMs - one.beforeEndMs,
  );
}

function planPayment(random: Random, hoursAgo: number, number: number): PlannedPayment {
  const beforeEndMs = Math.max(3 * MINUTE_MS, Math.floor((hoursAgo - random.next()) * HOUR_MS));
  const isTrouble = beforeEndMs <= TROUBLE.fromMs && beforeEndMs > TROUBLE.untilMs;
  const method = random.chance(0.22) ? 'paypal' : random.chance(0.15) ? 'debit_card' : 'credit_card';
  const amountMinor = (1 + random.below(4)) * TICKETS_MINOR + random.pick(SNACKS_MINOR);
  const ending = planEnding(random, method, isTrouble);
  const isRefunded = ending.kind === 'completed' && beforeEndMs > 2 * HOUR_MS && random.chance(0.05);
  return {
    ...someBooking(random, number),
    beforeEndMs,
    amountMinor,
    method,
    gatewayMs: Math.round((isTrouble ? 1_400 : 240) + random.next() ** 3 * (isTrouble ? 5_200 : 900)),
    ending,
    refund: isRefunded
      ? {
          afterMs: Math.floor((0.2 + random.next()) * HOUR_MS),
          amountMinor: random.chance(0.7) ? amountMinor : TICKETS_MINOR,
          reason: random.pick(REASONS),
          isSentBack: false,
        }
      : null,
    disputed:
      number === 43
        ? { afterMs: 9 * HOUR_MS, reason: 'fraudulent' }
        : number === 131
          ? { afterMs: 4 * HOUR_MS, reason: 'product_not_received' }
          : null,
  };
}

function planEnding(random: Random, method: PlannedPayment['method'], isTrouble: boolean): Ending {
  if (isTrouble && random.chance(0.35)) return { kind: 'failed' };
  if (method === 'paypal')
    return random.chance(0.03) ? { kind: 'declined', code: 'PAYMENT_FAILED' } : { kind: 'completed' };
  if (random.chance(0.07)) return { kind: 'declined', code: random.pick(DECLINES) };
  if (random.chance(0.12)) {
    const answer = random.chance(0.85) ? 'completed' : random.chance(0.5) ? 'failed' : null;
    return { kind: 'challenged', answer, afterMs: 20_000 + random.below(90_000) };
  }
  if (random.chance(0.06)) return { kind: 'held', capturedAfterMs: 60_000 + random.below(5 * MINUTE_MS) };
  return { kind: 'completed' };
}

/** What is not over when the day ends: a payer at the bank, a hold, and a payment of which the gateway knows nothing. */
function openAtTheEnd(from: number, random: Random): PlannedPayment[] {
  const base = { method: 'credit_card', gatewayMs: 310, refund: null, disputed: null } as const;
  const open: [beforeEndMs: number, ending: Ending][] = [
    [2 * MINUTE_MS, { kind: 'challenged', answer: null, afterMs: 0 }],
    [4 * MINUTE_MS, { kind: 'held', capturedAfterMs: null }],
    [50 * MINUTE_MS, { kind: 'undetermined' }],
  ];
  return open.map(([beforeEndMs, ending], index) => ({
    ...base,
    ...someBooking(random, from + index),
    beforeEndMs,
    amountMinor: 2 * TICKETS_MINOR,
    ending,
  }));
}

function someBooking(random: Random, number: number) {
  const name = random.pick(NAMES);
  return {
    userId: `user_${1_000 + random.below(900)}`,
    email: `${name}@example.com`,
    bookingId: `BOOK-${(0x4a_1000 + number * 37).toString(16).toUpperCase()}`,
    cardNumber: random.pick(CARDS),
  };
}
