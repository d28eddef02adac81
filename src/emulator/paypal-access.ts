/** PayPal's OAuth tokens: who may call, and for how long. */
import { type ApiAnswer, type ApiRequest, type EmulatorClock, json, LETTERS_AND_DIGITS, randomText } from './api.ts';
import { errorAnswer } from './paypal-errors.ts';

const SCOPE = 'https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/payments/refund';

export class PayPalAccess {
  tokenLifetimeSeconds = 32_400;
  readonly #credentials: string;
  readonly #clock: EmulatorClock;
  readonly #tokens = new Map<string, { untilMs: number }>();

  constructor(clientId: string, clientSecret: string, clock: EmulatorClock) {
    this.#credentials = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    this.#clock = clock;
  }

  /** @returns null where a token may be given */
  refuseLogin({ headers }: ApiRequest): ApiAnswer | null {
    if (headers.authorization === this.#credentials) return null;
    const error = { error: 'invalid_client', error_description: 'Client Authentication failed' };
    return json(401, error, { 'www-authenticate': 'Basic realm="Client Authentication"' });
  }

  /** @param form the body of the request for a token */
  login(form: string): ApiAnswer {
    const grant = new URLSearchParams(form).get('grant_type');
    if (grant !== 'client_credentials') {
      const description = grant === null ? 'Grant Type is NULL' : 'Unsupported grant_type';
      return json(400, { error: 'unsupported_grant_type', error_description: description });
    }
    const token = `A21AA${randomText(this.#clock, LETTERS_AND_DIGITS, 92)}`;
    const nowMs = this.#clock.nowMs();
    this.#tokens.set(token, { untilMs: nowMs + this.tokenLifetimeSeconds * 1000 });
    return json(200, {
      scope: SCOPE,
      access_token: token,
      token_type: 'Bearer',
      app_id: 'APP-80W284485P519543T',
      expires_in: this.tokenLifetimeSeconds,
      nonce: `${new Date(nowMs).toISOString()}${randomText(this.#clock, LETTERS_AND_DIGITS, 43)}`,
    });
  }

  /** @returns null where the token of a request is good */
  refuse({ headers }: ApiRequest): ApiAnswer | null {
    const [scheme, token] = (headers.authorization ?? '').split(' ');
    if (scheme !== 'Bearer' || token === undefined) return errorAnswer(this.#clock, 401);
    const known = this.#tokens.get(token);
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) return null;
    const description = known === undefined ? 'Access Token not found in cache' : 'Token has expired';
    return json(
      401,
      { error: 'invalid_token', error_description: description },
      {
        'www-authenticate': 'Bearer realm="Service", error="invalid_token"',
      },
    );
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }
}
