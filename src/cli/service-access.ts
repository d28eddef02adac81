/** Where the service is that the ledger belongs to, and one call of its API. What moves money goes through it, so that all its guards apply. */
import * as z from 'zod/mini';
import { errorCode, issue } from '../contract/responses.ts';
import type { LedgerPlace } from './arguments.ts';
import { readSecretsFile } from './secrets-file.ts';

/** Longer than the service takes when its database stalls and its gateway does not answer. */
const CALL_DEADLINE_MS = 30_000;
/** An answer of this service is far smaller. */
const SHOWN_CHARACTERS = 200;

export interface Service {
  /** Without a slash at its end. */
  url: string;
  /** Null locally, where the service may require none. */
  key: string | null;
}

/** @throws Error with instructions, where it is not known where the service is, or no key is given for it */
export function serviceOf(place: LedgerPlace, servicePort: number | null, url: string | undefined): Service {
  const given = givenVariables(place);
  const key = given.PAYMENT_API_KEY?.trim() || null;
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) throw new Error('PAYMENT_API_KEY is neither a key nor a token');
  if (!place.remote) return { url: url === undefined ? localUrl(place, servicePort) : readServiceUrl(url), key };
  const address = url ?? given.PAYMENT_SERVICE_URL?.trim();
  if (!address) throw new Error('Where is the service? Give --url https://…, or set PAYMENT_SERVICE_URL');
  if (key === null) {
    throw new Error(
      'PAYMENT_API_KEY is missing: set it in the environment or in the file of --secrets-file. `npx payctl keys create --help` says how to make a key',
    );
  }
  return { url: readServiceUrl(address), key };
}

/** Of the environment alone locally: a key of production has no business there. */
function givenVariables(place: LedgerPlace): Record<string, string | undefined> {
  return { ...process.env, ...readSecretsFile(place) };
}

function localUrl({ persistTo }: LedgerPlace, servicePort: number | null): string {
  if (servicePort !== null) return `http://127.0.0.1:${servicePort}`;
  const dev = persistTo === null ? 'npm run dev' : `npm run dev -- --persist-to ${persistTo}`;
  throw new Error(`The service does not run on this database: start \`${dev}\`, or say where it is with --url`);
}

/** @throws Error where it is not an address that a key may be sent to */
export function readServiceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new Error('The address of the service must be like https://payments.example.com');
  }
  if (url.protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw new Error(`${url.origin} must be https: a key is sent there`);
  }
  return url.href.replace(/\/+$/, '');
}

export interface Call {
  path: '/payment/refund' | '/payment/capture' | '/payment/void';
  body: Readonly<Record<string, string>>;
  requestId: string;
  /** Only refunds take one. Of the other two, a repetition gets the same answer without it. */
  idempotencyKey: string | null;
}

// An answer counts as the service's only if it has what the contract says; fields of later versions do not matter. Proxies have answers of their own.
const DONE = {
  '/payment/refund': z.object({ status: z.literal('success'), refund_transaction_id: z.string() }),
  '/payment/capture': z.object({ status: z.literal('success'), transaction_id: z.string() }),
  '/payment/void': z.object({
    status: z.literal('failed'),
    error_code: z.literal('PAYMENT_VOIDED'),
    transaction_id: z.string(),
  }),
} as const satisfies Record<Call['path'], unknown>;
const errorAnswer = z.object({
  /** Of the payment, in answers about one. */
  status: z.optional(z.string()),
  error: z.object({
    code: errorCode,
    message: z.string(),
    details: z.optional(
      z.object({
        reason: z.optional(z.nullable(z.string())),
        error_code: z.optional(z.string()),
        refund_transaction_id: z.optional(z.string()),
        status: z.optional(z.nullable(z.string())),
        next_step: z.optional(z.string()),
        issues: z.optional(z.array(issue)),
      }),
    ),
  }),
});
export type ErrorAnswer = z.infer<typeof errorAnswer>;

export type Reply =
  | { kind: 'done' }
  | { kind: 'error'; status: number; body: ErrorAnswer; retryAfterMs: number | null }
  /** What was sent may have arrived. */
  | { kind: 'lost'; reason: string }
  /** There is nobody: nothing was sent. */
  | { kind: 'unreached'; reason: string }
  /** Whoever answered is not the payment service. */
  | { kind: 'stranger'; reason: string };

export async function callService({ url, key }: Service, call: Call): Promise<Reply> {
  const address = `${url}${call.path}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Request-Id': call.requestId,
        ...(key !== null && { Authorization: `Bearer ${key}` }),
        ...(call.idempotencyKey !== null && { 'Idempotency-Key': call.idempotencyKey }),
      },
      body: JSON.stringify(call.body),
      // A key goes to the address that was given, and no further.
      redirect: 'manual',
      signal: AbortSignal.timeout(CALL_DEADLINE_MS),
    });
    text = await response.text();
  } catch (error) {
    return notAnswered(address, error);
  }
  return replyOf(address, call, response, text);
}

function replyOf(address: string, { path }: Call, { status, ok, headers }: Response, text: string): Reply {
  const body = jsonOf(text);
  if (ok && DONE[path].safeParse(body).success) return { kind: 'done' };
  const error = errorAnswer.safeParse(body);
  if (!ok && error.success) {
    const seconds = Number(headers.get('Retry-After') ?? Number.NaN);
    return {
      ...{ kind: 'error', status, body: error.data },
      retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : null,
    };
  }
  const reason = `${address} answered ${status} ${text.replace(/\s+/g, ' ').slice(0, SHOWN_CHARACTERS)}`.trim();
  // A proxy that gave up on the service, or altered its answer, may have passed the order on.
  return ok || status === 408 || status >= 500 ? { kind: 'lost', reason } : { kind: 'stranger', reason };
}

const NOBODY_THERE = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];

function notAnswered(address: string, error: unknown): Reply {
  if (!(error instanceof Error)) throw error;
  const { cause } = error;
  const code = codeOf(cause) ?? (cause instanceof AggregateError ? codeOf(cause.errors[0]) : null);
  if (code !== null && NOBODY_THERE.includes(code)) return { kind: 'unreached', reason: code };
  // Of fetch itself, which sends nothing to ports of other protocols.
  if (cause instanceof Error && cause.message === 'bad port') return { kind: 'unreached', reason: cause.message };
  const reason =
    error.name === 'TimeoutError' ? `no answer within ${CALL_DEADLINE_MS / 1_000} s` : (code ?? error.message);
  return { kind: 'lost', reason: `${address} gave no answer: ${reason}` };
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a page for people
  }
}
