/**
 * The client of the console's API. Refusals and lost answers are values. After a 401, it asks the user to sign in again and repeats the request, so
 * that nothing on the page is lost.
 */
import type { ErrorEnvelope } from '../contract/responses.ts';
import { type Answer, errorOf, type Problem } from './text/answer.ts';

/** The paths of `contract/console.ts` are below this one. */
const API = '/console/api';
const READ_DEADLINE_MS = 20_000;
/** Longer, because the service waits for the gateway. */
const ORDER_DEADLINE_MS = 60_000;
/** How long a POST waits for a sign-in. Much later, the service might take it for another one: see REPEATABLE_MS. */
const SIGN_IN_WITHIN_MS = 30 * 60_000;

export interface Service {
  get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>>;
  post<T>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  /** Like `get`, but a 401 does not ask the user to sign in. */
  tryKey<T>(path: string, key: string | null): Promise<Answer<T>>;
  forgetKey(): void;
  /** Lets the next 401 ask the user to sign in, also after they declined. */
  askAgain(): void;
}

/** @param askToSignIn resolves with true when the user has signed in again, with false when they decline */
export function createService(askToSignIn: () => Promise<boolean>): Service {
  // Stored nowhere else: closing or reloading the page forgets it.
  let key: string | null = null;
  /** Pages refresh themselves: a user who declined to sign in is not asked each time. */
  let isDeclined = false;

  async function call<T>(path: string, init: RequestInit, deadlineMs: number): Promise<Answer<T>> {
    const { signal } = init;
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      const response = await fetch(`${API}${path}`, {
        ...init,
        // Has Cloudflare Access answer with 401 instead of a redirect to its sign-in page.
        headers: {
          'X-Requested-With': 'XMLHttpRequest',
          ...(key !== null && { Authorization: `Bearer ${key}` }),
          ...init.headers,
        },
        redirect: 'manual',
        cache: 'no-store',
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
      if (response.ok) return { kind: 'ok', body: (await response.json()) as T };
      return await refusal(response);
    } catch {
      return { kind: signal?.aborted ? 'cancelled' : 'unanswered' };
    }
  }

  async function signedIn<T>(path: string, init: RequestInit, deadlineMs: number): Promise<Answer<T>> {
    for (;;) {
      const answer = await call<T>(path, init, deadlineMs);
      const isSignedOut = answer.kind === 'refused' && answer.status === 401;
      if (!isSignedOut || (isDeclined && init.method !== 'POST')) return answer;
      const askedAtMs = Date.now();
      isDeclined = !(await askToSignIn());
      if (isDeclined || (init.method === 'POST' && Date.now() - askedAtMs > SIGN_IN_WITHIN_MS)) return answer;
    }
  }

  return {
    get: (path, signal) => signedIn(path, signal ? { signal } : {}, READ_DEADLINE_MS),
    post: (path, body, headers = {}) =>
      signedIn(
        path,
        { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) },
        ORDER_DEADLINE_MS,
      ),
    async tryKey<T>(path: string, tried: string | null) {
      const former = key;
      key = tried;
      const answer = await call<T>(path, {}, READ_DEADLINE_MS);
      if (answer.kind !== 'ok') key = former;
      return answer;
    },
    forgetKey() {
      key = null;
    },
    askAgain() {
      isDeclined = false;
    },
  };
}

async function refusal(response: Response): Promise<Problem> {
  const requestId = response.headers.get('X-Request-Id');
  // A redirect leads to a sign-in page: `redirect: 'manual'` hides its status.
  const status = response.type === 'opaqueredirect' ? 401 : response.status;
  const written = await errorIn(response);
  return {
    kind: 'refused',
    status,
    code: written?.code ?? null,
    message: written?.message ?? `The server answered with status ${status}`,
    details: written?.details ?? {},
    requestId,
  };
}

async function errorIn(response: Response): Promise<ErrorEnvelope['error'] | null> {
  try {
    return errorOf(await response.json());
  } catch {
    return null;
  }
}
