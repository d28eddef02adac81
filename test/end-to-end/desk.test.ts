/** `payctl refund`, `capture`, `void`, `resend` and `resolve`, as a person at a desk runs them beside a service that requires keys. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import type { Scope } from '../../src/core/security/credential.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../data/local-variables.ts';
import { until } from '../support/child.ts';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { type Ended, payctl } from '../support/operator-command.ts';
import { type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newBooking, pay, type Stack, startStack } from '../support/stack.ts';

const WITH_KEYS = { AUTH_MODE: 'api_key' };
const GATEWAY_DEADLINE_MS = 1_000;
const ALL: readonly Scope[] = ['payments:write', 'refunds:write', 'payments:read'];

let gateway: PaymentGatewayServer;
let stack: Stack;
/** The commands read its .dev.vars, and no developer's. */
let project: ProjectCopy;
let key: string;

beforeAll(async () => {
  project = copyProject();
  const lines = Object.entries({ ...LOCAL_VARIABLES, ...WITH_KEYS }).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(project.directory, '.dev.vars'), lines.join(''));
  gateway = await startPaymentGateway();
  stack = await startStack('desk', rabbitmqUrl(), {
    ...WITH_KEYS,
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_TIMEOUT_MS: String(GATEWAY_DEADLINE_MS),
    PAYMENT_GATEWAY_HOLDS: 'true',
  });
  key = await newKey(ALL);
});
afterAll(async () => {
  await stack?.stop();
  await gateway?.stop();
  project?.remove();
});

/** As `payctl keys create` makes one, without the seconds that it takes to start. */
async function newKey(scopes: readonly Scope[], tenant = 'default'): Promise<string> {
  const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', { tenant, scopes, expiresAtMs: null });
  writeLocalDatabase(
    stack.directory,
    `INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms) VALUES (?, ?, 'of a test', ?, ?, 0)`,
    ...[made.keyId, tenant, scopes.join(' '), made.keyHash],
  );
  return made.key;
}

const atDesk = (args: readonly string[], env: Record<string, string> = { PAYMENT_API_KEY: key }): Promise<Ended> =>
  payctl([...args, '--persist-to', stack.directory], { home: stack.directory, cwd: project.directory, env });
/** One that goes through the API. */
const order = (args: readonly string[], env?: Record<string, string>) =>
  atDesk([...args, '--url', stack.worker.url], env);

async function paid(overrides: Record<string, unknown> = {}): Promise<{ booking: string; id: string }> {
  const booking = newBooking();
  const { body } = await pay(
    stack.worker.url,
    { booking_id: booking, ...overrides },
    { Authorization: `Bearer ${key}` },
  );
  return { booking, id: String(body.transaction_id) };
}

async function eventsOf(booking: string, count: number) {
  await until(`${count} events of ${booking}`, () => stack.listener.of(booking).length >= count);
  return stack.listener.of(booking).map(({ routingKey, body }) => ({ type: routingKey, eventId: body.event_id }));
}

/** Who has done what to it, oldest first: as `actor action outcome`. */
function auditOf(subject: string): string[] {
  const database = localDatabase(stack.directory);
  try {
    return database.column(
      `SELECT substr(actor, 1, instr(actor || ':', ':') - 1) || ' ' || action || ' ' || outcome FROM audit_entries
       WHERE subject = '${subject}' ORDER BY sequence`,
    );
  } finally {
    database.close();
  }
}

function requestIdsOf(subjects: readonly string[], actions: readonly string[]): string[] {
  const database = localDatabase(stack.directory);
  const list = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join(', ');
  try {
    return database.column(
      `SELECT request_id FROM audit_entries WHERE subject IN (${list(subjects)}) AND action IN (${list(actions)})`,
    );
  } finally {
    database.close();
  }
}

