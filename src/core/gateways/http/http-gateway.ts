/**
 * A gateway behind HTTP: any provider that speaks the protocol of docs/gateway-protocol.md. Whatever does not fit the
 * protocol is an unknown outcome. Reasons are made of statuses and fixed words: an answer's text and an error's message can
 * hold the API key or what was sent.
 */

import type * as z from 'zod/mini';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import {
  type ChargeRequest,
  type Fence,
  type Gateway,
  type GatewayOutcome,
  type Instrument,
  ListingFailed,
  type LookUp,
  type Movement,
  type RefundRequest,
  type StepRequest,
} from '../gateway.ts';
import { type Answer, jsonCall, PLATFORM } from '../json-call.ts';
import {
  askedBy,
  chargeStateOf,
  fenceOf,
  lookUpOfCharge,
  lookUpOfRefund,
  movementsPage,
  outcomeOfCapture,
  outcomeOfCharge,
  outcomeOfRefund,
  refundState,
  refusal,
  refusesCharge,
  refusesRefund,
  stateIn,
} from './http-protocol.ts';

/** Both are promises that the protocol asks of a gateway. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const KEYS_KEPT_FOR_MS = 24 * 60 * 60_000;

/** A page of movements has at most a thousand rows. */
const PAGE_MAX_BYTES = 1024 * 1024;
const PAGE_DEADLINE_MS = 10_000;
/** A million movements. */
const LISTING_MAX_PAGES = 1_000;

export interface HttpGatewaySettings {
  /** The address that the protocol's paths are below. */
  url: string;
  apiKey: string;
  /** Whether the gateway has the protocol's calls for holds. */
  holds?: boolean;
}

interface Access extends HttpGatewaySettings {
  requestId: string | null;
}

/** By its host: rows of one provider must never be looked up with another one. */
function httpGatewayName(url: string): string {
  return `http:${new URL(url).host}`;
}

/** @param requestId of the request that its calls are made for; null where there is none */
export function createHttpGateway(own: HttpGatewaySettings, requestId: string | null = null): Gateway {
  const settings: Access = { ...own, requestId };
  const chargeState = chargeStateOf(settings.url);

  /** A charge that has not happened is to end. */
  async function end(call: 'cancel' | 'release', transaction: Transaction, signal: AbortSignal): Promise<Fence> {
    const answer = await ask(settings, { path: chargePath(transaction, call), body: {}, signal });
    return fenceOf(answer, stateIn(answer, chargeState), askedBy(transaction));
  }

  return {
    name: httpGatewayName(settings.url),
    canBeDown: true,
    methods: ['credit_card', 'debit_card', 'paypal'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,

    async charge(request: ChargeRequest): Promise<GatewayOutcome> {
      const { transaction, instrument, returnUrl = null, statementDescriptorSuffix, receiptEmail, signal } = request;
      const asked = { ...askedBy(transaction), challenge: returnUrl !== null };
      const answer = await ask(settings, {
        path: 'charges',
        key: transaction.transactionId,
        body: {
          id: transaction.transactionId,
          booking_id: transaction.bookingId,
          amount_minor: transaction.amountMinor,
          currency: transaction.currency,
          instrument: instrumentBody(instrument),
          ...(asked.challenge && { return_url: returnUrl }),
          ...(asked.hold && { capture: 'manual' }),
          ...(statementDescriptorSuffix && { statement_descriptor_suffix: statementDescriptorSuffix }),
          ...(receiptEmail && { receipt_email: receiptEmail }),
        },
        signal,
      });
      if (answer.kind === 'answered' && refusesCharge(answer.status)) return refusal(answer.status);
      return outcomeOfCharge(stateIn(answer, chargeState), asked);
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
      return outcomeOfRefund(stateIn(answer, refundState));
    },

    async lookUpCharge(transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
      const answer = await ask(settings, { path: chargePath(transaction), signal });
      return lookUpOfCharge(answer, stateIn(answer, chargeState), askedBy(transaction));
    },

    async lookUpRefund(refund: Refund, _: Transaction, signal: AbortSignal): Promise<LookUp> {
      const path = `refunds/${encodeURIComponent(refund.refundId)}`;
      return lookUpOfRefund(await ask(settings, { path, signal }));
    },

    cancelCharge: (transaction, signal) => end('cancel', transaction, signal),

    ...(settings.holds && {
      holds: {
        async capture({ transaction, signal }: StepRequest): Promise<GatewayOutcome> {
          const answer = await ask(settings, {
            path: chargePath(transaction, 'capture'),
            key: `${transaction.transactionId}:capture`,
            body: {},
            signal,
          });
          return outcomeOfCapture(stateIn(answer, chargeState));
        },
        release: (transaction: Transaction, signal: AbortSignal) => end('release', transaction, signal),
      },
    }),

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

function chargePath({ transactionId }: Transaction, call?: 'cancel' | 'capture' | 'release'): string {
  const path = `charges/${encodeURIComponent(transactionId)}`;
  return call === undefined ? path : `${path}/${call}`;
}

function instrumentBody(instrument: Instrument) {
  if (instrument.kind === 'paypal') {
    return { type: 'paypal', email: instrument.email, payment_id: instrument.paymentId };
  }
  if (instrument.kind === 'new_paypal_order') throw new Error('an order was to be created behind an HTTP gateway');
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

async function pageOfMovements(
  settings: Access,
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

interface Call {
  path: string;
  /** Posted; without it the call is a GET. */
  body?: object;
  key?: string;
  signal: AbortSignal;
  maxBytes?: number;
}

function ask({ url, apiKey, requestId }: Access, call: Call): Promise<Answer> {
  return jsonCall(PLATFORM.send, {
    url: new URL(call.path, url.endsWith('/') ? url : `${url}/`).href,
    method: call.body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(call.body !== undefined && { 'content-type': 'application/json' }),
      ...(call.key !== undefined && { 'idempotency-key': call.key }),
      ...(requestId !== null && { 'x-request-id': requestId }),
    },
    body: call.body === undefined ? null : JSON.stringify(call.body),
    signal: call.signal,
    ...(call.maxBytes !== undefined && { maxBytes: call.maxBytes }),
  });
}
