/** `payctl reconcile` and `payctl events`, as an operator runs them, on the database of a service that is running. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOT_LOGGED_IN } from '../../src/local/wrangler.ts';
import { until } from '../support/child.ts';
import { writeLocalDatabase } from '../support/local-database.ts';
import { type Ended, payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const PAUSE_BETWEEN_PAYMENTS_MS = 100;

let stack: Stack;
/** Without a developer's .dev.vars, where a command would look for gateways. */
let project: ProjectCopy;

beforeAll(async () => {
  project = copyProject();
  stack = await startStack('operator-tools', rabbitmqUrl());
});
afterAll(async () => {
  await stack?.stop();
  project?.remove();
});

describe('payctl reconcile', () => {
  it('finds no difference while the service takes payments and refunds, and takes nothing from them', async () => {
    await payAndRefund();
    await pay(stack.worker.url, { card_details: card('4000000000000002') });

    let isReconciling = true;
    const reconciled = run('reconcile').finally(() => {
      isReconciling = false;
    });
    const codes: number[] = [];
    while (isReconciling) {
      codes.push((await pay(stack.worker.url)).code);
      await sleep(PAUSE_BETWEEN_PAYMENTS_MS);
    }
    const { exitCode, stdout } = await reconciled;
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^differences {2}0$/m) });
    expect(codes.length).toBeGreaterThan(1);
    expect(new Set(codes)).toEqual(new Set([200]));
  });

  it('names a row that was tampered with, and what to do', async () => {
    const { transactionId, refundId } = await payAndRefund();
    const setRefunded = 'UPDATE transactions SET refunded_minor = ? WHERE transaction_id = ?';
    write(setRefunded, 1024, transactionId);
    const { exitCode, stdout } = await run('reconcile');
    const json = await run('reconcile', '--json');
    write(setRefunded, 1025, transactionId);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^differences {2}1$/m);
    expect(stdout).toMatch(
      new RegExp(
        `^balance_differs: The payment ${transactionId} has 10.24 USD as refunded .* 10.25 USD .*correct`,
        'm',
      ),
    );
    expect(stdout).not.toContain(refundId);

    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      movements: null,
      differences: [{ kind: 'balance_differs', transaction_id: transactionId, balance: { refunded_minor: 1024 } }],
    });
    expect((await run('reconcile')).exitCode).toBe(0);
  });

  it('looks only at the time that it is given', async () => {
    const { exitCode, stdout } = await run('reconcile', '--from', '2025-01-01', '--to', '2025-01-02T00:00:00Z');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^payments {5}0$/m);
  });
});

describe('payctl events', () => {
  it('replays an event: it arrives once more after a sweep, with the same event_id and the same words', async () => {
    const booking = newBooking();
    await pay(stack.worker.url, { booking_id: booking });
    const first = await eventsOf(booking, 1);
    const eventId = first[0]?.body.event_id;

    const { exitCode, stdout } = await run('events', 'replay', eventId);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining(eventId) });
    const waiting = await run('events', 'status');
    expect(waiting.stdout).toContain(`oldest       ${eventId} payment.success`);
    expect(JSON.parse((await run('events', 'status', '--json')).stdout)).toMatchObject({
      waiting: 1,
      replayed: 1,
      oldest: { event_id: eventId, event_type: 'payment.success' },
    });

    await stack.worker.sweep();
    const [, second] = await eventsOf(booking, 2);
    expect(second?.text).toBe(first[0]?.text);
    expect(second?.message.messageId).toBe(eventId);
    expect((await run('events', 'status')).stdout).toBe('No events wait for delivery\n');
    // Five commands, each of which starts wrangler.
  });

  it('replays the events of a time and a type', async () => {
    const { booking } = await payAndRefund();
    const [, refund] = await eventsOf(booking, 2);
    const from = new Date(Date.parse(refund?.body.timestamp)).toISOString();
    const to = new Date(Date.now() + 60_000).toISOString();
    const { exitCode, stdout } = await run('events', 'replay', '--from', from, '--to', to, '--type', 'payment.refund');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^1 event \(payment\.refund, /);
    await stack.worker.sweep();
    const arrived = await eventsOf(booking, 3);
    expect(arrived.map(({ routingKey }) => routingKey)).toEqual([
      'payment.success',
      'payment.refund',
      'payment.refund',
    ]);
  });

  it('says what waits and why, while the bridge is stopped', async () => {
    await stack.bridge.child.stop();
    const booking = newBooking();
    await pay(stack.worker.url, { booking_id: booking });
    await until('the event has been sent in vain', async () =>
      (await run('events', 'status')).stdout.includes('1 failed attempt'),
    );
    const { exitCode, stdout } = await run('events', 'status');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^waiting {6}1 event, of which 0 are being sent$/m);
    expect(stdout).toMatch(/^replayed {5}0, sent after live ones$/m);
    expect(stdout).toMatch(/^most failed {2}evt_\w+ payment\.success, since \S+ \(.*\), .*: the bridge/m);

    await stack.startBridge();
    await untilSwept(stack, 'it is told', () => stack.listener.of(booking).length > 0, { firstAfterMs: 1_000 });
    expect(stack.listener.of(booking)).toHaveLength(1);
    expect((await run('events', 'status')).stdout).toBe('No events wait for delivery\n');
  });
});

