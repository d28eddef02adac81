/**
 * Stripe and PayPal behind one HTTP server, with faults on request. Their paths do not collide:
 * /v1/oauth2, /v1/notifications, /v2 and /checkoutnow are PayPal's, everything else below /v1 is Stripe's.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiAnswer, ApiRequest, EmulatorClock, ProviderEvent } from './api.ts';
import { control } from './control.ts';
import { EMULATOR_CREDENTIALS, type EmulatorCredentials } from './credentials.ts';
import { type Fault, receive } from './faults.ts';
import { keyOf, operationOf, type Provider, pathOf, providerOf } from './operations.ts';
import { PayPalEmulator } from './paypal.ts';
import { approvalPage } from './paypal-approval-page.ts';
import { StripeEmulator } from './stripe.ts';
import { AUTHENTICATION_PATH } from './stripe-authentication.ts';
import { authenticationPage } from './stripe-authentication-page.ts';
import {
  type Notification,
  type WebhookAnswer,
  WebhookDelivery,
  type WebhooksTo,
  type WebhookTiming,
} from './webhook-delivery.ts';
import { newPayPalSigner, type PayPalSigner } from './webhooks.ts';

export interface EmulatedCall {
  provider: Provider;
  operation: string;
  /** Idempotency-Key or PayPal-Request-Id. */
  key: string | null;
  /** 1 for the first with this operation, and this key or else path. */
  attempt: number;
  atMs: number;
  url: string;
  /** Where it was not carried out, whatever the fault. */
  refusedBecause?: string;
}

export interface GatewayEmulatorOptions extends Partial<EmulatorCredentials> {
  /** Default: any that is free. */
  port?: number;
  /** Default: nowhere. */
  webhooksTo?: WebhooksTo;
  /** Of what the providers date; delays are always real. Default: the system's. */
  clock?: EmulatorClock;
  /** Webhooks that were not taken are sent again after so long. Default: never. */
  sendsWebhooksAgainAfterMs?: number;
  /** Called with a line for each call and each webhook. */
  log?: (line: string) => void;
}

export interface GatewayEmulator extends EmulatorCredentials {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** What PayPal's webhooks are signed with. */
  readonly paypalSigner: PayPalSigner;
  readonly stripe: StripeEmulator;
  readonly paypal: PayPalEmulator;
  /** The fault of a valid call; default: none. */
  fault: (call: EmulatedCall) => Fault;
  /** How an event is sent: after the answer unless set. `before_answer` holds the answer back until the webhook has been answered. */
  webhookTiming: (event: ProviderEvent) => WebhookTiming;
  webhooksTo: WebhooksTo;
  readonly calls: EmulatedCall[];
  /** Requests that did not fit the published descriptions, with the difference. A test asserts that there are none. */
  readonly misfits: string[];
  readonly webhookAnswers: WebhookAnswer[];
  /** As the dashboards can. @returns the status of the answer, 0 for none */
  resendWebhook(eventId: string): Promise<number>;
  /** Resolves when all webhooks in flight have been answered. */
  webhooksDelivered(): Promise<void>;
  /** Ends the server, its connections, and all that was to happen later. */
  stop(): Promise<void>;
}

