/** POST /webhooks/stripe and POST /webhooks/paypal: the providers' webhooks, each signed in its own way. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Hono } from 'hono/tiny';
import { backgroundCaller } from '../../../core/caller.ts';
import type { Provider } from '../../../core/gateways/webhook.ts';
import { certificateStore } from '../../../core/ledger/providers/keep-certificate.ts';
import { handleWebhook } from '../../../core/recovery/handle-webhook.ts';
import type { Settings } from '../../../core/settings/settings.ts';
import { errorResponse, retryAfter } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { bodyBytes, limitBody } from '../middleware/limit-body.ts';
import { methodNotAllowed } from '../middleware/method-not-allowed.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { withShards } from '../middleware/with-shards.ts';

/** An event carries the whole object that it is about: some ten kilobytes, as a rule. */
const BODY_MAX_BYTES = 256 * 1024;
/** Of all that it takes to verify a signature; a provider waits ten seconds at least. */
const VERIFY_DEADLINE_MS = 4_000;
const RETRY_AFTER_MS = 10_000;

/** What has to be set for each, beside what its payments need. */
const SECRETS: Readonly<Record<Provider, { name: string; of: (settings: Settings) => string | null | undefined }>> = {
  stripe: { name: 'STRIPE_WEBHOOK_SECRET', of: ({ stripe }) => stripe?.webhookSecret },
  paypal: { name: 'PAYPAL_WEBHOOK_ID', of: ({ paypal }) => paypal?.webhookId },
};

const NOT_THERE = 'There is nothing at this path: no payments are taken with this provider.';

export const webhooksRoute = new Hono<HttpEnv>();
for (const provider of ['stripe', 'paypal'] as const) {
  webhooksRoute
    .post(`/${provider}`, limitBody(BODY_MAX_BYTES, 'A webhook'), calledBy(provider), withShards(), (c) =>
      webhook(c, provider),
    )
    .all(`/${provider}`, methodNotAllowed('POST'));
}

/** A webhook is signed, so that whoever sent it is the provider; whose payment it is about, the payment says. */
function calledBy(provider: Provider) {
  return createMiddleware<HttpEnv>(async function calledBy(c, next) {
    c.set('caller', backgroundCaller(`webhook:${provider}`, c.get('requestId')));
    return next();
  });
}

async function webhook(c: Context<HttpEnv>, provider: Provider): Promise<Response> {
  const [shards, settings, log] = [c.get('shards'), c.get('settings'), c.get('log')];
  const { gateways, db } = shards.at(0);
  const gateway = gateways.all.find(({ name }) => name.startsWith(`${provider}:`));
  if (gateway?.readWebhook === undefined) return errorResponse(c, 404, 'NOT_FOUND', NOT_THERE);
  const secret = SECRETS[provider];
  if (!secret.of(settings)) {
    log('error', 'webhook.not_configured', { provider, missing: secret.name });
    return errorResponse(
      c,
      503,
      'NOT_CONFIGURED',
      `Webhooks of ${provider} are not configured: ${secret.name} is missing.`,
    );
  }
  const reading = await gateway.readWebhook(
    {
      header: (name) => c.req.header(name),
      body: new Uint8Array(await bodyBytes(c.req.raw)),
      nowMs: Date.now(),
      certificates: certificateStore(db, c.get('client').bucket),
    },
    AbortSignal.timeout(VERIFY_DEADLINE_MS),
  );
  switch (reading.kind) {
    case 'refused':
      log('warn', 'webhook.refused', { provider, reason: reading.reason });
      return errorResponse(c, 400, 'INVALID_REQUEST', reading.reason);
    case 'unreachable':
      log('warn', 'webhook.not_verified', { provider, reason: reading.reason });
      return laterPlease(c);
    case 'event': {
      const answer = await outliveClient(c, handleWebhook(shards, gateway, reading.event), ({ shard }) =>
        shards.at(shard),
      );
      return answer.kind === 'handled' ? c.json({ received: true }) : laterPlease(c);
    }
  }
}

/** The provider sends it again, for days if need be. */
function laterPlease(c: Context): Response {
  retryAfter(c, RETRY_AFTER_MS);
  return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', 'The webhook was not handled. Please send it again.');
}
