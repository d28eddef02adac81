/**
 * A gateway behind HTTP: any provider that speaks the protocol of docs/gateway-protocol.md. Whatever does not fit the
 * protocol is an unknown outcome. Reasons are made of statuses and fixed words: an answer's text and an error's message can
 * hold the API key or what was sent.
 */
import * as z from 'zod/mini';
import type { DeclineCode } from '../../domain/failure.ts';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import {
  type ChargeRequest,
  type Fence,
  type Gateway,
  type GatewayOutcome,
  type Instrument,
  isGatewayTrouble,
  ListingFailed,
  type LookUp,
  type Movement,
  type NoOutcome,
  type RefundRequest,
} from '../gateway.ts';
import { type Answer, jsonCall, PLATFORM } from '../json-call.ts';

/** Both are promises that the protocol asks of a gateway. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const KEYS_KEPT_FOR_MS = 24 * 60 * 60_000;

/** A page of movements has at most a thousand rows. */
const PAGE_MAX_BYTES = 1024 * 1024;
const PAGE_DEADLINE_MS = 10_000;
/** A million movements. */
const LISTING_MAX_PAGES = 1_000;

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

const refundState = z.discriminatedUnion('status', [approved, declined, failed, inProgress]);
const chargeState = z.discriminatedUnion('status', [approved, declined, failed, inProgress, cancelled]);
type State = z.infer<typeof chargeState>;

/** A 404 without it comes from something else at this address, which does not know what happened. */
const notFound = z.object({ status: z.literal('not_found') });

