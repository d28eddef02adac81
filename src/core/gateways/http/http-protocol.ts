/** Outcomes from a gateway's answers in the protocol of docs/gateway-protocol.md, or from a missing answer. */
import * as z from 'zod/mini';
import type { DeclineCode } from '../../domain/failure-causes.ts';
import { type GatewayOutcome, isGatewayTrouble, type LookUp, type NoOutcome } from '../gateway.ts';
import type { Answer } from '../json-call.ts';

const DECLINE_CODES = [
  'INVALID_CARD',
  'INSUFFICIENT_FUNDS',
  'CARD_EXPIRED',
  'CARD_DECLINED',
  'PAYMENT_FAILED',
] as const satisfies DeclineCode[];

/** What SQLite, JSON and AMQP carry unchanged: no control characters, no half of a surrogate pair. */
const text = z.string().check(z.regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u));
/** So many digits with no letter between them as card numbers have, however they are grouped. */
const CARD_NUMBER = /\d(?:[^\p{L}\d]{0,3}\d){11}/u;

/** As `z.catch`, which would bring every helper of zod's into the bundle: 3 KiB. */
const orElse = <T, E extends T | undefined>(type: z.ZodMiniType<T>, other: E) =>
  z.pipe(
    z.optional(z.unknown()),
    z.transform((value) => {
      const { success, data } = type.safeParse(value);
      return success ? data : other;
    }),
  );

/** A decline with a code or a reason that can't be used is a decline all the same. */
const declined = z.object({
  status: z.literal('declined'),
  code: orElse(z.enum(DECLINE_CODES), 'PAYMENT_FAILED'),
  // It is kept with the payment and published in its event, where no card data may be (invariant 5).
  reason: orElse(text.check(z.refine((reason) => !CARD_NUMBER.test(reason))), undefined),
});
const approved = z.object({ status: z.literal('approved'), reference: text });
const failed = z.object({ status: z.literal('failed') });
const inProgress = z.object({ status: z.literal('in_progress') });
const cancelled = z.object({ status: z.literal('cancelled') });

export const refundState = z.discriminatedUnion('status', [approved, declined, failed, inProgress]);
export const chargeState = z.discriminatedUnion('status', [approved, declined, failed, inProgress, cancelled]);
type State = z.infer<typeof chargeState>;

/** A 404 without it comes from something else at this address, which does not know what happened. */
const notFound = z.object({ status: z.literal('not_found') });

export const movementsPage = z.object({
  movements: z.array(
    z.object({
      kind: z.enum(['charge', 'refund']),
      id: text,
      reference: text,
      amount_minor: z.int().check(z.positive()),
      currency: z.string().check(z.regex(/^[A-Z]{3}$/)),
      status: z.enum(['succeeded', 'reversed']),
      moved_at_ms: z.int().check(z.nonnegative()),
    }),
  ),
  next_cursor: z.nullable(z.string()),
});

export function outcomeOf(found: Found<State>): GatewayOutcome {
  if (found.kind === 'none') return { kind: 'unknown', reason: found.reason };
  const known = knownOf(found.state);
  if (known.kind !== 'in_progress') return known;
  return { kind: 'unknown', reason: 'the gateway is still working on it', accepted: true };
}

export function lookUpOf(answer: Answer, schema: z.ZodMiniType<State>): LookUp {
  if (answer.kind === 'answered' && answer.status === 404 && notFound.safeParse(answer.body).success) {
    return { kind: 'not_found' };
  }
  const found = stateIn(answer, schema);
  return found.kind === 'none' ? noOutcome(answer, found.reason) : knownOf(found.state);
}

export function noOutcome(answer: Answer, reason: string): NoOutcome {
  const isUnreachable = answer.kind === 'silent' || isGatewayTrouble(answer.status);
  return { kind: isUnreachable ? 'unreachable' : 'undetermined', reason };
}

/** A cancelled charge certainly did not happen, and it was not the payer's doing. */
export function knownOf(state: State): Exclude<GatewayOutcome, { kind: 'unknown' }> | { kind: 'in_progress' } {
  switch (state.status) {
    case 'approved':
      return { kind: 'approved', reference: state.reference };
    case 'declined':
      return { kind: 'declined', code: state.code, ...(state.reason !== undefined && { reason: state.reason }) };
    case 'failed':
    case 'cancelled':
      return { kind: 'failed' };
    case 'in_progress':
      return { kind: 'in_progress' };
  }
}

type Found<T> = { kind: 'state'; state: T } | { kind: 'none'; reason: string };

/** The state in an answer, or why the answer does not follow the protocol. */
export function stateIn<T>(answer: Answer, schema: z.ZodMiniType<T>): Found<T> {
  if (answer.kind === 'silent') return { kind: 'none', reason: answer.reason };
  if (answer.status !== 200) return { kind: 'none', reason: `the gateway answered ${answer.status}` };
  const parsed = schema.safeParse(answer.body);
  if (!parsed.success)
    return { kind: 'none', reason: 'the gateway answered 200, with what the protocol does not have' };
  return { kind: 'state', state: parsed.data };
}

/**
 * A charge is sent once, so where the request was refused, nothing happened. But a server that gave up on reading it (408)
 * may have passed it on, and a conflict (409) means that its key is in use.
 */
export function refusesCharge(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409;
}

export function refusal(status: number): GatewayOutcome {
  return { kind: 'failed', reason: `the gateway answered ${status}` };
}

/**
 * A refund can be sent again, and then a refusal of this request (401, 429) does not determine the outcome of the
 * previous one. Only an invalid refund is invalid in both.
 */
export function refusesRefund(status: number): boolean {
  return status === 400 || status === 422;
}
