/**
 * Stripe's API, as far as card payments and refunds need it: the published shapes, states, idempotency keys and events. Without
 * timers or network access: a call is carried out at once, at its clock's time.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Stripe } from 'stripe';
import {
  type ApiAnswer,
  type ApiRequest,
  answerOf,
  type EmulatorClock,
  type Ending,
  json,
  LETTERS_AND_DIGITS,
  type ProviderEvent,
  type Received,
  Refused,
  randomText,
} from './api.ts';
import { EMULATOR_CREDENTIALS } from './credentials.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import type { Operation } from './operations.ts';
import { StripeAccount } from './stripe-account.ts';
import { type Cause, DASHBOARD, type IntentRow, type RefundRow } from './stripe-books.ts';
import { captureIntent } from './stripe-captures.ts';
import { crashed, invalid, keyReused } from './stripe-errors.ts';
import * as intents from './stripe-intents.ts';
import { type Expansions, expanded, type ListParams, page, type Row } from './stripe-lists.ts';
import { createMethod } from './stripe-methods.ts';
import { showCharge, showIntent, showMethod, showRefund } from './stripe-objects.ts';
import { createRefund } from './stripe-refunds.ts';
import { readStripeRequest, type StripeCall } from './stripe-requests.ts';

/** Of the SDK that is installed. */
export const STRIPE_API_VERSION = '2026-10-28.endive';

const KEYS_ARE_KEPT_MS = 24 * 60 * 60 * 1000;

interface Memory {
  path: string;
  fingerprint: string;
  answer: ApiAnswer;
}

/** Search lags: a new object is not found yet. */
const SEARCHABLE_AFTER_MS = 60_000;
/** The one query that is emulated. */
const BY_METADATA = /^metadata\['(\w+)'\]:'([^'\\]*)'$/;

export interface StripeEmulatorOptions {
  secretKey: string;
  accountId?: string;
  apiVersion?: string;
  clock: EmulatorClock;
  /** Of the pages where payers authenticate. */
  baseUrl: () => string;
  onEvent: (event: ProviderEvent) => void;
}

export class StripeEmulator extends StripeAccount {
  /** Requests that did not fit the published description, with the difference. */
  readonly misfits: string[] = [];
  /** Whether this account may send card numbers to the API. */
  acceptsRawCards = true;
  readonly #secretKey: string;
  readonly #accountId: string;
  readonly #keys: IdempotencyKeys<Memory>;
  /** Parameters can be card data: of those nothing is kept that could be read or guessed. */
  readonly #fingerprintKey = randomBytes(32);

  constructor(options: StripeEmulatorOptions) {
    const { secretKey, apiVersion = STRIPE_API_VERSION, clock, baseUrl, onEvent } = options;
    super({ clock, apiVersion, baseUrl, onEvent });
    this.#secretKey = secretKey;
    this.#accountId = options.accountId ?? EMULATOR_CREDENTIALS.stripeAccountId;
    this.#keys = new IdempotencyKeys(clock, KEYS_ARE_KEPT_MS);
  }

  handle(request: ApiRequest, ending: Ending = {}): ApiAnswer {
    const received = this.receive(request);
    return received.kind === 'refused' ? received.refusal : this.carryOut(received.call, ending);
  }

