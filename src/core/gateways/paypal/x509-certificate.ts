/** What this service takes of Node's own modules: an X.509 parser and a checksum. Both are native in the Workers runtime. */
import { X509Certificate } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** NIST SP 800-131A: shorter RSA keys no longer count as secure. */
const RSA_MIN_BITS = 2048;
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const FIRST_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/;

export interface SigningCertificate {
  /** Verifies RSASSA-PKCS1-v1_5 signatures with SHA-256. */
  key: Awaited<ReturnType<typeof crypto.subtle.importKey>>;
  validFromMs: number;
  expiresAtMs: number;
}

/**
 * Reads the first certificate of a PEM file: the signer's, with its issuers behind it.
 *
 * @returns null where there is none, or its key is not RSA of at least 2048 bits. The validity period is for the caller to check
 */
export async function readCertificate(pem: string): Promise<SigningCertificate | null> {
  const [first] = FIRST_CERTIFICATE.exec(pem) ?? [];
  if (first === undefined) return null;
  try {
    const { publicKey, validFrom, validTo } = new X509Certificate(new TextEncoder().encode(first));
    const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
    const key = await crypto.subtle.importKey('spki', spki, ALGORITHM, false, ['verify']);
    const bits = (key.algorithm as { modulusLength?: number }).modulusLength ?? 0;
    const [validFromMs, expiresAtMs] = [Date.parse(validFrom), Date.parse(validTo)];
    if (bits < RSA_MIN_BITS || Number.isNaN(validFromMs) || Number.isNaN(expiresAtMs)) return null;
    return { key, validFromMs, expiresAtMs };
  } catch {
    return null; // not a certificate, or not an RSA key
  }
}

export function isSignedWith(
  { key }: SigningCertificate,
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify(ALGORITHM.name, key, signature, signed);
}

/** CRC-32 as ZIP and PNG have it, as an unsigned number. */
export function checksum(bytes: Uint8Array): number {
  return crc32(bytes);
}
