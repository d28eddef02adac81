/** A Worker whose settings are wrong says so, and does nothing else. */
import { describe, expect, it } from 'vitest';
import { LOCAL_SECRETS, PRODUCTION_VARIABLES } from '../data/local-variables.ts';
import { apiKey } from './credentials.ts';
import { expectEnvelope } from './matchers.ts';
import { payment, sendWith } from './request.ts';
import { rowCounts } from './stored.ts';

/** The bindings of a Worker that was just deployed: production, with none of its secrets. */
const DEPLOYED = {
  ENVIRONMENT: 'production',
  SANDBOX_ALLOWED: 'false',
  BRIDGE_URL: '',
  BRIDGE_SIGNING_SECRET: undefined,
  FINGERPRINT_KEY: undefined,
  CARD_FINGERPRINT_KEY: undefined,
  ENCRYPTION_KEY: undefined,
  API_KEY_SECRET: undefined,
  AUTH_MODE: 'api_key',
};

async function problems(bindings: Record<string, unknown>): Promise<string> {
  const answer = await sendWith(bindings, 'GET', '/payment/methods');
  expect(answer.status).toBe(503);
  expectEnvelope(answer, 'NOT_CONFIGURED');
  expect(answer.body.error.message).toContain('npm run setup');
  return answer.body.error.details.problems.join('\n');
}

describe('a Worker in production without its secrets', () => {
  it.each([
    ['POST', '/payment/process'],
    ['POST', '/payment/refund'],
    ['GET', '/payment/status/TXN-1'],
    ['GET', '/payment/methods'],
    ['DELETE', '/payment/process'],
    ['GET', '/nothing'],
  ])('answers 503 to %s %s, naming all that is missing, and records nothing', async (method, path) => {
    const before = await rowCounts();
    const answer = await sendWith(DEPLOYED, method, path, method === 'POST' ? { body: payment() } : {});

    expect(answer.status).toBe(503);
    expectEnvelope(answer, 'NOT_CONFIGURED');
    for (const name of ['BRIDGE_URL', ...Object.keys(LOCAL_SECRETS)]) {
      expect(answer.text).toContain(name);
    }
    expect(await rowCounts()).toEqual(before);
  });

  it('is healthy', async () => {
    const answer = await sendWith(DEPLOYED, 'GET', '/health');
    expect([answer.status, answer.body.status]).toEqual([200, 'healthy']);
  });

  it('is one without its variables too', async () => {
    const names = Object.fromEntries(Object.keys(DEPLOYED).map((name) => [name, undefined]));
    expect(await problems(names)).toContain('BRIDGE_URL');
  });
});

describe('in production', () => {
  it('what is complete is served', async () => {
    const { headers } = await apiKey({}, 'live');
    expect((await sendWith(PRODUCTION_VARIABLES, 'GET', '/payment/methods', { headers })).status).toBe(200);
  });

  it('the sandbox is refused unless it is allowed', async () => {
    expect(await problems({ ...PRODUCTION_VARIABLES, SANDBOX_ALLOWED: 'false' })).toContain('SANDBOX_ALLOWED');
  });

  it('the bridge is not spoken to without encryption', async () => {
    expect(await problems({ ...PRODUCTION_VARIABLES, BRIDGE_URL: 'http://bridge.example/' })).toContain('https');
  });

  it('the example’s placeholder is no secret, and no answer repeats one', async () => {
    expect(await problems({ ...PRODUCTION_VARIABLES, BRIDGE_SIGNING_SECRET: 'replace-me' })).toContain(
      'BRIDGE_SIGNING_SECRET',
    );
    expect(await problems({ ...PRODUCTION_VARIABLES, BRIDGE_SIGNING_SECRET: 'short-SECRET' })).not.toContain(
      'short-SECRET',
    );
  });
});
