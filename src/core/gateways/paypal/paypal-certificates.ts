/**
 * The certificates that PayPal signs webhooks with. A webhook names its certificate by address, and anybody can send a webhook:
 * so certificates come from PayPal's own hosts only, are kept once they have been fetched, and only a few unknown addresses are
 * asked for in an hour, for one sender and in all, however many are named.
 */
import { textAtMost } from '../../response-body.ts';
import type { Fetch } from '../json-call.ts';
import type { CertificateStore } from '../webhook.ts';
import { readCertificate, type SigningCertificate } from './x509-certificate.ts';

/** Under PayPal's API, as its webhooks name it. */
const CERTIFICATE_PATH = /^\/v1\/notifications\/certs\/[A-Za-z0-9-]{1,100}$/;
/** A signer's certificate and its issuers have some six kilobytes. */
const CERTIFICATE_MAX_BYTES = 16 * 1024;
/** When a sender's requests of the hour are used up, an isolate does not ask the database for them for so long. */
const NOTHING_NEW_FOR_MS = 10_000;
/** An isolate remembers at most this many; a sender with more networks costs a database read for each webhook. */
const MAX_REMEMBERED_SENDERS = 1_000;

/** What an isolate remembers, as plain data. */
export interface KnownCertificates {
  /** PEM, by address. */
  pems: Map<string, string>;
  /** By sender: until then, its requests of the hour are used up, as far as is known. */
  nothingNewUntilMs: Map<string, number>;
}

export const newKnownCertificates = (): KnownCertificates => ({ pems: new Map(), nothingNewUntilMs: new Map() });
const certificatesOfIsolate = newKnownCertificates();

export type FoundCertificate =
  | { kind: 'found'; certificate: SigningCertificate }
  /** No trusted certificate is at this address. */
  | { kind: 'refused'; reason: string }
  /** The certificate is unavailable right now. */
  | { kind: 'unreachable'; reason: string };

/**
 * Whether PayPal publishes certificates at this address: over https on a host of paypal.com, or where PAYPAL_API_URL itself is, so
 * that a stand-in for PayPal can publish its own.
 */
export function isCertificateAddress(address: string, apiUrl: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, port, origin, username, password, pathname, search, hash } = new URL(address);
  if (username !== '' || password !== '' || search !== '' || hash !== '' || !CERTIFICATE_PATH.test(pathname))
    return false;
  if (origin === new URL(apiUrl).origin) return true;
  return protocol === 'https:' && port === '' && hostname.endsWith('.paypal.com');
}

interface Outside {
  store: CertificateStore;
  send: Fetch;
  nowMs: number;
  signal: AbortSignal;
}

/**
 * The certificate at an address for which `isCertificateAddress` holds.
 *
 * @throws what `store` throws
 */
export async function certificateAt(
  address: string,
  outside: Outside,
  known = certificatesOfIsolate,
): Promise<FoundCertificate> {
  const { store, nowMs } = outside;
  const kept = await usable(known.pems.get(address), nowMs);
  if (kept !== null) return { kind: 'found', certificate: kept };
  const usedUp = { kind: 'unreachable', reason: 'too many unknown certificates were named in the last hour' } as const;
  if (nowMs < (known.nothingNewUntilMs.get(store.sender) ?? 0)) return usedUp;

  const { certificates, request } = await store.requestUnlessKnown(address, nowMs);
  // All of them, not only this one: they must be cached while requests for unknown addresses are refused.
  known.pems = new Map(certificates.map(({ url, pem }) => [url, pem]));
  const keptElsewhere = await usable(known.pems.get(address), nowMs);
  if (keptElsewhere !== null) return { kind: 'found', certificate: keptElsewhere };
  switch (request) {
    case 'granted':
      return fetched(address, outside, known);
    case 'under_way':
      return { kind: 'unreachable', reason: 'the certificate was asked for a moment ago' };
    case 'used_up':
      if (known.nothingNewUntilMs.size >= MAX_REMEMBERED_SENDERS) known.nothingNewUntilMs.clear();
      known.nothingNewUntilMs.set(store.sender, nowMs + NOTHING_NEW_FOR_MS);
      return usedUp;
  }
}

async function fetched(
  address: string,
  { store, send, nowMs, signal }: Outside,
  known: KnownCertificates,
): Promise<FoundCertificate> {
  const answer = await fetchPem(address, send, signal);
  if (answer.kind !== 'pem') return answer;
  const { pem } = answer;
  const certificate = await usable(pem, nowMs);
  if (certificate === null) {
    return { kind: 'refused', reason: 'There is no valid RSA certificate at the address in paypal-cert-url.' };
  }
  await store.keep({ url: address, pem, expiresAtMs: certificate.expiresAtMs }, nowMs);
  known.pems.set(address, pem);
  return { kind: 'found', certificate };
}

/** Null where it can't be read, or is not valid now. */
async function usable(pem: string | undefined, nowMs: number): Promise<SigningCertificate | null> {
  const certificate = pem === undefined ? null : await readCertificate(pem);
  const isValid = certificate !== null && certificate.validFromMs <= nowMs && nowMs < certificate.expiresAtMs;
  return isValid ? certificate : null;
}

type FetchedPem = { kind: 'pem'; pem: string } | Exclude<FoundCertificate, { kind: 'found' }>;

async function fetchPem(address: string, send: Fetch, signal: AbortSignal): Promise<FetchedPem> {
  try {
    const response = await send(address, { method: 'GET', redirect: 'manual', signal });
    if (response.status === 404) return { kind: 'refused', reason: 'PayPal has no certificate at this address.' };
    if (response.status !== 200) {
      return { kind: 'unreachable', reason: `the certificate was answered with ${response.status}` };
    }
    const text = await textAtMost(response, CERTIFICATE_MAX_BYTES);
    if (text !== null) return { kind: 'pem', pem: text };
    return { kind: 'refused', reason: 'What is at the address in paypal-cert-url is too large for a certificate.' };
  } catch {
    return { kind: 'unreachable', reason: 'the certificate could not be fetched' };
  }
}