const movementsPage = z.object({
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

export interface HttpGatewaySettings {
  /** The address that the protocol's paths are below. */
  url: string;
  apiKey: string;
}

/** By its host: rows of one provider must never be looked up with another one. */
function httpGatewayName(url: string): string {
  return `http:${new URL(url).host}`;
}

export function createHttpGateway(settings: HttpGatewaySettings): Gateway {
  return {
    name: httpGatewayName(settings.url),
    canBeDown: true,
    methods: ['credit_card', 'debit_card', 'paypal'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,

    async charge({ transaction, instrument, signal }: ChargeRequest): Promise<GatewayOutcome> {
      const answer = await ask(settings, {
        path: 'charges',
        key: transaction.transactionId,
        body: {
          id: transaction.transactionId,
          booking_id: transaction.bookingId,
          amount_minor: transaction.amountMinor,
          currency: transaction.currency,
          instrument: instrumentBody(instrument),
        },
        signal,
      });
      if (answer.kind === 'answered' && refusesCharge(answer.status)) return refusal(answer.status);
      return outcomeOf(stateIn(answer, chargeState));
    },

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      const answer = await ask(settings, {
        path: 'refunds',
        key: refund.refundId,
        body: {
          id: refund.refundId,
          charge_id: transaction.transactionId,
          charge_reference: transaction.gatewayReference,
          amount_minor: refund.amountMinor,
          currency: transaction.currency,
          reason: refund.reason,
        },
        signal,
      });
      if (answer.kind === 'answered' && refusesRefund(answer.status)) return refusal(answer.status);
      return outcomeOf(stateIn(answer, refundState));
    },

    async lookUpCharge(transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
      const path = `charges/${encodeURIComponent(transaction.transactionId)}`;
      return lookUpOf(await ask(settings, { path, signal }), chargeState);
    },

    async lookUpRefund(refund: Refund, _: Transaction, signal: AbortSignal): Promise<LookUp> {
      const path = `refunds/${encodeURIComponent(refund.refundId)}`;
      return lookUpOf(await ask(settings, { path, signal }), refundState);
    },

    async cancelCharge(transaction: Transaction, signal: AbortSignal): Promise<Fence> {
      const path = `charges/${encodeURIComponent(transaction.transactionId)}/cancel`;
      const answer = await ask(settings, { path, body: {}, signal });
      const found = stateIn(answer, chargeState);
      if (found.kind === 'none') return noOutcome(answer, found.reason);
      return found.state.status === 'cancelled' ? { kind: 'cancelled' } : knownOf(found.state);
    },

    async *listMovements(fromMs: number, toMs: number): AsyncGenerator<Movement> {
      let cursor: string | null = null;
      for (let pages = 0; pages < LISTING_MAX_PAGES; pages += 1) {
        const page = await pageOfMovements(settings, fromMs, toMs, cursor);
        for (const movement of page.movements) {
          yield {
            kind: movement.kind,
            id: movement.id,
            reference: movement.reference,
            amountMinor: movement.amount_minor,
            currency: movement.currency,
            status: movement.status,
            movedAtMs: movement.moved_at_ms,
          };
        }
        cursor = page.next_cursor;
        if (cursor === null) return;
      }
      throw new ListingFailed(`the gateway's listing has more than ${LISTING_MAX_PAGES} pages`);
    },
  };
}

function instrumentBody(instrument: Instrument) {
  if (instrument.kind === 'paypal') {
    return { type: 'paypal', email: instrument.email, payment_id: instrument.paymentId };
  }
  if (instrument.kind === 'token') return { type: 'token', token: instrument.token };
  const { card } = instrument;
  return {
    type: 'card',
    number: card.number.reveal(),
    expiry_month: card.expiryMonth.reveal(),
    expiry_year: card.expiryYear.reveal(),
    cvv: card.cvv.reveal(),
    cardholder_name: card.cardholderName.reveal(),
  };
}

/**
 * A charge is sent once, so where the request was refused, nothing happened. But a server that gave up on reading it (408)
 * may have passed it on, and a conflict (409) says that its key is being worked on.
 */
function refusesCharge(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409;
}

function refusal(status: number): GatewayOutcome {
  return { kind: 'failed', reason: `the gateway answered ${status}` };
}

/**
 * A refund can be sent again, and then the refusal of this request (no key, too many of them) says nothing of the one
 * before. Only that it is no valid refund is as true of both.
 */
function refusesRefund(status: number): boolean {
  return status === 400 || status === 422;
}

async function pageOfMovements(
  settings: HttpGatewaySettings,
  fromMs: number,
  toMs: number,
  cursor: string | null,
): Promise<z.infer<typeof movementsPage>> {
  const range = new URLSearchParams({ from: String(fromMs), to: String(toMs), ...(cursor !== null && { cursor }) });
  const answer = await ask(settings, {
    path: `movements?${range}`,
    signal: AbortSignal.timeout(PAGE_DEADLINE_MS),
    maxBytes: PAGE_MAX_BYTES,
  });
  const page = stateIn(answer, movementsPage);
  if (page.kind === 'none') throw new ListingFailed(page.reason);
  return page.state;
}

function outcomeOf(found: Found<State>): GatewayOutcome {
  if (found.kind === 'none') return { kind: 'unknown', reason: found.reason };
  const known = knownOf(found.state);
  if (known.kind !== 'in_progress') return known;
  return { kind: 'unknown', reason: 'the gateway is still working on it', accepted: true };
}

function lookUpOf(answer: Answer, schema: z.ZodMiniType<State>): LookUp {
  if (answer.kind === 'answered' && answer.status === 404 && notFound.safeParse(answer.body).success) {
    return { kind: 'not_found' };
  }
  const found = stateIn(answer, schema);
  return found.kind === 'none' ? noOutcome(answer, found.reason) : knownOf(found.state);
}

function noOutcome(answer: Answer, reason: string): NoOutcome {
  const isUnreachable = answer.kind === 'silent' || isGatewayTrouble(answer.status);
  return { kind: isUnreachable ? 'unreachable' : 'undetermined', reason };
}

/** A cancelled charge certainly did not happen, and it was not the payer's doing. */
function knownOf(state: State): Exclude<GatewayOutcome, { kind: 'unknown' }> | { kind: 'in_progress' } {
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

/** What the protocol has for an answer, or the reason why this is none. */
function stateIn<T>(answer: Answer, schema: z.ZodMiniType<T>): Found<T> {
  if (answer.kind === 'silent') return { kind: 'none', reason: answer.reason };
  if (answer.status !== 200) return { kind: 'none', reason: `the gateway answered ${answer.status}` };
  const parsed = schema.safeParse(answer.body);
  if (!parsed.success)
    return { kind: 'none', reason: 'the gateway answered 200, with what the protocol does not have' };
  return { kind: 'state', state: parsed.data };
}

interface Call {
  path: string;
  /** Posted; without it the call is a GET. */
  body?: object;
  key?: string;
  signal: AbortSignal;
  maxBytes?: number;
}

function ask({ url, apiKey }: HttpGatewaySettings, call: Call): Promise<Answer> {
  return jsonCall(PLATFORM.send, {
    url: new URL(call.path, url.endsWith('/') ? url : `${url}/`).href,
    method: call.body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(call.body !== undefined && { 'content-type': 'application/json' }),
      ...(call.key !== undefined && { 'idempotency-key': call.key }),
    },
    body: call.body === undefined ? null : JSON.stringify(call.body),
    signal: call.signal,
    ...(call.maxBytes !== undefined && { maxBytes: call.maxBytes }),
  });
}
