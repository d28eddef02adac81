/**
 * A stack whose gateways are Stripe and PayPal, both of them the emulator in the test's own process. Faults befall the calls of
 * one payment, so that many payments can be made side by side.
 */
import { appendFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type EmulatedCall, type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import type { Provider } from '../../src/emulator/operations.ts';
import { searchCardData } from './card-data.ts';
import { until } from './child.ts';
import type { Received } from './exchange.ts';
import { type LocalDatabase, localDatabase } from './local-database.ts';
import { rabbitmqUrl } from './run.ts';
import { type HttpAnswer, pay, post, type Stack, startStack, statusOf } from './stack.ts';
import { untilSwept } from './until-swept.ts';

export interface Payment {
  transactionId: string;
  bookingId: string;
  status: string;
  amountMinor: number;
  reservedMinor: number;
  refundedMinor: number;
  errorCode: string | null;
  reason: string | null;
  cause: string | null;
  gateway: string;
  gatewayReference: string | null;
  gatewayIntent: string | null;
  /** How often the provider has been asked because it was time, and not because it had told of something. */
  lookups: number;
}

export interface Refund {
  refundId: string;
  transactionId: string;
  kind: string;
  status: string;
  amountMinor: number;
  gatewayReference: string | null;
  errorCode: string | null;
  reason: string | null;
  cause: string | null;
}

export interface ToldFailure {
  http: number;
  code: unknown;
  message: unknown;
  reason: unknown;
  retry: unknown;
  /** Whether there is advice. */
  advised: boolean;
  ledger: Pick<Payment, 'status' | 'errorCode' | 'reason' | 'gatewayReference'>[];
  events: { type: string; code: string; reason: string }[];
}

/** A failure as it should be told: the contract's code, the reason, and whether another attempt may succeed. */
export function toldAs(code: string, reason: string, { http = 400, message = reason, retry = true } = {}): ToldFailure {
  return {
    ...{ http, code, message, reason, retry },
    advised: true,
    ledger: [{ status: 'failed', errorCode: code, reason, gatewayReference: null }],
    events: [{ type: 'payment.failed', code, reason }],
  };
}

/** For calls that are about no payment, such as a login or a list: whichever comes next. */
export const ANYBODY = '*';

export interface ProviderStack {
  readonly stack: Stack;
  readonly emulator: GatewayEmulator;
  /**
   * Has a fault befall the next call of an operation, or so many of them.
   *
   * @param subject a booking that Stripe is to charge, an order of PayPal's, or ANYBODY
   */
  strike(subject: string, operation: string, fault: Fault, times?: number): void;
  /** The faults that no call has come for. */
  unstruck(): string[];
  /** With a card of Stripe's, unless told otherwise. */
  pay(overrides?: Record<string, unknown>, headers?: Record<string, string>): Promise<HttpAnswer>;
  /** With an order: by default, one that the payer has approved. */
  payByPayPal(orderId: string, overrides?: Record<string, unknown>): Promise<HttpAnswer>;
  approvedOrder(value?: string): string;
  refund(payment: { booking_id?: unknown; transaction_id?: unknown }, amount: number): Promise<HttpAnswer>;
  status(id: unknown): Promise<Record<string, unknown>>;
  payments(): Payment[];
  paymentsOf(booking: string): Payment[];
  refunds(): Refund[];
  refundsOf(transactionId: unknown): Refund[];
  readonly database: LocalDatabase;
  /** The events of a booking, when as many have arrived as the ledger has for it, and at least `count`. */
  eventsOf(booking: string, count: number): Promise<Received[]>;
  /** A payment that has failed, as its caller, the ledger and the subscribers have it. */
  failureOf(answer: HttpAnswer): Promise<ToldFailure>;
  /** All of the Worker's log lines, in their order. */
  logLines(): Record<string, unknown>[];
  /** Those of this event. */
  logged(event: string): Record<string, unknown>[];
  /** The lines of level error about a transaction or a refund, when there is one. */
  errorsOf(id: unknown): Promise<Record<string, unknown>[]>;
  /** Which methods can be paid with, and which gateway takes them, as the service tells. */
  routes(): Promise<{ enabled: Record<string, boolean>; gateways: Record<string, string | null> }>;
  /** Starts the Worker anew with other settings; null: without. */
  restart(variables: Record<string, string | null>): Promise<void>;
  /** Ends the Worker, and finds secrets and card data in what it and the others have left: logs, answers, events, the database. */
  searchLeftovers(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface ProviderStackOptions {
  /** Beside the providers' own. */
  variables?: Record<string, string>;
  /** The one that is not configured. */
  without?: Provider | 'none';
  /** Whether the providers tell the Worker of what has happened. */
  webhooks?: boolean;
}

export async function startProviderStack(
  name: string,
  { variables = {}, without = 'none', webhooks = false }: ProviderStackOptions = {},
): Promise<ProviderStack> {
  const emulator = await startGatewayEmulator();
  const settings: Record<string, string> = { ...settingsFor(emulator, without), ...variables };
  const stack = await startStack(name, rabbitmqUrl(), settings);
  if (webhooks) emulator.webhooksTo = stack.worker.url;
  const database = localDatabase(stack.directory);
  const faults = new Map<string, Fault[]>();

  emulator.fault = (call) => {
    for (const subject of subjectsOf(call, emulator, database)) {
      const fault = faults.get(`${subject} ${call.operation}`)?.shift();
      if (fault !== undefined) return fault;
    }
    return { kind: 'normal' };
  };

  /** What is answered is kept beside the logs, so that the searches find what should not be in it. */
  async function kept<Answer extends object>(asking: Promise<Answer>): Promise<Answer> {
    const answer = await asking;
    const headers = 'headers' in answer ? Object.fromEntries(answer.headers as Headers) : {};
    appendFileSync(join(stack.directory, 'answers.jsonl'), `${JSON.stringify({ ...answer, headers })}\n`);
    return answer;
  }

  const provided: ProviderStack = {
    stack,
    emulator,
    database,
    strike(subject, operation, fault, times = 1) {
      const name = `${subject} ${operation}`;
      faults.set(name, [...(faults.get(name) ?? []), ...Array.from({ length: times }, () => fault)]);
    },
    unstruck: () => [...faults].flatMap(([name, left]) => left.map(({ kind }) => `${name}: ${kind}`)),
    pay: (overrides = {}, headers = {}) =>
      kept(
        pay(
          stack.worker.url,
          { payment_method: 'stripe', card_details: null, payment_method_token: 'pm_card_visa', ...overrides },
          headers,
        ),
      ),
    payByPayPal: (orderId, overrides = {}) =>
      kept(
        pay(stack.worker.url, {
          payment_method: 'paypal',
          card_details: null,
          paypal_details: { email: 'payer@example.com', payment_id: orderId },
          ...overrides,
        }),
      ),
    approvedOrder: (value = '25.50') => emulator.paypal.createOrder({ value, currency: 'USD' }),
    refund: ({ booking_id, transaction_id }, amount) =>
      kept(
        post(stack.worker.url, '/payment/refund', {
          booking_id,
          original_transaction_id: transaction_id,
          refund_amount: amount,
          reason: 'Customer cancellation',
          user_id: 'user_123',
        }),
      ),
    status: (id) => kept(statusOf(stack.worker.url, id)),
    payments: () => rowsOf<Payment>(database, PAYMENTS),
    paymentsOf: (booking) => rowsOf<Payment>(database, `${PAYMENTS} WHERE booking_id = '${booking}'`),
    refunds: () => rowsOf<Refund>(database, REFUNDS),
    refundsOf: (transactionId) => rowsOf<Refund>(database, `${REFUNDS} WHERE transaction_id = '${transactionId}'`),
    async eventsOf(booking, count) {
      const written = () => database.count(`SELECT count(*) FROM events WHERE booking_id = '${booking}'`);
      const arrived = () => stack.listener.of(booking).length;
      await untilSwept(stack, `${count} events of ${booking}`, () => written() >= count && arrived() >= written());
      return stack.listener.of(booking);
    },
    async failureOf({ code: http, body }) {
      const { details } = body.error as { details: Record<string, unknown> };
      const booking = String(body.booking_id);
      const events = await provided.eventsOf(booking, 1);
      return {
        ...{ http, code: body.error_code, message: body.error_message },
        ...{ reason: details.reason, retry: details.retry_possible },
        advised: typeof details.next_step === 'string' && details.next_step !== '',
        ledger: provided
          .paymentsOf(booking)
          .map(({ status, errorCode, reason, gatewayReference }) => ({ status, errorCode, reason, gatewayReference })),
        events: events.map(({ routingKey, body: event }) => ({
          type: routingKey,
          code: event.error_code,
          reason: event.failure_reason,
        })),
      };
    },
    logLines: () => logLinesIn(stack.worker.child.output()),
    logged: (event) => provided.logLines().filter((line) => line.event === event),
    async errorsOf(id) {
      const errors = () =>
        provided.logLines().filter((line) => line.level === 'error' && (line.id ?? line.transaction_id) === id);
      await until(`an error of ${id} is logged`, () => errors().length > 0);
      return errors();
    },
    async routes() {
      const answerTo = async (path: string) => (await fetch(`${stack.worker.url}${path}`)).json();
      const { payment_methods: methods } = (await answerTo('/payment/methods')) as Methods;
      const { payment_gateways: gateways } = (await answerTo('/health')) as Health;
      return { enabled: Object.fromEntries(methods.map(({ id, enabled }) => [id, enabled])), gateways };
    },
    async restart(changed) {
      await stack.worker.child.stop();
      for (const [name, value] of Object.entries(changed)) {
        if (value === null) delete settings[name];
        else settings[name] = value;
      }
      await stack.startWorker();
    },
    async searchLeftovers() {
      await stack.worker.child.stop();
      const cardData = await searchCardData(stack.directory);
      return [...(await searchSecrets(stack.directory, emulator)), ...cardData.hits];
    },
    async stop() {
      await stack.stop();
      await emulator.stop();
      database.close();
    },
  };
  return provided;
}

interface Methods {
  payment_methods: { id: string; enabled: boolean }[];
}
interface Health {
  payment_gateways: Record<string, string | null>;
}

function settingsFor(emulator: GatewayEmulator, without: Provider | 'none'): Record<string, string> {
  const stripe = {
    PAYMENT_GATEWAY: 'stripe',
    STRIPE_SECRET_KEY: emulator.stripeSecretKey,
    STRIPE_WEBHOOK_SECRET: emulator.stripeWebhookSecret,
    STRIPE_API_URL: emulator.url,
  };
  const paypal = {
    PAYPAL_CLIENT_ID: emulator.paypalClientId,
    PAYPAL_CLIENT_SECRET: emulator.paypalClientSecret,
    PAYPAL_MERCHANT_ID: emulator.paypalMerchantId,
    PAYPAL_WEBHOOK_ID: emulator.paypalWebhookId,
    PAYPAL_API_URL: emulator.url,
  };
  return { ...(without !== 'stripe' && stripe), ...(without !== 'paypal' && paypal) };
}

const PAYMENTS = `
  SELECT json_object('transactionId', transaction_id, 'bookingId', booking_id, 'status', status, 'amountMinor', amount_minor,
    'reservedMinor', reserved_minor, 'refundedMinor', refunded_minor, 'errorCode', error_code, 'reason', failure_reason,
    'cause', failure_cause, 'gateway', gateway, 'gatewayReference', gateway_reference, 'gatewayIntent', gateway_intent,
    'lookups', lookups)
  FROM transactions`;
const REFUNDS = `
  SELECT json_object('refundId', refund_id, 'transactionId', transaction_id, 'kind', kind, 'status', status, 'amountMinor',
    amount_minor, 'gatewayReference', gateway_reference, 'errorCode', error_code, 'reason', failure_reason, 'cause',
    failure_cause)
  FROM refunds`;

function rowsOf<Row>(database: LocalDatabase, sql: string): Row[] {
  return database.column(sql).map((text) => JSON.parse(text) as Row);
}

/** Whom a call is about. What is charged is in the ledger before the provider hears of it (invariant 3). */
function subjectsOf(
  { provider, url, key }: EmulatedCall,
  emulator: GatewayEmulator,
  database: LocalDatabase,
): string[] {
  const about = provider === 'stripe' ? bookingIn(url, key, emulator, database) : orderIn(url, emulator);
  return about === null ? [ANYBODY] : [about, ANYBODY];
}

function bookingIn(url: string, key: string | null, { stripe }: GatewayEmulator, database: LocalDatabase) {
  const [refundId] = /re_\w+/.exec(url) ?? [];
  const intentId = /pi_\w+/.exec(url)?.[0] ?? stripe.refunds().find(({ id }) => id === refundId)?.intentId;
  if (intentId !== undefined) return stripe.intents().find(({ id }) => id === intentId)?.bookingId ?? null;
  const [ours] = /^(?:TXN|REF)-\w+/.exec(key ?? '') ?? [];
  if (ours === undefined) return null;
  const transactions = ours.startsWith('REF-')
    ? `SELECT transaction_id FROM refunds WHERE refund_id = '${ours}'`
    : `'${ours}'`;
  const [booking] = database.column(`SELECT booking_id FROM transactions WHERE transaction_id IN (${transactions})`);
  if (booking === undefined) throw new Error(`Stripe is asked about ${ours}, which the ledger does not have`);
  return booking;
}

function orderIn(url: string, { paypal }: GatewayEmulator): string | null {
  const [, kind, id] = /\/(orders|captures|refunds)\/(\w+)/.exec(url) ?? [];
  if (kind === 'orders') return id ?? null;
  const captureId = kind === 'refunds' ? paypal.refunds().find((refund) => refund.id === id)?.captureId : id;
  return paypal.captures().find((capture) => capture.captureId === captureId)?.orderId ?? null;
}

/** `wrangler dev` prints lines of its own between them, and colours around those of errors. */
function logLinesIn(output: string): Record<string, unknown>[] {
  return (output.match(/\{"level":.*\}/g) ?? []).map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The Worker's own settings, which have the secrets in them. */
const SETTINGS_FILE = 'variables';

async function searchSecrets(directory: string, emulator: GatewayEmulator): Promise<string[]> {
  const { stripeSecretKey, stripeWebhookSecret, paypalClientSecret } = emulator;
  const secrets: [string, string | RegExp][] = [
    ["Stripe's key", stripeSecretKey],
    ["the secret of Stripe's webhooks", stripeWebhookSecret],
    ["PayPal's secret", paypalClientSecret],
    ["PayPal's credentials", btoa(`${emulator.paypalClientId}:${paypalClientSecret}`)],
    ['a token of PayPal’s', /A21AA\w{20}/],
    ['the client secret of an intent', /pi_\w+_secret_/],
  ];
  const hits: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === SETTINGS_FILE) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, 'latin1');
    for (const [what, secret] of secrets) {
      const isThere = typeof secret === 'string' ? content.includes(secret) : secret.test(content);
      if (isThere) hits.push(`${what} in ${relative(directory, path)}`);
    }
  }
  return hits;
}
