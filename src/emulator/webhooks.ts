/** How the two providers sign what they send to a webhook, and how PayPal's signature is verified. */
import { createHash, createHmac, sign, verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { generate } from 'selfsigned';
import { type EmulatorClock, HEX_DIGITS, randomText } from './api.ts';

export interface WebhookSecrets {
  stripeWebhookSecret: string;
  paypalWebhookId: string;
}

/** @returns the headers of the webhook request. A repeated delivery is signed anew. */
export function signStripe(body: string, secret: string, atMs: number): Record<string, string> {
  const seconds = Math.floor(atMs / 1000);
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return { 'content-type': 'application/json', 'stripe-signature': `t=${seconds},v1=${signature}` };
}

const ALGORITHM = 'SHA256withRSA';
const DAY_MS = 24 * 60 * 60_000;

/** What a webhook is signed with, and the certificate for it, which PayPal publishes under this name. */
export interface PayPalSigner {
  name: string;
  privateKey: string;
  certificate: string;
}

/** As PayPal's certificates are, unless a test wants another one: RSA of 2048 bits, valid now. */
export async function newPayPalSigner(options: Parameters<typeof generate>[1] = {}): Promise<PayPalSigner> {
  const { cert, private: privateKey } = await generate(
    [{ name: 'commonName', value: 'messageverificationcerts.paypal.emulated' }],
    {
      keySize: 2048,
      algorithm: 'sha256',
      notBeforeDate: new Date(Date.now() - DAY_MS),
      notAfterDate: new Date(Date.now() + 365 * DAY_MS),
      ...options,
    },
  );
  // Each key has its own address, as PayPal's have: clients cache certificates by address.
  const digest = createHash('sha256').update(cert).digest('hex');
  return {
    name: `CERT-${digest.slice(0, 8)}-${digest.slice(8, 16)}-${digest.slice(16, 24)}`,
    privateKey,
    certificate: cert,
  };
}

export const certificatePath = ({ name }: PayPalSigner) => `/v1/notifications/certs/${name}`;

/** @returns the headers of the webhook request. A repeated delivery is signed anew. */
export function signPayPal(
  body: string | Uint8Array,
  webhookId: string,
  signer: PayPalSigner,
  baseUrl: string,
  clock: EmulatorClock,
): Record<string, string> {
  const hex = (length: number) => randomText(clock, HEX_DIGITS, length);
  const id = `${hex(8)}-${hex(4)}-11f0-${hex(4)}-${hex(12)}`;
  const time = new Date(clock.nowMs()).toISOString().replace(/\.\d{3}Z$/, 'Z');
  const signature = sign('sha256', signedText(id, time, webhookId, body), signer.privateKey);
  return {
    'content-type': 'application/json',
    'paypal-transmission-id': id,
    'paypal-transmission-time': time,
    'paypal-transmission-sig': signature.toString('base64'),
    'paypal-cert-url': `${baseUrl}${certificatePath(signer)}`,
    'paypal-auth-algo': ALGORITHM,
  };
}

export interface PayPalSignature {
  auth_algo: string;
  cert_url: string;
  transmission_id: string;
  transmission_sig: string;
  transmission_time: string;
  webhook_id: string;
}

/** @param body the event's bytes as they came */
export function isSignedByPayPal(
  signature: PayPalSignature,
  body: string,
  webhookId: string,
  signer: PayPalSigner,
  baseUrl: string,
): boolean {
  const { auth_algo, cert_url, transmission_id, transmission_time, transmission_sig, webhook_id } = signature;
  if (auth_algo !== ALGORITHM || cert_url !== `${baseUrl}${certificatePath(signer)}` || webhook_id !== webhookId)
    return false;
  const signed = signedText(transmission_id, transmission_time, webhookId, body);
  return verify('sha256', signed, signer.certificate, Buffer.from(transmission_sig, 'base64'));
}

function signedText(id: string, time: string, webhookId: string, body: string | Uint8Array): Buffer {
  return Buffer.from(`${id}|${time}|${webhookId}|${crc32(body)}`);
}

/**
 * The text of one member of an object, byte for byte: a signature is over what came, and what has been parsed and written
 * again is something else.
 *
 * @param text valid JSON, an object
 */
export function memberText(text: string, name: string): string | null {
  let depth = 0;
  let start: number | null = null;
  let lastString = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character === '"') {
      const end = endOfString(text, at);
      lastString = text.slice(at, end);
      at = end - 1;
    } else if (character === '{' || character === '[') depth += 1;
    else if (character === ':' && depth === 1 && start === null && JSON.parse(lastString) === name) start = at + 1;
    else if (character === '}' || character === ']' || (character === ',' && depth === 1)) {
      if (character !== ',') depth -= 1;
      const ended = character === ',' || depth === 0;
      if (start !== null && ended) return text.slice(start, at).trim();
    }
  }
  return null;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