describe('what can’t be done', () => {
  it.each([
    ['reconcile', ['--from', '2026-02-30'], 'It must be a time'],
    ['reconcile', ['--from', '2026-02-02', '--to', '2026-02-01'], 'must be before --to'],
    ['reconcile', ['--since', '2026-02-02'], "unknown option '--since'"],
    ['events', ['replay'], 'replay takes an id, or --from and --to'],
    ['events', ['replay', 'TXN-1'], "'TXN-1' is invalid for argument 'id'. It must be the id of an event (evt_…)"],
    ['events', ['replay', 'evt_1', '--from', '2026-02-02'], 'replay takes an id, or a time range, not both'],
    ['events', ['replay', '--from', '2026-02-01', '--to', '2026-02-02', '--type', 'payment'], 'Allowed choices are'],
  ] as const)('%s %j is exit code 2, one line, and the usage', async (command, args, why) => {
    const { exitCode, stdout, stderr } = await run(command, ...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    const [line, ...usage] = stderr.split('\n');
    expect(line).toContain(why);
    expect(usage.join('\n')).toMatch(/^Usage: npx payctl /m);
  });

  it('is said with the way out of it', async () => {
    expect(await run('events', 'replay', 'evt_1')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'There is no event evt_1\n',
    });
    const nowhere = join(stack.directory, 'nowhere');
    const noDatabase = await runAt(['--persist-to', nowhere], 'events', 'status');
    expect(noDatabase).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('npm run dev -- --persist-to') });
    const noLogin = await runAt(['--remote'], 'events', 'status');
    expect(noLogin).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `${NOT_LOGGED_IN}\n`,
    });
  });
});

type Command = 'reconcile' | 'events';

function run(command: Command, ...args: string[]): Promise<Ended> {
  return runAt(['--persist-to', stack.directory], command, ...args);
}

function runAt(place: string[], command: Command, ...args: string[]): Promise<Ended> {
  return payctl([command, ...args, ...place], { home: stack.directory, cwd: project.directory });
}

async function payAndRefund(): Promise<{ booking: string; transactionId: string; refundId: string }> {
  const booking = newBooking();
  const paid = await pay(stack.worker.url, { booking_id: booking });
  const transactionId = String(paid.body.transaction_id);
  const refunded = await post(stack.worker.url, '/payment/refund', {
    booking_id: booking,
    original_transaction_id: transactionId,
    refund_amount: 10.25,
    reason: 'Customer cancellation',
    user_id: 'user_123',
  });
  expect([paid.code, refunded.code]).toEqual([200, 200]);
  return { booking, transactionId, refundId: String(refunded.body.refund_transaction_id) };
}

async function eventsOf(booking: string, count: number) {
  await untilSwept(stack, `${count} events of ${booking}`, () => stack.listener.of(booking).length >= count);
  return stack.listener.of(booking);
}

/** Into one row of the database's file, past the service. */
function write(sql: string, ...parameters: (string | number)[]): void {
  expect(writeLocalDatabase(stack.directory, sql, ...parameters)).toBe(1);
}