  /** Checks authorization and the published description. */
  receive(request: ApiRequest): Received<StripeCall> {
    const apiVersion = request.headers['stripe-version'] ?? this.books.apiVersion;
    const read = readStripeRequest(request, this.#secretKey, apiVersion);
    if (read.kind === 'accepted') return read;
    if (read.misfit) this.misfits.push(`stripe ${read.misfit}`);
    return { kind: 'refused', refusal: this.#marked(read.refusal, apiVersion), because: read.because };
  }

  /** Carries out a call, or replays the answer stored for its key. */
  carryOut(call: StripeCall, ending: Ending = {}): ApiAnswer {
    this.expireAuthorizations();
    const { key, path, apiVersion } = call;
    const cause = { requestId: `req_${randomText(this.books.clock, LETTERS_AND_DIGITS, 14)}`, key };
    const marked = (answer: ApiAnswer) => this.#marked(answer, apiVersion, cause);
    const fingerprint = createHmac('sha256', this.#fingerprintKey).update(JSON.stringify(call.params)).digest('base64');
    const memory = key === null ? undefined : this.#keys.get(key);
    if (key !== null && memory !== undefined) {
      if (memory.path !== path) return marked(keyReused(key, { first: memory.path, now: path }));
      if (memory.fingerprint !== fingerprint) return marked(keyReused(key));
      return replayed(memory.answer);
    }
    const refusal = refusalOf(() => this.#check(call));
    if (refusal !== null) return marked(refusal);
    const answer = ending.crash?.committed === false ? crashed() : answerOf(() => this.#perform(call, ending, cause));
    const final = marked(ending.crash ? crashed() : answer);
    if (key !== null) this.#keys.keep(key, { path, fingerprint, answer: final });
    return final;
  }

  /** Refusals before any effect, which are not stored for a key. */
  #check({ operation, params }: StripeCall): void {
    if (operation.name === 'payment_intents.create') {
      intents.checkNewIntent(params as unknown as Stripe.PaymentIntentCreateParams);
    }
  }

  #perform({ operation, params }: StripeCall, ending: Ending, cause: Cause): ApiAnswer {
    const books = this.books;
    const expand = params.expand as string[] | undefined;
    const intent = (row: IntentRow) => json(200, expanded(showIntent(row), row, expand, this.#ofIntent));
    switch (operation.name) {
      case 'payment_methods.create':
        return json(
          200,
          showMethod(createMethod(books, params as Stripe.PaymentMethodCreateParams, this.acceptsRawCards, ending)),
        );
      case 'payment_intents.create': {
        const create = params as unknown as Stripe.PaymentIntentCreateParams;
        if (!create.confirm && (ending.decline || ending.pending)) throw new Error('nothing is confirmed by this call');
        const row = intents.createIntent(books, create, cause);
        // Its test card's name would make a second payment method.
        const { payment_method: _, ...confirmation } = create;
        if (create.confirm) intents.confirmIntent(books, row, confirmation, ending, cause);
        return intent(row);
      }
      case 'payment_intents.retrieve':
        return intent(this.intent(operation.id));
      case 'payment_intents.update': {
        const row = this.intent(operation.id);
        intents.updateIntent(row, params as Stripe.PaymentIntentUpdateParams);
        return intent(row);
      }
      case 'payment_intents.confirm': {
        const row = this.intent(operation.id);
        intents.confirmIntent(books, row, params as Stripe.PaymentIntentConfirmParams, ending, cause);
        return intent(row);
      }
      case 'payment_intents.capture': {
        const row = this.intent(operation.id);
        captureIntent(books, row, params as Stripe.PaymentIntentCaptureParams, ending, cause);
        return intent(row);
      }
      case 'payment_intents.cancel': {
        const row = this.intent(operation.id);
        intents.cancelIntent(books, row, params.cancellation_reason as string | undefined, cause);
        return intent(row);
      }
      case 'payment_intents.list':
        return list(books.intents.values(), params, 'payment_intent', operation, showIntent, this.#ofIntent);
      case 'refunds.create': {
        const row = createRefund(books, params as Stripe.RefundCreateParams, ending, cause);
        return json(200, expanded(showRefund(row), row, expand, this.#ofRefund));
      }
      case 'refunds.retrieve': {
        const row = this.refund(operation.id);
        return json(200, expanded(showRefund(row), row, expand, this.#ofRefund));
      }
      case 'refunds.list': {
        const { payment_intent: intentId, charge: chargeId } = params;
        const wanted = [...books.refunds.values()].filter(
          ({ charge }) => (intentId ?? charge.intent.id) === charge.intent.id && (chargeId ?? charge.id) === charge.id,
        );
        return list(wanted, params, 'refund', operation, showRefund, this.#ofRefund);
      }
      case 'events.list': {
        const rows = books.events.map(({ event, createdAtMs }) => ({ id: event.id, createdAtMs, event }));
        const types =
          (params.types as string[] | undefined) ?? (params.type === undefined ? null : [params.type as string]);
        const wanted = rows.filter(({ event }) => types === null || types.some((type) => isOfType(event.type, type)));
        return list(wanted, params, 'event', operation, ({ event }) => JSON.parse(event.body), {});
      }
      case 'payment_intents.search':
        return this.#search(params);
      case 'accounts.retrieve':
        return json(200, { id: this.#accountId, object: 'account', country: 'US', default_currency: 'usd' });
      case 'balance.retrieve':
        return json(200, this.#balance());
      default:
        throw new Error(`${operation.name} is not emulated`);
    }
  }

  readonly #ofIntent: Expansions<IntentRow> = {
    latest_charge: (row) => row.latestCharge && showCharge(this.books, row.latestCharge),
    payment_method: (row) => row.method && showMethod(row.method),
  };

  readonly #ofRefund: Expansions<RefundRow> = {
    payment_intent: ({ charge }) => showIntent(charge.intent),
    charge: ({ charge }) => showCharge(this.books, charge),
  };

  #search({ query }: Record<string, unknown>): ApiAnswer {
    const [, name = '', value] = BY_METADATA.exec(String(query)) ?? [];
    if (value === undefined) throw invalid('this query is not emulated', { param: 'query' });
    const indexedUntilMs = this.books.clock.nowMs() - SEARCHABLE_AFTER_MS;
    const data = [...this.books.intents.values()]
      .filter(({ metadata, createdAtMs }) => metadata[name] === value && createdAtMs <= indexedUntilMs)
      .map(showIntent);
    return json(200, {
      object: 'search_result',
      data,
      has_more: false,
      next_page: null,
      url: '/v1/payment_intents/search',
    });
  }

  #balance(): Record<string, unknown> {
    const sums = new Map<string, number>([['usd', 0]]);
    const add = (currency: string, amount: number) => sums.set(currency, (sums.get(currency) ?? 0) + amount);
    for (const { currency, amount } of this.charges()) add(currency, amount);
    for (const { currency, amount, status } of this.refunds()) if (status !== 'failed') add(currency, -amount);
    const balances = [...sums].map(([currency, amount]) => ({ amount, currency, source_types: { card: amount } }));
    return {
      object: 'balance',
      available: balances,
      livemode: false,
      pending: balances.map((each) => ({ ...each, amount: 0, source_types: { card: 0 } })),
    };
  }

  #marked(answer: ApiAnswer, apiVersion: string, { requestId, key }: Cause = DASHBOARD): ApiAnswer {
    const headers = {
      ...answer.headers,
      'request-id': requestId ?? `req_${randomText(this.books.clock, LETTERS_AND_DIGITS, 14)}`,
      'stripe-version': apiVersion,
      ...(key !== null && { 'idempotency-key': key, 'original-request': requestId as string }),
    };
    return { ...answer, headers };
  }

  /** An answer that is made outside of `carryOut`, with the headers that every answer has. */
  dressed(answer: ApiAnswer, { apiVersion, key }: StripeCall): ApiAnswer {
    const requestId = `req_${randomText(this.books.clock, LETTERS_AND_DIGITS, 14)}`;
    return this.#marked(answer, apiVersion, { requestId, key });
  }

  forgetKeys(): void {
    this.#keys.forget();
  }
}

function list<R extends Row>(
  rows: Iterable<R>,
  params: ListParams & Record<string, unknown>,
  kind: string,
  { template }: Operation,
  show: (row: R) => Record<string, unknown>,
  expansions: Expansions<R>,
): ApiAnswer {
  const { rows: shown, hasMore } = page(rows, params, kind);
  const data = shown.map((row) => expanded(show(row), row, params.expand, expansions, 'data.'));
  return json(200, { object: 'list', data, has_more: hasMore, url: template });
}

function refusalOf(check: () => void): ApiAnswer | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
}

/** A stored failure stays what it is, so that asking again is no use. */
function replayed(answer: ApiAnswer): ApiAnswer {
  const again = answer.status >= 500 ? { 'stripe-should-retry': 'false' } : {};
  return { ...answer, headers: { ...answer.headers, ...again, 'idempotent-replayed': 'true' } };
}

function isOfType(type: string, wanted: string): boolean {
  return wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}
