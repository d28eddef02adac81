/** The forms that variables have, and what is said of one that does not have its form. All variables are text. */
import ipaddr from 'ipaddr.js';
import * as z from 'zod/mini';
import { isSecret, isUnguessable, SECRET_MIN_BYTES, secretBytes } from '../../contract/secret.ts';

const ENCRYPTION_KEY_BYTES = 32;
/** RFC 7518, 3.2: a key of HS256 has at least as many bytes as its hash. */
const SHARED_SECRET_MIN_BYTES = 32;

export type Cidr = ReturnType<typeof ipaddr.parseCIDR>;
/** `direct`: requests without a client address, which are those of Workers that call by service binding. */
export type Exempt = Cidr | 'direct';

const missing = { error: 'is missing' };
const text = z.string(missing).check(z.trim(), z.minLength(1, { ...missing, abort: true }));
const isHttpAddress = z.refine<string>(
  (url) => URL.canParse(url) && /^https?:/i.test(url),
  'must be an http or https address',
);

/** An empty variable, as wrangler.toml has them to be filled in, is null. */
export const optional = z.pipe(
  z.optional(z.string().check(z.trim())),
  z.transform((value) => value || null),
);
export const optionalLike = (form: RegExp, what: string) =>
  z.pipe(optional, z.nullable(z.string().check(z.regex(form, what))));

export const oneOf = <const Names extends readonly string[]>(names: Names, usual: Names[number]) =>
  z._default(z.enum(names, { error: `must be ${names.slice(0, -1).join(', ')} or ${names.at(-1)}` }), usual);

export const flag = (usual: boolean) =>
  z._default(
    z.pipe(
      z.enum(['true', 'false'], { error: 'must be true or false' }),
      z.transform((value) => value === 'true'),
    ),
    usual,
  );

const whole = (min: number, max: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .check(
      z.int('must be a whole number'),
      z.minimum(min, `must be ${min} or more`),
      z.maximum(max, `must be ${max} or less`),
    );
export const count = (usual: number, max: number, min = 1) => z._default(whole(min, max), usual);
/** 0 means no limit, and is null. */
export const limit = (usual: number, max: number) =>
  z.pipe(
    z._default(whole(0, max), usual),
    z.transform((value) => value || null),
  );

/** Above 0 and at most `max`, which is the default. */
export const upTo = (max: number) =>
  z._default(
    z.coerce
      .number({ error: 'must be a number' })
      .check(z.positive('must be more than 0'), z.maximum(max, `must be ${max} or less`)),
    max,
  );

export const optionalAddress = z.pipe(optional, z.nullable(z.string().check(isHttpAddress)));
/** Of an API whose paths are known. */
export const origin = (usual: string) =>
  z.pipe(
    optional,
    z.pipe(
      z.transform((value: string | null) => value ?? usual),
      z.string().check(isHttpAddress, z.refine(hasNoPath, 'must have no path: its paths are known')),
    ),
  );

/** Text that is not an address has its own message already. */
function hasNoPath(url: string): boolean {
  return !URL.canParse(url) || new URL(url).pathname === '/';
}

const isRandomSecret = z.refine<string>(isSecret, `must be at least ${SECRET_MIN_BYTES} random bytes in base64`);
export const secret = text.check(isRandomSecret);
export const optionalSecret = z.pipe(optional, z.nullable(text.check(isRandomSecret)));

const isKey = z.refine<string>(isEncryptionKey, `must be ${ENCRYPTION_KEY_BYTES} random bytes in base64`);
export const encryptionKey = text.check(isKey);
export const encryptionKeys = z.pipe(
  z.pipe(z._default(z.string(), ''), z.transform(entriesOf)),
  z.array(z.string().check(isKey)),
);

/** A key for AES-256. */
export function isEncryptionKey(key: string): boolean {
  return isSecret(key) && secretBytes(key)?.length === ENCRYPTION_KEY_BYTES;
}

/** The secret that the issuer of tokens signs with. */
export const sharedSecret = z.pipe(
  optional,
  z.nullable(
    z
      .string()
      .check(z.refine(isSharedSecret, `must be at least ${SHARED_SECRET_MIN_BYTES} bytes that nobody can guess`)),
  ),
);

/** Any text, as the issuer has it, except a key in PEM: a public key is known to everybody, who could then sign tokens. */
function isSharedSecret(value: string): boolean {
  if (/PUBLIC|PRIVATE/.test(value)) return false;
  return new TextEncoder().encode(value).length >= SHARED_SECRET_MIN_BYTES && isUnguessable(value);
}

/** Addresses, networks and `direct`, separated by commas or spaces. */
export const exemptions = z.pipe(z._default(z.string(), ''), z.transform(readExempt));
/** Origins of web pages, separated by commas or spaces. */
export const origins = z.pipe(z._default(z.string(), ''), z.transform(readOrigins));

function entriesOf(list: string): string[] {
  return list.split(/[\s,]+/).filter(Boolean);
}

function readExempt(list: string, context: z.core.ParsePayload): Exempt[] {
  return entriesOf(list).flatMap((entry, index): Exempt[] => {
    if (entry === 'direct') return [entry];
    if (ipaddr.isValidCIDR(entry)) return [ipaddr.parseCIDR(entry)];
    if (ipaddr.isValid(entry)) {
      const parsed = ipaddr.parse(entry);
      return [[parsed, parsed.kind() === 'ipv6' ? 128 : 32] as Cidr];
    }
    // By its place, and not as it is written: it may be a secret.
    const message = `entry ${index + 1} is neither an address, a network nor direct`;
    context.issues.push({ code: 'custom', message, input: list });
    return [];
  });
}

/** Origins as browsers send them: scheme, host and port, and nothing behind them. */
function readOrigins(list: string, context: z.core.ParsePayload): string[] {
  const entries = entriesOf(list);
  for (const [index, entry] of entries.entries()) {
    if (URL.canParse(entry) && new URL(entry).origin === entry) continue;
    const message = `entry ${index + 1} is not an origin such as https://shop.example`;
    context.issues.push({ code: 'custom', message, input: list });
  }
  return entries;
}