describe('payctl refund', () => {
  it('refunds a part and then the rest, each with its event, and the audit log joins the operator with the key', async () => {
    const { booking, id } = await paid();
    const part = await order(['refund', id, '--amount', '5.00', '--reason', 'Screen broken', '--yes', '--json']);
    expect(part.exitCode).toBe(0);
    const { refund_id: refundId, request_id: requestId, ...rest } = JSON.parse(part.stdout);
    expect(rest).toMatchObject({ outcome: 'done', amount_minor: 500, refundable_minor: 2050, status: 'completed' });
    expect(new Set(requestIdsOf([id, refundId], ['refund.ordered', 'refund.attempted', 'refund.ended']))).toEqual(
      new Set([requestId]),
    );
    expect(auditOf(id).at(-1)).toBe('operator refund.ordered asked');
    expect(auditOf(refundId)).toEqual(['key refund.attempted claimed', 'key refund.ended completed']);

    const all = await order(['refund', id, '--yes']);
    expect(all).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 20\.50 USD$/m) });
    expect(all.stdout).toMatch(/^left to refund {2}0\.00 USD$/m);
    expect((await eventsOf(booking, 3)).map(({ type }) => type)).toEqual([
      'payment.success',
      'payment.refund',
      'payment.refund',
    ]);
    expect(gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(2);
  }, 120_000);

  it('waits for an outcome that the gateway’s answer did not bring, and pays it back once', async () => {
    const { id } = await paid();
    gateway.fault = ({ kind }) => {
      if (kind !== 'refund') return { kind: 'normal' };
      gateway.fault = () => ({ kind: 'normal' });
      return { kind: 'commit_then_drop' };
    };
    const { exitCode, stdout } = await order(['refund', id, '--yes']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 25\.50 USD$/m) });
    expect(gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(1);
  }, 90_000);

  it('says how to go on where the outcome stays unknown, and that command makes no second refund', async () => {
    const { id } = await paid();
    gateway.fault = ({ kind }) =>
      kind === 'refund' || kind === 'lookup_refund' ? { kind: 'drop' } : { kind: 'normal' };
    const unknown = await order(['refund', id, '--amount', '5', '--yes', '--wait', '2']);
    expect(unknown).toMatchObject({ exitCode: 3, stdout: '' });
    const [, goOn = ''] = /To go on waiting, without ordering it twice: npx payctl (.+)/.exec(unknown.stderr) ?? [];
    expect(goOn).toContain('--idempotency-key payctl-');
    gateway.fault = () => ({ kind: 'normal' });
    const args = goOn.split(' ');
    const again = await payctl([...args, '--yes', '--wait', '45'], {
      ...{ home: stack.directory, cwd: project.directory, env: { PAYMENT_API_KEY: key } },
    });
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 5\.00 USD$/m) });
    expect(gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(1);
  }, 150_000);

  it('asks first, and without a terminal does nothing', async () => {
    const { id } = await paid();
    const { exitCode, stdout, stderr } = await order(['refund', id]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^to refund {2}25\.50 USD$/m);
    expect(stderr).toContain('there is no terminal to ask at. Give --yes');
    expect(auditOf(id)).not.toContain('operator refund.ordered asked');
    expect(gateway.refunds().filter(({ chargeId }) => chargeId === id)).toEqual([]);
  }, 60_000);

  it('refuses an amount that the payment does not have left, before anything is ordered', async () => {
    const { id } = await paid();
    const { exitCode, stderr } = await order(['refund', id, '--amount', '25.51', '--yes']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/^Only 25\.50 USD are left to refund$/m),
    });
  }, 60_000);

  it('says which key is missing, with the scope and the organisation', async () => {
    const { id } = await paid();
    const [none, readOnly, ofOthers] = [
      await order(['refund', id, '--yes'], {}),
      await order(['refund', id, '--yes'], { PAYMENT_API_KEY: await newKey(['payments:read']) }),
      await order(['refund', id, '--yes'], { PAYMENT_API_KEY: await newKey(ALL, 'cinema-2') }),
    ];
    for (const { exitCode, stdout, stderr } of [none, readOnly, ofOthers]) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toContain('npx payctl keys create desk --scopes refunds:write\n');
    }
    expect(none.stderr).toContain('(401 UNAUTHORIZED)');
    expect(readOnly.stderr).toContain('(403 FORBIDDEN)');
    expect(ofOthers.stderr).toContain('the key is of another organisation');
  }, 90_000);

  it('says that nothing was done where nobody answers', async () => {
    const { id } = await paid();
    const { exitCode, stderr } = await atDesk(['refund', id, '--yes', '--url', `http://127.0.0.1:${await freePort()}`]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*\nNothing was done\n$/);
  }, 90_000);
});

describe('payctl capture and payctl void', () => {
  it('end a hold: one takes the money, the other releases it, each with its event', async () => {
    const [kept, released] = [await paid({ capture_method: 'manual' }), await paid({ capture_method: 'manual' })];
    const captured = await order(['capture', kept.id, '--yes']);
    expect(captured).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Captured 25\.50 USD$/m) });
    const voided = await order(['void', released.id, '--yes', '--json']);
    expect(voided.exitCode).toBe(0);
    expect(JSON.parse(voided.stdout)).toMatchObject({
      outcome: 'done',
      status: 'failed',
      error_code: 'PAYMENT_VOIDED',
    });
    expect((await eventsOf(kept.booking, 1)).map(({ type }) => type)).toEqual(['payment.success']);
    expect((await eventsOf(released.booking, 1)).map(({ type }) => type)).toEqual(['payment.failed']);
    expect(auditOf(kept.id)).toContain('operator capture.ordered asked');
    expect(auditOf(released.id)).toContain('operator void.ordered asked');

    const again = await order(['void', kept.id, '--yes']);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('`payctl refund` pays it back') });
  }, 120_000);
});

