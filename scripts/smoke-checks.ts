/**
 * Checks within seconds that a deployed service works: it is the version that was deployed, it is up, configured and ready, refuses requests without a key, and, if the sandbox takes
 * cards, makes a payment and refunds it. With a real provider the checks only read, so nothing is charged.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ulid } from 'ulid';

export interface CheckResult {
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped, or what was seen. */
  detail: string;
  tookMs: number;
}

export interface Deadlines {
  /** Of one request. */
  requestMs: number;
  /** Until the service is up: a new address needs time until it answers everywhere, and the cron runs once a minute. */
  startMs: number;
}
export const DEADLINES: Deadlines = { requestMs: 10_000, startMs: 90_000 };
const PAUSE_MS = 1_000;
const SHOWN_LENGTH = 200;
/** A valid id that no payment has. */
const NO_PAYMENT = `TXN-${'0'.repeat(26)}`;
/** The smallest amount that each currency has. */
const AMOUNT = 1;

interface Answer {
  status: number;
  /** The id of the version that answered, as far as it says so. */
  version: string | null;
  body: Record<string, unknown>;
  text: string;
}
type Seen = { passed: string } | { skipped: string } | { failed: string };

/**
 * @param key an API key with payments:write, payments:read and refunds:write; null leaves out what needs one
 * @param version the id of the version that is to answer; null: any
 */
export async function smokeTest(
  url: string,
  key: string | null,
  version: string | null = null,
  deadlines = DEADLINES,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const check = async (name: string, look: () => Promise<Seen>): Promise<boolean> => {
    const startMs = performance.now();
    const seen = await look().catch((error: unknown): Seen => ({ failed: messageOf(error) }));
    const [[outcome, detail]] = Object.entries(seen) as [[CheckResult['outcome'], string]];
    results.push({ name, outcome, detail, tookMs: Math.round(performance.now() - startMs) });
    return outcome !== 'failed';
  };
  const ask = (path: string, body?: object, withKey = true): Promise<Answer> =>
    askService(`${url}${path}`, withKey ? key : null, body, deadlines.requestMs);

  // Until it has arrived everywhere, the former version answers.
  if (version !== null) {
    const isDeployed = await check('version', () =>
      eventually(deadlines.startMs, async () => {
        const { version: answered, status } = await ask('/ready', undefined, false);
        return answered === version
          ? { passed: version }
          : { failed: `${answered ?? `one without an id (${status})`} answers, not ${version}` };
      }),
    );
    if (!isDeployed) return results;
  }
  let gateway: unknown;
  const isUp = await check('health', () =>
    eventually(deadlines.startMs, async () => {
      const { status, body, text } = await ask('/health', undefined, false);
      if (status !== 200 || body.service !== 'payment-service') return { failed: `${status} ${text}` };
      const gateways = body.payment_gateways as Record<string, string> | undefined;
      gateway = gateways?.credit_card;
      return gateways === undefined
        ? { failed: 'it is not configured: GET /payment/methods answers what is missing' }
        : { passed: `cards go to: ${gateway ?? 'nobody'}` };
    }),
  );
  if (!isUp) return results;
  await check('ready', () =>
    eventually(deadlines.startMs, async () => {
      const { status, body, text } = await ask('/ready', undefined, false);
      if (status === 404) return { skipped: 'this version has none' };
      const alerts = alertsIn(body);
      // An alert takes minutes to begin, so it is older than the deployment: to go back to the version before would keep away its remedy.
      if (status === 503 && alerts !== null && !alerts.includes('database_away')) {
        return { passed: `but for alerts from before: ${alerts.join(', ')}` };
      }
      return status === 200 ? { passed: '' } : { failed: `${status} ${text}` };
    }),
  );
  await check('no key, no answer', async () => {
    const { status, text } = await ask('/payment/methods', undefined, false);
    return status === 401 ? { passed: '401' } : { failed: `${status} without a key: ${text}` };
  });
  if (key === null) {
    await check('with a key', async () => ({ skipped: 'SMOKE_TEST_KEY is not set' }));
    return results;
  }
  await check('methods', async () => {
    const { status, body, text } = await ask('/payment/methods');
    const methods = body.payment_methods as { id: string; enabled: boolean }[] | undefined;
    if (status !== 200 || methods === undefined) return { failed: `${status} ${text}` };
    return { passed: methods.flatMap(({ id, enabled }) => (enabled ? id : [])).join(', ') };
  });
  if (gateway !== 'sandbox') {
    await check('status', async () => {
      const { status, text } = await ask(`/payment/status/${NO_PAYMENT}`);
      return status === 404 ? { passed: 'of an unknown payment: 404' } : { failed: `${status} ${text}` };
    });
    await check('payment', async () => ({ skipped: `${gateway ?? 'nobody'} takes cards, and not the sandbox` }));
    return results;
  }

  const payment = { booking_id: `SMOKE-${ulid()}`, user_id: `smoke-test-${randomUUID()}` };
  let transactionId: unknown;
  const isPaid = await check('payment', async () => {
    const body = { ...payment, amount: AMOUNT, payment_method: 'credit_card', payment_method_token: 'tok_smoke_test' };
    const answer = await ask('/payment/process', body);
    transactionId = answer.body.transaction_id;
    return answer.status === 200 ? { passed: String(transactionId) } : { failed: `${answer.status} ${answer.text}` };
  });
  if (!isPaid) return results;
  const expectStatus = (expected: string) => async (): Promise<Seen> => {
    const { status, body, text } = await ask(`/payment/status/${transactionId}`);
    return status === 200 && body.status === expected ? { passed: expected } : { failed: `${status} ${text}` };
  };
  await check('status', expectStatus('completed'));
  await check('refund', async () => {
    const refund = { original_transaction_id: transactionId, refund_amount: AMOUNT, reason: 'smoke test' };
    const { status, body, text } = await ask('/payment/refund', { ...payment, ...refund });
    return status === 200 ? { passed: String(body.refund_transaction_id) } : { failed: `${status} ${text}` };
  });
  await check('status after the refund', expectStatus('refunded'));
  return results;
}

/** The alerts of a service that is not ready; null where it names none. */
function alertsIn({ problems }: Answer['body']): string[] | null {
  if (!Array.isArray(problems) || problems.length === 0) return null;
  return problems.map((problem: { alert?: unknown } | null) => String(problem?.alert));
}

async function askService(
  url: string,
  key: string | null,
  body: object | undefined,
  deadlineMs: number,
): Promise<Answer> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(key !== null && { Authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // The key goes to the service that was named, and to no other.
    redirect: 'manual',
    signal: AbortSignal.timeout(deadlineMs),
  });
  const text = await response.text();
  const version = response.headers.get('X-Service-Version');
  return {
    status: response.status,
    version,
    body: parsed(text),
    text: text.replace(/\s+/g, ' ').trim().slice(0, SHOWN_LENGTH),
  };
}

/** Repeats a check until it passes or is skipped. At the deadline, the last result counts. */
async function eventually(deadlineMs: number, look: () => Promise<Seen>): Promise<Seen> {
  const untilMs = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look().catch((error: unknown): Seen => ({ failed: messageOf(error) }));
    if (!('failed' in seen) || performance.now() + PAUSE_MS > untilMs) return seen;
    await delay(PAUSE_MS);
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {}; // Not of the service: the check shows the text.
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
