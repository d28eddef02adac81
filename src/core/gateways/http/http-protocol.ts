/** Outcomes from a gateway's answers in the protocol of docs/gateway-protocol.md, or from a missing answer. */
import * as z from 'zod/mini';
import type { DeclineCode } from '../../domain/failure-causes.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { type GatewayOutcome, isGatewayTrouble, type LookUp, type NoOutcome } from '../gateway.ts';
import type { Answer } from '../json-call.ts';

const DECLINE_CODES = [
  'INVALID_CARD',
  'INSUFFICIENT_FUNDS',
  'CARD_EXPIRED',
  'CARD_DECLINED',
  'PAYMENT_FAILED',
] as const satisfies DeclineCode[];
/** Of charges alone. Callers get the second one as `CARD_DECLINED`, with the advice to send a return_url. */
const AUTHENTICATION_CODES = ['AUTHENTICATION_FAILED', 'AUTHENTICATION_REQUIRED'] as const;

const URL_MAX_LENGTH = 2_000;

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
const declinedWith = <const Codes extends readonly string[]>(codes: Codes) =>
  z.object({
    status: z.literal('declined'),
    code: orElse(z.enum(codes), 'PAYMENT_FAILED'),
    // It is kept with the payment and published in its event, where no card data may be (invariant 5).
    reason: orElse(text.check(z.refine((reason) => !CARD_NUMBER.test(reason))), undefined),
  });
const declined = declinedWith([...DECLINE_CODES, ...AUTHENTICATION_CODES]);
const approved = z.object({ status: z.literal('approved'), reference: text });
const failed = z.object({ status: z.literal('failed') });
const inProgress = z.object({ status: z.literal('in_progress') });
const cancelled = z.object({ status: z.literal('cancelled') });
const authorized = z.object({
  status: z.literal('authorized'),
  reference: text,
  expires_at_ms: z.optional(z.nullable(z.int().check(z.positive()))),
});

export const refundState = z.discriminatedUnion('status', [approved, declinedWith(DECLINE_CODES), failed, inProgress]);

/** Payers are sent to the address of a challenge, so what is allowed in it depends on the gateway's own. */
export function chargeStateOf(gatewayUrl: string) {
  const url = z.string().check(z.refine((address) => isPayerAddress(address, gatewayUrl)));
  const challenged = z.object({ status: z.literal('challenged'), url });
  const states = [approved, declined, failed, inProgress, cancelled, challenged, authorized] as const;
  return z.discriminatedUnion('status', states);
}
export type ChargeState = z.infer<ReturnType<typeof chargeStateOf>>;

