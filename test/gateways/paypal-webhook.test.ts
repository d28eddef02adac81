/** Webhooks of PayPal, verified without asking PayPal about each: signatures, certificates, and what forged ones cost. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { certificatesInMemory } from '../../src/cli/gateway-check/certificates-in-memory.ts';
import {
  isCertificateAddress,
  type KnownCertificates,
  newKnownCertificates,
} from '../../src/core/gateways/paypal/paypal-certificates.ts';
import { PayPalClient, type PayPalSettings } from '../../src/core/gateways/paypal/paypal-client.ts';
import { readPayPalWebhook } from '../../src/core/gateways/paypal/paypal-webhook.ts';
import type { CertificateStore, WebhookReading } from '../../src/core/gateways/webhook.ts';
import { certificateStore } from '../../src/core/ledger/providers/keep-certificate.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { certificatePath, newPayPalSigner, type PayPalSigner, signPayPal } from '../../src/emulator/webhooks.ts';
import { openWorld } from '../operations/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const EVENT = JSON.stringify({
  id: 'WH-2WR32451HC0233532-67976317FL4543714',
  event_type: 'PAYMENT.CAPTURE.COMPLETED',
  create_time: '2026-11-28T10:00:00Z',
  resource: { id: '2GG279541U471931P', custom_id: 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', note: 'Café ☕' },
});

let emulator: GatewayEmulator;
let settings: PayPalSettings;
let store: CertificateStore;
let known: KnownCertificates;
let nowMs: number;

beforeAll(async () => {
  emulator = await startGatewayEmulator();
  settings = {
    clientId: emulator.paypalClientId,
    clientSecret: emulator.paypalClientSecret,
    merchantId: emulator.paypalMerchantId,
    webhookId: emulator.paypalWebhookId,
    apiUrl: emulator.url,
  };
});
afterAll(() => emulator.stop());
beforeEach(() => {
  store = certificatesInMemory();
  known = newKnownCertificates();
  nowMs = Date.now();
  emulator.calls.length = 0;
});
afterEach(() => {
  // Whatever a webhook says, PayPal is asked for certificates and for nothing else.
  expect(emulator.calls.filter(({ operation }) => operation !== 'certificates.get')).toEqual([]);
});

const clockOf = (atMs: number) => ({ nowMs: () => atMs, random: Math.random });
const signed = (
  body: string | Uint8Array = EVENT,
  signer = emulator.paypalSigner,
  webhookId = emulator.paypalWebhookId,
  atMs = nowMs,
) => signPayPal(body, webhookId, signer, emulator.url, clockOf(atMs));

function read(
  headers: Record<string, string>,
  body: string | Uint8Array = EVENT,
  memory = known,
): Promise<WebhookReading> {
  const client = new PayPalClient(settings, { send: (url, init) => fetch(url, init), nowMs: () => nowMs }, new Map());
  const bytes = Uint8Array.from(typeof body === 'string' ? new TextEncoder().encode(body) : body);
  const webhook = { header: (name: string) => headers[name], body: bytes, nowMs, certificates: store };
  return readPayPalWebhook(client, settings, webhook, AbortSignal.timeout(2_000), memory);
}

async function publishedSigner(options: Parameters<typeof newPayPalSigner>[0]): Promise<PayPalSigner> {
  const signer = await newPayPalSigner(options);
  emulator.paypal.publishCertificate(signer.name, signer.certificate);
  return signer;
}

const MISMATCH =
  'The signature does not match: the body, the headers or PAYPAL_WEBHOOK_ID differ from what was signed.';
const NOT_PAYPALS = 'The address in paypal-cert-url is not one of PayPal’s certificates.';
const NO_CERTIFICATE = 'There is no valid RSA certificate at the address in paypal-cert-url.';

describe('a webhook that PayPal has signed', () => {
  it('is read, and its certificate is fetched once', async () => {
    for (const _ of [1, 2, 3]) {
      expect(await read(signed())).toMatchObject({
        kind: 'event',
        event: { provider: 'paypal', notice: { about: 'payment', transactionId: 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD' } },
      });
    }
    expect(emulator.calls.map(({ url }) => url)).toEqual([certificatePath(emulator.paypalSigner)]);
  });

  it('is read by another isolate without fetching the certificate again', async () => {
    await read(signed());
    expect(await read(signed(), EVENT, newKnownCertificates())).toMatchObject({ kind: 'event' });
    expect(emulator.calls).toHaveLength(1);
  });

  it.each([
    ['is not JSON', 'paid'],
    ['has no event_type', '{"id":"WH-1"}'],
    ['is not UTF-8', Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)],
  ])('and whose body %s is refused for that, and not for its signature', async (_, body) => {
    expect(await read(signed(body), body)).toEqual({
      kind: 'refused',
      reason: 'The signature is valid, but the body is not an event: an id or an event_type is missing.',
    });
  });

  it('of a kind that is not known is read as nothing that this service has to know', async () => {
    const body = '{"id":"WH-1","event_type":"BILLING.PLAN.CREATED"}';
    expect(await read(signed(body), body)).toMatchObject({ kind: 'event', event: { notice: null } });
  });
});

describe('a webhook is refused, with its reason,', () => {
  it.each<[string, () => [headers: Record<string, string>, body?: string], string]>([
    ['whose body was altered', () => [signed(), EVENT.replace('COMPLETED', 'DENIED')], MISMATCH],
    ['whose body was reformatted', () => [signed(), JSON.stringify(JSON.parse(EVENT), null, 1)], MISMATCH],
    ['that was signed for another webhook', () => [signed(EVENT, undefined, '9ANOTHERWEBHOOK99')], MISMATCH],
    ['whose transmission id was altered', () => [{ ...signed(), 'paypal-transmission-id': 'another-one' }], MISMATCH],
    [
      'whose time was altered',
      () => [{ ...signed(), 'paypal-transmission-time': new Date(nowMs - HOUR_MS).toISOString() }],
      MISMATCH,
    ],
    ['whose signature is too short', () => [{ ...signed(), 'paypal-transmission-sig': 'AAAA' }], MISMATCH],
    [
      'that names another algorithm',
      () => [{ ...signed(), 'paypal-auth-algo': 'SHA1withRSA' }],
      'The algorithm in paypal-auth-algo is not SHA256withRSA.',
    ],
    [
      'that is five days old',
      () => [signed(EVENT, undefined, undefined, nowMs - 5 * DAY_MS)],
      'It was sent more than four days ago.',
    ],
    [
      'that is of tomorrow',
      () => [signed(EVENT, undefined, undefined, nowMs + DAY_MS)],
      'The time in paypal-transmission-time has not come yet.',
    ],
    [
      'whose time is none',
      () => [{ ...signed(), 'paypal-transmission-time': 'yesterday' }],
      'The header paypal-transmission-time is not a time.',
    ],
    [
      'whose certificate does not exist',
      () => [{ ...signed(), 'paypal-cert-url': `${emulator.url}/v1/notifications/certs/CERT-0` }],
      'PayPal has no certificate at this address.',
    ],
  ])('%s', async (_, forge, reason) => {
    const [headers, body] = forge();
    expect(await read(headers, body)).toEqual({ kind: 'refused', reason });
  });

  it.each<[string, Parameters<typeof newPayPalSigner>[0]]>([
    ['has expired', { notBeforeDate: new Date(Date.now() - 2 * DAY_MS), notAfterDate: new Date(Date.now() - DAY_MS) }],
    ['is not valid yet', { notBeforeDate: new Date(Date.now() + DAY_MS) }],
    ['has a key of 1024 bits', { keySize: 1024 }],
  ])('whose certificate %s', async (_, options) => {
    const signer = await publishedSigner(options);
    expect(await read(signed(EVENT, signer))).toEqual({ kind: 'refused', reason: NO_CERTIFICATE });
  });

  it('whose certificate has an EC key', async () => {
    const signer = await publishedSigner({ keyType: 'ec' });
    const headers = { ...signed(), 'paypal-cert-url': `${emulator.url}${certificatePath(signer)}` };
    expect(await read(headers)).toEqual({ kind: 'refused', reason: NO_CERTIFICATE });
  });

  it.each([
    ['is too large', 'x'.repeat(17_000), 'What is at the address in paypal-cert-url is too large for a certificate.'],
    ['is a web page', '<html>', NO_CERTIFICATE],
    ['is an empty envelope', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----', NO_CERTIFICATE],
  ])('whose certificate %s', async (_, pem, reason) => {
    emulator.paypal.publishCertificate('CERT-1', pem);
    const headers = { ...signed(), 'paypal-cert-url': `${emulator.url}/v1/notifications/certs/CERT-1` };
    expect(await read(headers)).toEqual({ kind: 'refused', reason });
  });

  it('whose certificate was good when it was kept, and has expired since', async () => {
    const signer = await publishedSigner({ notAfterDate: new Date(Date.now() + DAY_MS) });
    expect(await read(signed(EVENT, signer))).toMatchObject({ kind: 'event' });
    nowMs += 2 * DAY_MS;
    expect(await read(signed(EVENT, signer))).not.toMatchObject({ kind: 'event' });
  });
});

describe('the address of a certificate', () => {
  const LIVE = 'https://api-m.paypal.com';
  const PATH = '/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77';

  it.each([
    [`https://api.paypal.com${PATH}`, LIVE],
    [`https://api.sandbox.paypal.com${PATH}`, 'https://api-m.sandbox.paypal.com'],
    [`http://127.0.0.1:8005${PATH}`, 'http://127.0.0.1:8005'],
    [`https://paypal.internal.example${PATH}`, 'https://paypal.internal.example/below'],
  ])('%s is PayPal’s, with PAYPAL_API_URL %s', (address, apiUrl) => {
    expect(isCertificateAddress(address, apiUrl)).toBe(true);
  });

  it.each([
    [`http://api.paypal.com${PATH}`, LIVE],
    [`https://api.paypal.com.evil.example${PATH}`, LIVE],
    [`https://evilpaypal.com${PATH}`, LIVE],
    [`https://paypal.com@evil.example${PATH}`, LIVE],
    [`https://user@api.paypal.com${PATH}`, LIVE],
    [`https://api.paypal.com:8443${PATH}`, LIVE],
    [`https://evil.example/api.paypal.com${PATH}`, LIVE],
    [`https://evil.example\\.paypal.com${PATH}`, LIVE],
    [`https://api.paypal.com${PATH}?to=https://evil.example`, LIVE],
    [`https://api.paypal.com${PATH}#x`, LIVE],
    ['https://api.paypal.com/v1/notifications/certs/', LIVE],
    ['https://api.paypal.com/v1/notifications/certs/../../oauth2/token', LIVE],
    ['https://api.paypal.com/v1/notifications/certs/..%2fx', LIVE],
    ['https://api.paypal.com/smarthelp/CERT-1', LIVE],
    [`http://127.0.0.1:8006${PATH}`, 'http://127.0.0.1:8005'],
    [`http://localhost:8005${PATH}`, 'http://127.0.0.1:8005'],
    [`http://api.paypal.com${PATH}`, 'http://127.0.0.1:8005'],
    ['nothing', LIVE],
  ])('%s is not, with PAYPAL_API_URL %s', (address, apiUrl) => {
    expect(isCertificateAddress(address, apiUrl)).toBe(false);
  });

  it('that is not PayPal’s is not called', async () => {
    let calls = 0;
    const evil: Server = createServer((_, response) => {
      calls += 1;
      response.end(emulator.paypalSigner.certificate);
    });
    await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
    const { port } = evil.address() as AddressInfo;
    const headers = {
      ...signed(),
      'paypal-cert-url': `http://127.0.0.1:${port}${certificatePath(emulator.paypalSigner)}`,
    };
    expect(await read(headers)).toEqual({ kind: 'refused', reason: NOT_PAYPALS });
    await new Promise((resolve) => evil.close(resolve));
    expect(calls).toBe(0);
  });

  it('that redirects is not followed', async () => {
    emulator.fault = ({ operation }) =>
      operation === 'certificates.get' ? { kind: 'answer', status: 302, body: '' } : { kind: 'normal' };
    expect(await read(signed())).toEqual({ kind: 'unreachable', reason: 'the certificate was answered with 302' });
    emulator.fault = () => ({ kind: 'normal' });
  });
});

describe('while a certificate can’t be had', () => {
  afterEach(() => {
    emulator.fault = () => ({ kind: 'normal' });
  });

  it.each([
    [{ kind: 'drop' } as const, 'the certificate could not be fetched'],
    [{ kind: 'error_500', committed: false, cached: false } as const, 'the certificate was answered with 500'],
    [{ kind: 'rate_limited_429', retryAfterSeconds: 1 } as const, 'the certificate was answered with 429'],
    [{ kind: 'answer', status: 502, body: '<html></html>' } as const, 'the certificate was answered with 502'],
  ])('%o, a webhook is to be sent again, and is read then', async (fault, reason) => {
    emulator.fault = () => fault;
    expect(await read(signed())).toEqual({ kind: 'unreachable', reason });
    emulator.fault = () => ({ kind: 'normal' });
    expect(await read(signed())).toMatchObject({ kind: 'event' });
  });
});

describe('forged webhooks with made-up certificate addresses', () => {
  let genuine: Record<string, string>;
  let storeOf: (sender: string) => CertificateStore;
  beforeEach(() => {
    const { context } = openWorld({});
    storeOf = (sender) => certificateStore(context.db, sender);
    store = storeOf('203.0.113.1');
    genuine = signed();
  });
  const forged = (number: number) => ({
    ...genuine,
    'paypal-cert-url': `${emulator.url}/v1/notifications/certs/CERT-${number}`,
  });
  const readForged = async (from: number, to: number) => {
    const kinds = new Map<string, number>();
    for (let number = from; number < to; number += 1) {
      const { kind } = await read(forged(number));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    return Object.fromEntries(kinds);
  };

  it('cost PayPal three requests without a token in an hour for each sender, however many there are', async () => {
    expect(await readForged(0, 640)).toEqual({ refused: 3, unreachable: 637 });
    expect(emulator.calls).toHaveLength(3);
    nowMs += HOUR_MS + MINUTE_MS;
    await readForged(640, 700);
    expect(emulator.calls).toHaveLength(6);
  }, 20_000);

  it('cost PayPal thirty requests in an hour, however many senders there are', async () => {
    for (let sender = 0; sender < 20; sender += 1) {
      store = storeOf(`203.0.113.${sender}`);
      await readForged(sender * 10, sender * 10 + 10);
    }
    expect(emulator.calls).toHaveLength(30);
  }, 20_000);

  it('do not keep out PayPal’s own webhooks, which come from elsewhere, with a certificate that is new', async () => {
    await readForged(0, 50);
    store = storeOf('198.51.100.1');
    expect(await read(signed())).toMatchObject({ kind: 'event' });
  });

  it('cost PayPal nothing where they name a certificate that is known', async () => {
    await read(signed());
    for (let number = 0; number < 50; number += 1) {
      expect(await read({ ...genuine, 'paypal-transmission-id': `forged-${number}` })).toMatchObject({
        kind: 'refused',
      });
    }
    expect(emulator.calls).toHaveLength(1);
  });

  it('do not keep out a webhook whose certificate is known, to this isolate or another', async () => {
    await read(signed());
    await readForged(0, 50);
    expect(await read(signed())).toMatchObject({ kind: 'event' });
    const another = newKnownCertificates();
    await read(forged(100), EVENT, another);
    expect(await read(signed(), EVENT, another)).toMatchObject({ kind: 'event' });
  });

  it('have one of the same sender with an unknown certificate sent again, until an hour has passed', async () => {
    await readForged(0, 50);
    expect(await read(signed())).toEqual({
      kind: 'unreachable',
      reason: 'too many unknown certificates were named in the last hour',
    });
    nowMs += HOUR_MS + MINUTE_MS;
    expect(await read(signed())).toMatchObject({ kind: 'event' });
  });

  it('that name one address again and again have it asked for once a minute', async () => {
    for (let time = 0; time < 20; time += 1) await read(forged(7));
    expect(emulator.calls).toHaveLength(1);
    nowMs += MINUTE_MS + 1;
    await read(forged(7));
    expect(emulator.calls).toHaveLength(2);
  });
});
