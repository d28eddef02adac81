/** How the two providers sign what they send to a webhook, and how PayPal's signature is verified. */
import { createHmac, generateKeyPairSync, sign, verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { EmulatorClock } from './api.ts';
import { HEX_DIGITS, randomText } from './api.ts';

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

const CERTIFICATE_PATH = '/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc';
const ALGORITHM = 'SHA256withRSA';

let keys: ReturnType<typeof generateKeys> | null = null;

/** Made when first needed: it takes a while. */
function keyPair() {
  keys ??= generateKeys();
  return keys;
}

function generateKeys() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

export function signPayPal(
  body: string,
  webhookId: string,
  baseUrl: string,
  clock: EmulatorClock,
): Record<string, string> {
  const hex = (length: number) => randomText(clock, HEX_DIGITS, length);
  const id = `${hex(8)}-${hex(4)}-11f0-${hex(4)}-${hex(12)}`;
  const time = new Date(clock.nowMs()).toISOString().replace(/\.\d{3}Z$/, 'Z');
  const signature = sign('sha256', signedText(id, time, webhookId, body), keyPair().privateKey);
  return {
    'content-type': 'application/json',
    'paypal-transmission-id': id,
    'paypal-transmission-time': time,
    'paypal-transmission-sig': signature.toString('base64'),
    'paypal-cert-url': `${baseUrl}${CERTIFICATE_PATH}`,
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
  baseUrl: string,
): boolean {
  const { auth_algo, cert_url, transmission_id, transmission_time, transmission_sig, webhook_id } = signature;
  if (auth_algo !== ALGORITHM || cert_url !== `${baseUrl}${CERTIFICATE_PATH}` || webhook_id !== webhookId) return false;
  const signed = signedText(transmission_id, transmission_time, webhookId, body);
  return verify('sha256', signed, keyPair().publicKey, Buffer.from(transmission_sig, 'base64'));
}

function signedText(id: string, time: string, webhookId: string, body: string): Buffer {
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