/** An https address without a user name or a password; on a developer's machine, where the gateway is on http, http on loopback. */
function isPayerAddress(address: string, gatewayUrl: string): boolean {
  if (address.length > URL_MAX_LENGTH || !/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu.test(address)) return false;
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (new URL(gatewayUrl).protocol === 'http:' && isLoopback(hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

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

/** What a payment has asked for beyond a charge. */
export interface Asked {
  /** That its payer may be sent to authenticate. */
  challenge: boolean;
  /** That its money is held. */
  hold: boolean;
  /** That the held money is taken. */
  capture: boolean;
}

/** In a look-up, the ledger's row says it. */
export function askedBy({ captureMethod, step, substate, sealedReturnUrl }: Transaction): Asked {
  return {
    challenge: substate === 'challenged' || sealedReturnUrl !== null,
    hold: captureMethod === 'manual',
    capture: step === 'capture',
  };
}

export function outcomeOfCharge(found: Found<ChargeState>, asked: Asked): GatewayOutcome {
  if (found.kind === 'state' && found.state.status === 'challenged' && !asked.challenge) {
    return { kind: 'unknown', reason: 'the gateway challenged the payer of a payment without a return_url' };
  }
  if (found.kind === 'state' && found.state.status === 'authorized' && !asked.hold) {
    return { kind: 'unknown', reason: 'the gateway holds the money of a payment that asked for no hold' };
  }
  return asOutcome(knownOfCharge(found, asked));
}

export function outcomeOfRefund(found: Found<z.infer<typeof refundState>>): GatewayOutcome {
  return asOutcome(found.kind === 'none' ? found : knownOf(found.state));
}

/** Money that is still held can be captured again, under the same key. */
export function outcomeOfCapture(found: Found<ChargeState>): GatewayOutcome {
  const known = found.kind === 'none' ? found : knownOf(found.state);
  switch (known.kind) {
    case 'cancelled':
      return { kind: 'failed', cause: 'authorization_ended' };
    case 'authorized':
    case 'challenged':
      return { kind: 'unknown', reason: `the gateway answered a capture with ${known.kind}` };
    case 'declined':
      // The payer is not asked at a capture.
      return known.code === 'AUTHENTICATION_FAILED' ? { ...known, code: 'PAYMENT_FAILED' } : known;
    default:
      return asOutcome(known);
  }
}

/** What was found right after asking for it. A cancelled charge certainly did not happen, and it was not the payer's doing. */
function asOutcome(known: Known | Missing): GatewayOutcome {
  switch (known.kind) {
    case 'none':
      return { kind: 'unknown', reason: known.reason };
    case 'in_progress':
      return { kind: 'unknown', reason: 'the gateway is still working on it', accepted: true };
    case 'cancelled':
      return { kind: 'failed' };
    default:
      return known;
  }
}

export function lookUpOfCharge(answer: Answer, found: Found<ChargeState>, asked: Asked): LookUp {
  return isNotFound(answer) ? { kind: 'not_found' } : fenceOf(answer, found, asked);
}

export function lookUpOfRefund(answer: Answer): LookUp {
  if (isNotFound(answer)) return { kind: 'not_found' };
  const found = stateIn(answer, refundState);
  return found.kind === 'none' ? noOutcome(answer, found.reason) : knownOf(found.state);
}

/** Of a call that ends a charge which has not happened: the charge's state. */
export function fenceOf(answer: Answer, found: Found<ChargeState>, asked: Asked): Known | NoOutcome {
  const known = knownOfCharge(found, asked);
  return known.kind === 'none' ? noOutcome(answer, known.reason) : known;
}

function isNotFound(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status === 404 && notFound.safeParse(answer.body).success;
}

function noOutcome(answer: Answer, reason: string): NoOutcome {
  const isUnreachable = answer.kind === 'silent' || isGatewayTrouble(answer.status);
  return { kind: isUnreachable ? 'unreachable' : 'undetermined', reason };
}

type Known = Exclude<GatewayOutcome, { kind: 'unknown' }> | { kind: 'in_progress' } | { kind: 'cancelled' };

/** Money that was taken instead of held is taken. */
function knownOfCharge(found: Found<ChargeState>, asked: Asked): Known | Missing {
  if (found.kind === 'none') return found;
  const known = knownOf(found.state);
  if (known.kind === 'approved' && asked.hold && !asked.capture) {
    return { ...known, reason: 'the gateway took the money of a payment that asked for a hold' };
  }
  if (known.kind === 'declined' && known.code === 'AUTHENTICATION_FAILED' && !asked.challenge) {
    return { ...known, code: 'PAYMENT_FAILED' };
  }
  return known;
}

function knownOf(state: ChargeState): Known {
  switch (state.status) {
    case 'approved':
      return { kind: 'approved', reference: state.reference };
    case 'declined':
      if (state.code === 'AUTHENTICATION_REQUIRED') {
        return { kind: 'declined', code: 'CARD_DECLINED', cause: 'authentication_required' };
      }
      return { kind: 'declined', code: state.code, ...(state.reason !== undefined && { reason: state.reason }) };
    case 'challenged':
      return { kind: 'challenged', url: state.url };
    case 'authorized':
      return { kind: 'authorized', reference: state.reference, expiresAtMs: state.expires_at_ms ?? null };
    case 'failed':
    case 'cancelled':
    case 'in_progress':
      return { kind: state.status };
  }
}

type Missing = { kind: 'none'; reason: string };
export type Found<T> = { kind: 'state'; state: T } | Missing;

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
