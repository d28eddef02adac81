/** Calls to PayPal's REST API, with an access token that is kept for as long as it is good. */
import { type Answer, codeOrNone, type Fetch, jsonCall, type Outside, PLATFORM } from '../json-call.ts';
import type { components } from './paypal-api.d.ts';

export type Schemas = components['schemas'];

export interface PayPalSettings {
  clientId: string;
  clientSecret: string;
  /** The account that orders have to be paid to. */
  merchantId: string;
  /** Of the webhook as it is set up at PayPal; null where PayPal sends none. */
  webhookId: string | null;
  /** https://api-m.paypal.com, https://api-m.sandbox.paypal.com, or a substitute for them. */
  apiUrl: string;
}

/** An account, and what PayPal is asked by for it. */
export interface PayPal {
  settings: PayPalSettings;
  client: PayPalClient;
}

/** An order with its captures and refunds has some ten kilobytes. */
const ANSWER_MAX_BYTES = 256 * 1024;
/** A token is not used in the last moments of its life. */
const TOKEN_MARGIN_MS = 60_000;

export interface AccessToken {
  token: string;
  expiresAtMs: number;
}

/** By address and client id. Plain data, which an isolate keeps: a token is good for hours, and getting one takes a call. */
const keptTokens = new Map<string, AccessToken>();

export interface PayPalCall {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  /** Sent as JSON. */
  body?: object;
  /** `PayPal-Request-Id`: the same one is the same request. */
  requestId?: string;
  /** Whether PayPal answers with the whole object; default: where there is a `requestId`. */
  showsResult?: boolean;
  signal: AbortSignal;
}

export class PayPalClient {
  readonly #settings: PayPalSettings;
  readonly #outside: Outside;
  readonly #tokens: Map<string, AccessToken>;

  constructor(settings: PayPalSettings, outside = PLATFORM, tokens = keptTokens) {
    this.#settings = settings;
    this.#outside = outside;
    this.#tokens = tokens;
  }

  nowMs(): number {
    return this.#outside.nowMs();
  }

  /** For what needs no access token. */
  get send(): Fetch {
    return this.#outside.send;
  }

  /** A token that PayPal does not take any more, because it was revoked, is replaced once. */
  async call(call: PayPalCall): Promise<Answer> {
    const kept = this.#keptToken();
    const token = kept ?? (await this.#newToken(call.signal));
    if (typeof token !== 'string') return token;
    const answer = await this.#callWith(token, call);
    if (kept === null || answer.kind === 'silent' || answer.status !== 401) return answer;
    const fresh = await this.#newToken(call.signal);
    return typeof fresh === 'string' ? this.#callWith(fresh, call) : fresh;
  }

  #callWith(token: string, call: PayPalCall): Promise<Answer> {
    const { method, path, body, requestId, showsResult = requestId !== undefined, signal } = call;
    return jsonCall(this.#outside.send, {
      url: this.#address(path),
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(requestId !== undefined && { 'paypal-request-id': requestId }),
        ...(showsResult && { prefer: 'return=representation' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
      maxBytes: ANSWER_MAX_BYTES,
    });
  }

  get #tokenName(): string {
    return `${this.#settings.apiUrl} ${this.#settings.clientId}`;
  }

  #keptToken(): string | null {
    const kept = this.#tokens.get(this.#tokenName);
    return kept !== undefined && kept.expiresAtMs - TOKEN_MARGIN_MS > this.#outside.nowMs() ? kept.token : null;
  }

  /** A new token, or the answer that it could not be had by. */
  async #newToken(signal: AbortSignal): Promise<string | Answer> {
    const { clientId, clientSecret } = this.#settings;
    const answer = await jsonCall(this.#outside.send, {
      url: this.#address('/v1/oauth2/token'),
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      signal,
    });
    if (answer.kind === 'silent') return answer;
    if (answer.status >= 500 || answer.status === 429) return noToken(answer.status);
    // Its answer is about the credentials, not about the call that needs the token.
    if (answer.status !== 200) return { kind: 'answered', status: 401, body: null };
    const { access_token: token, expires_in: seconds } = (answer.body ?? {}) as Record<string, unknown>;
    if (typeof token !== 'string') return noToken(answer.status);
    const expiresAtMs = this.#outside.nowMs() + (typeof seconds === 'number' ? seconds * 1000 : 0);
    this.#tokens.set(this.#tokenName, { token, expiresAtMs });
    return token;
  }

  #address(path: string): string {
    return `${this.#settings.apiUrl.replace(/\/+$/, '')}${path}`;
  }
}

function noToken(status: number): Answer {
  return { kind: 'silent', reason: `PayPal gave no access token (${status})` };
}

/** The first issue of an error, PayPal's code for the cause; its texts are for people. */
export function issueOf(answer: Answer): string | undefined {
  if (answer.kind === 'silent') return undefined;
  const { details, name } = (answer.body ?? {}) as Partial<Schemas['error_422']>;
  const issue = Array.isArray(details) ? details[0]?.issue : undefined;
  return typeof issue === 'string' ? issue : typeof name === 'string' ? name : undefined;
}

/** For the log and for operators: in fixed words and PayPal's own codes, and as an error where no patience mends it. */
export function paypalWhy(answer: Answer): { reason: string; cause?: 'gateway_not_configured' } {
  if (answer.kind === 'silent') return { reason: answer.reason };
  if (answer.status === 401) {
    const reason =
      'PayPal does not accept PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET (401): see whether they are of this environment';
    return { reason, cause: 'gateway_not_configured' };
  }
  const code = codeOrNone(issueOf(answer));
  return { reason: `PayPal answered ${answer.status}${code === undefined ? '' : ` (${code})`}` };
}