export async function startGatewayEmulator(options: GatewayEmulatorOptions = {}): Promise<GatewayEmulator> {
  const { port = 0, webhooksTo = null, clock = { nowMs: Date.now, random: Math.random }, log = () => {} } = options;
  const credentials = { ...EMULATOR_CREDENTIALS, ...definedOf(options) };
  const calls: EmulatedCall[] = [];
  const attempts = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  /** What a person has asked for, over HTTP: for the next call of the operation. */
  const asked: { operation: string; fault: Fault }[] = [];
  /** Those of the call that is being carried out; null between calls. */
  let ofThisCall: Notification[] | null = null;
  let url = '';

  const signer = await newPayPalSigner();
  const delivery = new WebhookDelivery({ to: webhooksTo, credentials, clock, baseUrl: () => url, signer, later, log });
  delivery.sendsAgainAfterMs = options.sendsWebhooksAgainAfterMs ?? null;
  const stripe = new StripeEmulator({
    secretKey: credentials.stripeSecretKey,
    clock,
    baseUrl: () => url,
    onEvent: (event) => happened({ provider: 'stripe', event }),
  });
  const paypal = new PayPalEmulator({
    clientId: credentials.paypalClientId,
    clientSecret: credentials.paypalClientSecret,
    merchantId: credentials.paypalMerchantId,
    webhookId: credentials.paypalWebhookId,
    signer,
    clock,
    baseUrl: () => url,
    onEvent: (event) => happened({ provider: 'paypal', event }),
  });

  function happened(notification: Notification): void {
    if (ofThisCall !== null) ofThisCall.push(notification);
    else delivery.announce(notification);
  }

  function later(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      what();
    }, ms);
    timers.add(timer);
  }

  const waited = (ms: number) => new Promise<void>((resolve) => later(ms, resolve));

  async function handle(request: ApiRequest, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    if (path.startsWith('/emulator/')) return send(response, controlled(request));
    if (path === '/checkoutnow') {
      const { result: page, gathered } = gather(() => approvalPage(request, paypal));
      await delivery.beforeAnswer(gathered);
      send(response, page);
      return delivery.afterAnswer(gathered);
    }
    if (path.startsWith(AUTHENTICATION_PATH)) {
      const { result: page, gathered } = gather(() => authenticationPage(request, stripe));
      await delivery.beforeAnswer(gathered);
      send(response, page);
      return delivery.afterAnswer(gathered);
    }
    const call = describe(request);
    calls.push(call);
    const received = receive({ stripe, paypal }, request);
    if (received.kind === 'refused') {
      call.refusedBecause = received.because;
      return send(response, received.refusal);
    }
    const fault = faultFor(call);
    if (fault.kind === 'delay') await waited(fault.ms);
    const { result: answer, gathered } = gather(() => received.carryOut(fault, later));
    await delivery.beforeAnswer(gathered);
    if (fault.kind === 'commit_then_delay') await waited(fault.ms);
    if (answer === 'dropped') response.socket?.destroy();
    else send(response, answer);
    delivery.afterAnswer(gathered);
  }

  function gather<Result>(work: () => Result): { result: Result; gathered: Notification[] } {
    const gathered: Notification[] = [];
    ofThisCall = gathered;
    try {
      return { result: work(), gathered };
    } finally {
      ofThisCall = null;
    }
  }

  function describe(request: ApiRequest): EmulatedCall {
    const path = pathOf(request);
    const operation = operationOf(request)?.name ?? `${request.method} ${path}`;
    const key = keyOf(request);
    const name = `${operation} ${key ?? path}`;
    const attempt = (attempts.get(name) ?? 0) + 1;
    attempts.set(name, attempt);
    return { provider: providerOf(request), operation, key, attempt, atMs: clock.nowMs(), url: request.url };
  }

  function faultFor(call: EmulatedCall): Fault {
    const index = asked.findIndex(({ operation }) => operation === call.operation);
    const [next] = index === -1 ? [] : asked.splice(index, 1);
    return next?.fault ?? emulator.fault(call);
  }

  function controlled(request: ApiRequest): ApiAnswer {
    return control(request, {
      stripe,
      paypal,
      askFor: (operation, fault) => asked.push({ operation, fault }),
      state: () => ({
        stripe: { intents: stripe.intents(), refunds: stripe.refunds(), disputes: stripe.disputes() },
        paypal: {
          ...{ orders: paypal.orders(), authorizations: paypal.authorizations() },
          ...{ captures: paypal.captures(), refunds: paypal.refunds(), disputes: paypal.disputes() },
        },
        faults: asked,
        misfits: emulator.misfits,
        webhooks: delivery.answers,
      }),
    });
  }

  const http = createServer((incoming, response) => {
    const startedAtMs = performance.now();
    const path = (incoming.url ?? '/').split('?', 1)[0];
    response.once('close', () => {
      const ending = response.writableFinished ? response.statusCode : 'dropped';
      log(`${incoming.method} ${path} ${ending} ${Math.round(performance.now() - startedAtMs)} ms`);
    });
    requestOf(incoming)
      .then((request) => handle(request, response))
      .catch((error: unknown) => {
        if (!incoming.complete) return; // the caller has gone away
        // A bug of the emulator or of the test's script, and not to be taken for a fault that was asked for.
        process.nextTick(() => {
          throw error;
        });
      });
  });

  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;

  const emulator: GatewayEmulator = {
    ...credentials,
    url,
    paypalSigner: signer,
    stripe,
    paypal,
    fault: () => ({ kind: 'normal' }),
    get webhookTiming() {
      return delivery.timing;
    },
    set webhookTiming(timing) {
      delivery.timing = timing;
    },
    get webhooksTo() {
      return delivery.to;
    },
    set webhooksTo(address) {
      delivery.to = address;
    },
    calls,
    get misfits() {
      return [...stripe.misfits, ...paypal.misfits];
    },
    webhookAnswers: delivery.answers,
    resendWebhook(eventId) {
      for (const [provider, events] of [
        ['stripe', stripe.events()],
        ['paypal', paypal.events()],
      ] as const) {
        const event = events.find(({ id }) => id === eventId);
        if (event !== undefined) return delivery.send({ provider, event });
      }
      throw new Error(`there is no event ${eventId}`);
    },
    webhooksDelivered: () => delivery.settled(),
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      await delivery.stop();
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
  return emulator;
}

function definedOf(options: GatewayEmulatorOptions): Partial<EmulatorCredentials> {
  const given = Object.keys(EMULATOR_CREDENTIALS).filter(
    (name) => options[name as keyof EmulatorCredentials] !== undefined,
  );
  return Object.fromEntries(given.map((name) => [name, options[name as keyof EmulatorCredentials]]));
}

async function requestOf(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const { method = 'GET', url = '/' } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks).toString() };
}

/** Does nothing if the client has disconnected. */
function send(response: ServerResponse, { status, headers, body }: ApiAnswer): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, headers).end(body);
}
