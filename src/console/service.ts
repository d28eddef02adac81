/**
 * The Worker behind the pages. What it refuses, and an answer that was lost, are values. A 401 in the middle of work asks for a new key and sends
 * the same request again, so that nothing on the page is lost.
 */
import type { ErrorCode } from '../contract/error-codes.ts';
import type { ErrorDetails, ErrorEnvelope } from '../contract/responses.ts';

/** Under it, the paths of `contract/console.ts`. */
const API = '/console/api';
const READ_DEADLINE_MS = 20_000;
/** A gateway may take its time. */
const ORDER_DEADLINE_MS = 60_000;

export type Problem =
  | {
      kind: 'refused';
      status: number;
      code: ErrorCode | null;
      message: string;
      details: ErrorDetails;
      /** As in the Worker's log. */
      requestId: string | null;
    }
  /** No answer came: of an order it is not known whether it was carried out. */
  | { kind: 'unanswered' }
  /** The caller has taken it back. */
  | { kind: 'cancelled' };

export type Answer<T> = { kind: 'ok'; body: T } | Problem;

export interface Service {
  get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>>;
  post<T>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  /** Like `get`, without asking anybody to sign in. */
  tryKey<T>(path: string, key: string | null): Promise<Answer<T>>;
  forgetKey(): void;
}

/** @param askToSignIn resolves when somebody has signed in again: false where they did not want to */
export function createService(askToSignIn: () => Promise<boolean>): Service {
  // Here and nowhere else: closing or reloading the page forgets it.
  let key: string | null = null;

  async function call<T>(path: string, init: RequestInit, deadlineMs: number): Promise<Answer<T>> {
    const { signal } = init;
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      const response = await fetch(`${API}${path}`, {
        ...init,
        // Cloudflare Access then answers with a 401, and not with its sign-in page.
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
      if (!isSignedOut || !(await askToSignIn())) return answer;
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

/** Null where the answer is not the service's own, but that of a server in front of it. */
async function errorIn(response: Response): Promise<ErrorEnvelope['error'] | null> {
  try {
    const { error } = (await response.json()) as Partial<ErrorEnvelope>;
    return error ?? null;
  } catch {
    return null;
  }
}