describe('payctl resend', () => {
  it('publishes the events of a payment and its refund again, under the same ids and in their order', async () => {
    const { booking, id } = await paid();
    await order(['refund', id, '--amount', '1', '--yes']);
    const first = await eventsOf(booking, 2);
    const byPayment = await atDesk(['resend', id]);
    expect(byPayment).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^2 events: published again/m) });
    await stack.worker.sweep();
    await stack.worker.sweep();
    expect((await eventsOf(booking, 4)).slice(2)).toEqual(first);
    expect(auditOf(id).at(-1)).toBe('operator events.resent done');

    const byBooking = await atDesk(['resend', '--booking', booking, '--json']);
    expect(JSON.parse(byBooking.stdout)).toMatchObject({
      replayed: 2,
      events: first.map(({ type, eventId }) => ({ event_id: eventId, event_type: type, state: 'replayed' })),
    });
  }, 120_000);

  it('says so where there is no event', async () => {
    const ended = await atDesk(['resend', '--booking', 'BOOK-nobody']);
    expect(ended).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/^There is no event of the booking/),
    });
  }, 60_000);
});

describe('payctl resolve', () => {
  /** A payment whose charge was answered by nobody, and of which the gateway can say nothing: as after the ten minutes that this takes. */
  async function undetermined(): Promise<{ booking: string; id: string }> {
    gateway.fault = ({ kind }) =>
      kind === 'charge' || kind === 'lookup_charge' ? { kind: 'drop' } : { kind: 'normal' };
    const payment = await paid();
    expect(
      writeLocalDatabase(
        stack.directory,
        'UPDATE transactions SET undetermined_at_ms = created_at_ms WHERE transaction_id = ?',
        payment.id,
      ),
    ).toBe(1);
    return payment;
  }

  it('lists a payment of unknown outcome, and records how it ended: with its event, for good, and by whom', async () => {
    const { booking, id } = await undetermined();
    const listed = await atDesk(['resolve']);
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(id) });

    const completed = ['resolve', id, '--as', 'completed', '--reference', 'ch_desk', '--reason', 'in the dashboard'];
    const unasked = await atDesk(completed);
    expect(unasked).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Give --yes') });
    const { exitCode, stdout } = await atDesk([...completed, '--yes', '--json']);
    expect(exitCode).toBe(0);
    const { event_id: eventId, status } = JSON.parse(stdout);
    expect(status).toBe('completed');
    gateway.fault = () => ({ kind: 'normal' });
    await stack.worker.sweep();
    await stack.worker.sweep();
    expect(await eventsOf(booking, 1)).toEqual([{ type: 'payment.success', eventId }]);
    expect(auditOf(id).slice(-2)).toEqual(['operator outcome.resolved asked', 'operator payment.ended completed']);

    const again = await atDesk([...completed, '--yes']);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is completed already') });
    const all = await atDesk(['resolve', '--all']);
    expect(all.stdout).toMatch(/^Nothing needs a person$/m);
    expect(all.stdout).toMatch(new RegExp(`^${id} .* in the dashboard$`, 'm'));
  }, 150_000);

  it('frees the booking of a payment that was recorded as failed', async () => {
    const { booking, id } = await undetermined();
    const failed = await atDesk(['resolve', id, '--as', 'failed', '--reason', 'not in the dashboard', '--yes']);
    gateway.fault = () => ({ kind: 'normal' });
    expect(failed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${id} is failed now`) });
    const other = await pay(stack.worker.url, { booking_id: booking }, { Authorization: `Bearer ${key}` });
    expect(other.code).toBe(200);
  }, 90_000);

  it('has the gateway asked again at once, and leaves to it what it can answer', async () => {
    const { booking, id } = await undetermined();
    writeLocalDatabase(
      stack.directory,
      'UPDATE transactions SET undetermined_at_ms = NULL, next_lookup_at_ms = next_lookup_at_ms + 3600000 WHERE transaction_id = ?',
      id,
    );
    const refused = await atDesk(['resolve', id, '--as', 'failed', '--reason', 'I think so', '--yes']);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('the service is still asking') });
    gateway.fault = () => ({ kind: 'normal' });
    const retried = await atDesk(['resolve', id, '--retry']);
    expect(retried).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/: the service asks http:\S+ within a minute\n$/),
    });
    expect(auditOf(id)).toContain('operator look_up.ordered asked');
    await until(
      'the look-up has ended it',
      async () => {
        await stack.worker.sweep();
        return stack.listener.of(booking).length > 0;
      },
      { deadlineMs: 60_000 },
    );
    expect(auditOf(id).at(-1)).toMatch(/^(cron|queue) payment\.ended failed$/);
  }, 150_000);
});
