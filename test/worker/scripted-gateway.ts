/** A gateway that answers as the test says, and remembers what it was asked; and a clock that the test moves. */

import type { Context } from '../../src/core/context.ts';
import type { Fence, Gateway, GatewayOutcome, LookUp } from '../../src/core/gateways/gateway.ts';
import type { Log, LogFields, LogLevel } from '../../src/core/log.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import type { Resolution } from '../../src/core/recovery/resolution.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import type { Shards } from '../../src/core/shards.ts';
import { operation, paymentRequest, refundRequest } from './operation.ts';
import { transaction } from './stored.ts';

/** What it answers; each can be changed between two calls. */
export interface Script {
  charge: GatewayOutcome;
  refund: GatewayOutcome;
  lookUpCharge: LookUp;
  lookUpRefund: LookUp;
  /** Null: it can't cancel. */
  cancelCharge: Fence | null;
  completeCharge: GatewayOutcome;
  captureHold: GatewayOutcome;
  releaseHold: Fence;
}

const UNKNOWN: GatewayOutcome = { kind: 'unknown', reason: 'the connection broke' };
export const APPROVED = { kind: 'approved', reference: 'reference' } as const;
export const DECLINED = { kind: 'declined', code: 'CARD_DECLINED' } as const;
export const NOT_FOUND = { kind: 'not_found' } as const;
export const UNREACHABLE = { kind: 'unreachable', reason: 'a 503' } as const;

export interface LogLine extends LogFields {
  level: LogLevel;
  event: string;
}

export interface TestWorld {
  script: Script;
  /** Each call, as `charge TXN-…`. */
  asked: string[];
  clock: { nowMs: number };
  logged: LogLine[];
  gateway: Gateway;
  context: Context & Shards;
}

/** Nothing is known of any call, and the gateway can cancel, until the test says otherwise. */
export function newWorld(
  script: Partial<Script> = {},
  { gateway: properties = {}, ...overrides }: Partial<Context> & { gateway?: Partial<Gateway> } = {},
): TestWorld {
  const world = {
    script: {
      charge: UNKNOWN,
      refund: UNKNOWN,
      lookUpCharge: UNREACHABLE,
      lookUpRefund: UNREACHABLE,
      cancelCharge: { kind: 'cancelled' },
      completeCharge: UNKNOWN,
      captureHold: UNKNOWN,
      releaseHold: UNREACHABLE,
      ...script,
    } as Script,
    asked: [] as string[],
    clock: { nowMs: Date.now() },
    logged: [] as LogLine[],
  };
  const log: Log = (level, event, fields) => void world.logged.push({ level, event, ...fields });
  const scripted = scriptedGateway(world, properties);
  const context = operation({ gateway: scripted, nowMs: () => world.clock.nowMs, log, ...overrides });
  return { ...world, gateway: scripted, context };
}

function scriptedGateway(
  { script, asked }: Pick<TestWorld, 'script' | 'asked'>,
  properties: Partial<Gateway>,
): Gateway {
  const { cancelCharge } = script;
  return {
    name: 'scripted',
    canBeDown: false,
    methods: ['credit_card'],
    knownWithinMs: 0,
    keysKeptForMs: 24 * 60 * 60_000,
    async charge({ transaction }) {
      asked.push(`charge ${transaction.transactionId}`);
      return script.charge;
    },
    async refund({ refund }) {
      asked.push(`refund ${refund.refundId}`);
      return script.refund;
    },
    async lookUpCharge({ transactionId }) {
      asked.push(`lookUpCharge ${transactionId}`);
      return script.lookUpCharge;
    },
    async lookUpRefund({ refundId }) {
      asked.push(`lookUpRefund ${refundId}`);
      return script.lookUpRefund;
    },
    async completeCharge({ transaction }) {
      asked.push(`completeCharge ${transaction.transactionId}`);
      return script.completeCharge;
    },
    holds: {
      async capture({ transaction }) {
        asked.push(`captureHold ${transaction.transactionId}`);
        return script.captureHold;
      },
      async release({ transactionId }) {
        asked.push(`releaseHold ${transactionId}`);
        return script.releaseHold;
      },
    },
    ...(cancelCharge !== null && {
      async cancelCharge({ transactionId }) {
        asked.push(`cancelCharge ${transactionId}`);
        return script.cancelCharge ?? cancelCharge;
      },
    }),
    ...properties,
  };
}

/** How often the gateway was asked for this, of whatever id. */
export const timesAsked = ({ asked }: TestWorld, call: string) =>
  asked.filter((one) => one.startsWith(`${call} `)).length;

export const loggedErrors = ({ logged }: TestWorld) => logged.filter(({ level }) => level === 'error');

/** A payment whose outcome nobody knows. */
export async function pendingPayment({ context }: TestWorld): Promise<{ transactionId: string; bookingId: string }> {
  const answer = await processPayment(context, paymentRequest(), '25.50');
  if (answer.kind !== 'pending') throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

/** A payment of 25.50 dollars that was paid. */
export async function paidPayment(
  { script, context }: TestWorld,
  request: Record<string, unknown> = {},
): Promise<{ transactionId: string; bookingId: string }> {
  const { charge } = script;
  script.charge = APPROVED;
  const answer = await processPayment(context, paymentRequest(request), '25.50');
  script.charge = charge;
  if (answer.kind !== 'completed') throw new Error(`the payment of a test is ${answer.kind}`);
  return answer.transaction;
}

/** A refund whose outcome nobody knows. */
export async function pendingRefund(
  { context }: TestWorld,
  made: { transactionId: string; bookingId: string },
  amount = '10.00',
): Promise<string> {
  const answer = await refundPayment(context, refundRequest(made), amount);
  if (answer.kind !== 'pending') throw new Error(`the refund of a test is ${answer.kind}`);
  return answer.refund.refundId;
}

/** A refund that was paid back. */
export async function paidRefund(
  { script, context }: TestWorld,
  made: { transactionId: string; bookingId: string },
  amount = '10.00',
): Promise<string> {
  const { refund } = script;
  script.refund = APPROVED;
  const answer = await refundPayment(context, refundRequest(made), amount);
  script.refund = refund;
  if (answer.kind !== 'completed') throw new Error(`the refund of a test is ${answer.kind}`);
  return answer.refund.refundId;
}

/** Of each call to the gateway. */
export const DEADLINE_MS = 1_000;
/** From the claim on: the claim's own deadline of 4 seconds, the gateway's of one, and a second more. */
export const FIRST_LOOKUP_MS = 6_000;
/** From the claim on: 30 seconds behind the gateway's deadline of one. */
export const CANCELS_AFTER_MS = 31_000;

/** Looks up a payment at a time so many milliseconds after its claim. */
export async function resolveAfter(
  world: TestWorld,
  made: { transactionId: string },
  afterMs: number,
): Promise<Resolution | null> {
  const row = await transaction(made.transactionId);
  world.clock.nowMs = Number(row?.created_at_ms) + afterMs;
  return resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
}
