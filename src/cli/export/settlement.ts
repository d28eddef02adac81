/** What was captured, refunded and reversed, by day (UTC), gateway, method and currency. Pure; amounts are in minor units. */
import {
  capturedMinor,
  type ExportedPayment,
  type ExportedRefund,
  movementsOf,
} from '../../core/ledger/finance/exported-rows.ts';
import type { TimeRange } from '../../core/ledger/id-range.ts';

/** How often, and how much. */
export interface Sum {
  count: number;
  minor: number;
}

const MOVEMENTS = ['captured', 'refunded', 'reversed', 'lateCharged', 'lateRefunded'] as const;
type Movement = (typeof MOVEMENTS)[number];

/** Whether the money comes in. */
const DIRECTIONS: Readonly<Record<Movement, 1 | -1>> = {
  captured: 1,
  refunded: -1,
  reversed: 1,
  lateCharged: 1,
  lateRefunded: -1,
};

export interface SettlementLine extends Record<Movement, Sum> {
  /** Such as `2026-11-22`. */
  day: string;
  gateway: string;
  paymentMethod: string;
  currency: string;
}

type Account = Pick<ExportedPayment, 'gateway' | 'paymentMethod' | 'currency'>;

export interface Settlement {
  addPayment(payment: ExportedPayment): void;
  addRefund(refund: ExportedRefund): void;
  /** How many refunds were reversed at a time that is not known. */
  undatedReversals(): number;
  /** In order. */
  lines(): SettlementLine[];
}

/** A payment of the range has been captured in it. Of a refund, what moved in the range counts, each movement on its own day. */
export function newSettlement(range: TimeRange): Settlement {
  const lines = new Map<string, SettlementLine>();
  let undated = 0;
  const add = ({ gateway, paymentMethod, currency }: Account, movement: Movement, timeMs: number, minor: number) => {
    const day = new Date(timeMs).toISOString().slice(0, 10);
    const key = JSON.stringify([day, gateway, paymentMethod, currency]);
    const line = lines.get(key) ?? { day, gateway, paymentMethod, currency, ...nothing() };
    line[movement].count += 1;
    line[movement].minor = exactly(line[movement].minor + minor);
    lines.set(key, line);
  };
  return {
    addPayment(payment) {
      const minor = capturedMinor(payment);
      if (minor > 0) add(payment, 'captured', payment.processedAtMs, minor);
    },
    addRefund(refund) {
      const isLate = refund.kind === 'late_charge';
      const { chargedAtMs, refundedAtMs, reversedAtMs } = movementsOf(refund, range);
      if (chargedAtMs !== null) add(refund, 'lateCharged', chargedAtMs, refund.amountMinor);
      if (refundedAtMs !== null) add(refund, isLate ? 'lateRefunded' : 'refunded', refundedAtMs, refund.amountMinor);
      if (reversedAtMs !== null) add(refund, 'reversed', reversedAtMs, refund.amountMinor);
      if (reversedAtMs !== null && refund.reversedAtMs === null) undated += 1;
    },
    undatedReversals: () => undated,
    lines: () => [...lines.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line),
  };
}

/** What came in, less what went out. */
export function netMinor(line: SettlementLine): number {
  return exactly(MOVEMENTS.reduce((sum, movement) => sum + DIRECTIONS[movement] * line[movement].minor, 0));
}

function nothing(): Record<Movement, Sum> {
  const none = () => ({ count: 0, minor: 0 });
  return { captured: none(), refunded: none(), reversed: none(), lateCharged: none(), lateRefunded: none() };
}

function exactly(minor: number): number {
  if (!Number.isSafeInteger(minor)) throw new Error('a sum is too large to be exact: export a shorter time');
  return minor;
}
