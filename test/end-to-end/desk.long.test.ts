/** `payctl refund`, `capture`, `void`, `resend` and `resolve`, as a person at a desk runs them beside a service that requires keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/child.ts';
import { ALL_SCOPES, type Desk, startDesk } from '../support/desk.ts';
import { writeLocalDatabase } from '../support/local-database.ts';
import { payctl } from '../support/operator-command.ts';
import { pay } from '../support/stack.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await startDesk('desk-long');
});
afterAll(() => desk?.stop());

describe('payctl refund', () => {
  it('refunds a part and then the rest, each with its event, and the audit log joins the operator with the key', async () => {
    const { booking, id } = await desk.paid();
    const part = await desk.order(['refund', id, '--amount', '5.00', '--reason', 'Screen broken', '--yes', '--json']);
    expect(part.exitCode).toBe(0);
    const { refund_id: refundId, request_id: requestId, ...rest } = JSON.parse(part.stdout);
    expect(rest).toMatchObject({ outcome: 'done', amount_minor: 500, refundable_minor: 2050, status: 'completed' });
    expect(new Set(desk.requestIdsOf([id, refundId], ['refund.ordered', 'refund.attempted', 'refund.ended']))).toEqual(
      new Set([requestId]),
    );
    expect(desk.auditOf(id).at(-1)).toBe('operator refund.ordered asked');
    expect(desk.auditOf(refundId)).toEqual(['key refund.attempted claimed', 'key refund.ended completed']);

    const all = await desk.order(['refund', id, '--yes']);
    expect(all).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 20\.50 USD$/m) });
    expect(all.stdout).toMatch(/^left to refund {2}0\.00 USD$/m);
    expect((await desk.eventsOf(booking, 3)).map(({ type }) => type)).toEqual([
      'payment.success',
      'payment.refund',
      'payment.refund',
    ]);
    expect(desk.gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(2);
  });

  it('waits for an outcome that the gateway’s answer did not bring, and pays it back once', async () => {
    const { id } = await desk.paid();
    desk.gateway.fault = ({ kind }) => {
      if (kind !== 'refund') return { kind: 'normal' };
      desk.gateway.fault = () => ({ kind: 'normal' });
      return { kind: 'commit_then_drop' };
    };
    const { exitCode, stdout } = await desk.order(['refund', id, '--yes']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 25\.50 USD$/m) });
    expect(desk.gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(1);
  });

  it('says how to go on where the outcome stays unknown, and that command makes no second refund', async () => {
    const { id } = await desk.paid();
    desk.gateway.fault = ({ kind }) =>
      kind === 'refund' || kind === 'lookup_refund' ? { kind: 'drop' } : { kind: 'normal' };
    const unknown = await desk.order(['refund', id, '--amount', '5', '--yes', '--wait', '2']);
    expect(unknown).toMatchObject({ exitCode: 3, stdout: '' });
    const [, goOn = ''] = /To go on waiting, without ordering it twice: npx payctl (.+)/.exec(unknown.stderr) ?? [];
    expect(goOn).toContain('--idempotency-key payctl-');
    desk.gateway.fault = () => ({ kind: 'normal' });
    const args = goOn.split(' ');
    const again = await payctl([...args, '--yes', '--wait', '45'], {
      ...{ home: desk.stack.directory, cwd: desk.project.directory, env: { PAYMENT_API_KEY: desk.key } },
    });
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Refunded 5\.00 USD$/m) });
    expect(desk.gateway.refunds().filter(({ chargeId }) => chargeId === id)).toHaveLength(1);
  }, 150_000);

  it('asks first, and without a terminal does nothing', async () => {
    const { id } = await desk.paid();
    const { exitCode, stdout, stderr } = await desk.order(['refund', id]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^to refund {2}25\.50 USD$/m);
    expect(stderr).toContain('Not confirmed, so nothing was done: there is no terminal. Pass --yes');
    expect(desk.auditOf(id)).not.toContain('operator refund.ordered asked');
    expect(desk.gateway.refunds().filter(({ chargeId }) => chargeId === id)).toEqual([]);
  });

  it('refuses an amount that the payment does not have left, before anything is ordered', async () => {
    const { id } = await desk.paid();
    const { exitCode, stderr } = await desk.order(['refund', id, '--amount', '25.51', '--yes']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/^Only 25\.50 USD is left to refund$/m),
    });
  });

  it('says how many decimals the currency has', async () => {
    const { id } = await desk.paid();
    const { exitCode, stderr } = await desk.order(['refund', id, '--amount', '1.005', '--yes']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^1\.005 is not an amount in USD: it must have at most 2 decimals, such as 5\.00$/m,
      ),
    });
  });

  it('warns of a dispute before it asks', async () => {
    const { id } = await desk.paid();
    writeLocalDatabase(
      desk.stack.directory,
      `INSERT INTO disputes (tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
       VALUES ('default', 'stripe', 'du_desk', ?, 'needs_response', 'fraudulent', 'USD', 2550, 1, 1)`,
      id,
    );
    const { stderr } = await desk.order(['refund', id, '--amount', '1']);
    expect(stderr).toMatch(/^dispute {4}du_desk needs_response: fraudulent, 25\.50 USD$/m);
    expect(stderr).toMatch(/^to refund {2}1\.00 USD, leaves 24\.50 USD$/m);
    expect(stderr).toMatch(/^warning {4}expect a refusal: Stripe refuses refunds of a disputed payment$/m);
  });

  it('of what is not paid, or was paid back, says what to do instead', async () => {
    const held = await desk.paid({ capture_method: 'manual' });
    const ofHeld = await desk.order(['refund', held.id, '--yes']);
    expect(ofHeld).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        new RegExp(
          `authorized: its money is held, not taken, .* Release it with npx payctl void ${held.id} --persist-to `,
        ),
      ),
    });

    const paid = await desk.paid();
    await desk.order(['refund', paid.id, '--yes']);
    const again = await desk.order(['refund', paid.id, '--yes']);
    expect(again).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^The payment has already been refunded in full$/m),
    });

    const unknown = await desk.undetermined();
    for (const command of ['refund', 'capture', 'void']) {
      const ofUnknown = await desk.order([command, unknown.id, '--yes']);
      expect(ofUnknown).toMatchObject({ exitCode: 2, stdout: '' });
      expect(ofUnknown.stderr).toContain(`within a minute: npx payctl resolve ${unknown.id} --retry --persist-to `);
    }
    desk.gateway.fault = () => ({ kind: 'normal' });
  });

  it('says which key is missing, with the scope and the organisation', async () => {
    const { id } = await desk.paid();
    const [none, readOnly, ofOthers] = [
      await desk.order(['refund', id, '--yes'], {}),
      await desk.order(['refund', id, '--yes'], { PAYMENT_API_KEY: await desk.newKey(['payments:read']) }),
      await desk.order(['refund', id, '--yes'], { PAYMENT_API_KEY: await desk.newKey(ALL_SCOPES, 'cinema-2') }),
    ];
    for (const { exitCode, stdout, stderr } of [none, readOnly, ofOthers]) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toContain('npx payctl keys create desk --scopes refunds:write\n');
    }
    expect(none.stderr).toContain('(401 UNAUTHORIZED)');
    expect(readOnly.stderr).toContain('(403 FORBIDDEN)');
    expect(ofOthers.stderr).toContain('the key is of another organisation');
  });
});

describe('payctl capture and payctl void', () => {
  it('end a hold: one takes the money, the other releases it, each with its event', async () => {
    const [kept, released] = [
      await desk.paid({ capture_method: 'manual' }),
      await desk.paid({ capture_method: 'manual' }),
    ];
    const captured = await desk.order(['capture', kept.id, '--yes']);
    expect(captured).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Captured 25\.50 USD$/m) });
    const voided = await desk.order(['void', released.id, '--yes', '--json']);
    expect(voided.exitCode).toBe(0);
    expect(JSON.parse(voided.stdout)).toMatchObject({
      outcome: 'done',
      status: 'failed',
      error_code: 'PAYMENT_VOIDED',
    });
    expect((await desk.eventsOf(kept.booking, 1)).map(({ type }) => type)).toEqual(['payment.success']);
    expect((await desk.eventsOf(released.booking, 1)).map(({ type }) => type)).toEqual(['payment.failed']);
    expect(desk.auditOf(kept.id)).toContain('operator capture.ordered asked');
    expect(desk.auditOf(released.id)).toContain('operator void.ordered asked');

    const otherWay = await desk.order(['void', kept.id, '--yes']);
    expect(otherWay).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`To pay it back: npx payctl refund ${kept.id} --persist-to `),
    });
    expect(await desk.order(['capture', released.id, '--yes'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('The payment is failed (PAYMENT_VOIDED). Nothing was done'),
    });
  });

  it('can be repeated: what is done already is said to be, and is not ordered again', async () => {
    const [kept, released] = [
      await desk.paid({ capture_method: 'manual' }),
      await desk.paid({ capture_method: 'manual' }),
    ];
    await desk.order(['capture', kept.id, '--yes']);
    await desk.order(['void', released.id, '--yes']);
    expect(await desk.order(['capture', kept.id])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^Already captured: 25\.50 USD\npayment {2}TXN-\w+, completed$/m),
    });
    const voided = await desk.order(['void', released.id, '--json']);
    expect(voided.exitCode).toBe(0);
    expect(JSON.parse(voided.stdout)).toMatchObject({
      ...{ outcome: 'done', done_before: true, transaction_id: released.id, status: 'failed' },
    });
    for (const { id } of [kept, released]) {
      expect(desk.auditOf(id).filter((entry) => entry.startsWith('operator '))).toHaveLength(1);
    }
  });
});

describe('payctl resend', () => {
  it('publishes the events of a payment and its refund again, under the same ids and in their order', async () => {
    const { booking, id } = await desk.paid();
    await desk.order(['refund', id, '--amount', '1', '--yes']);
    const first = await desk.eventsOf(booking, 2);
    const byPayment = await desk.atDesk(['resend', id]);
    expect(byPayment).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^2 events: published again/m) });
    await desk.stack.worker.sweep();
    await desk.stack.worker.sweep();
    expect((await desk.eventsOf(booking, 4)).slice(2)).toEqual(first);
    expect(desk.auditOf(id).at(-1)).toBe('operator events.resent done');

    const byBooking = await desk.atDesk(['resend', '--booking', booking, '--json']);
    expect(JSON.parse(byBooking.stdout)).toMatchObject({
      replayed: 2,
      events: first.map(({ type, eventId }) => ({ event_id: eventId, event_type: type, state: 'replayed' })),
    });
  });
});

describe('payctl resolve', () => {
  it('lists a payment of unknown outcome, and records how it ended: with its event, for good, and by whom', async () => {
    const { booking, id } = await desk.undetermined();
    const listed = await desk.atDesk(['resolve']);
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(id) });

    const completed = ['resolve', id, '--as', 'completed', '--reference', 'ch_desk', '--reason', 'in the dashboard'];
    const unasked = await desk.atDesk(completed);
    expect(unasked).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Pass --yes') });
    const { exitCode, stdout } = await desk.atDesk([...completed, '--yes', '--json']);
    expect(exitCode).toBe(0);
    const { event_id: eventId, status } = JSON.parse(stdout);
    expect(status).toBe('completed');
    desk.gateway.fault = () => ({ kind: 'normal' });
    await desk.stack.worker.sweep();
    await desk.stack.worker.sweep();
    expect(await desk.eventsOf(booking, 1)).toEqual([{ type: 'payment.success', eventId }]);
    expect(desk.auditOf(id).slice(-2)).toEqual(['operator outcome.resolved asked', 'operator payment.ended completed']);

    const again = await desk.atDesk([...completed, '--yes']);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is completed already') });
    const all = await desk.atDesk(['resolve', '--all']);
    // The gateway may have answered a look-up of another test's payment in the same way.
    expect(all.stdout.split('DEALT WITH')[0]).not.toContain(id);
    expect(all.stdout).toMatch(new RegExp(`^${id} .* in the dashboard$`, 'm'));
  }, 150_000);

  it('frees the booking of a payment that was recorded as failed', async () => {
    const { booking, id } = await desk.undetermined();
    const failed = await desk.atDesk(['resolve', id, '--as', 'failed', '--reason', 'not in the dashboard', '--yes']);
    desk.gateway.fault = () => ({ kind: 'normal' });
    expect(failed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${id} is failed now`) });
    const other = await pay(desk.stack.worker.url, { booking_id: booking }, { Authorization: `Bearer ${desk.key}` });
    expect(other.code).toBe(200);
  });

  it('has the gateway asked again at once, and leaves to it what it can answer', async () => {
    const { booking, id } = await desk.undetermined();
    writeLocalDatabase(
      desk.stack.directory,
      'UPDATE transactions SET undetermined_at_ms = NULL, next_lookup_at_ms = next_lookup_at_ms + 3600000 WHERE transaction_id = ?',
      id,
    );
    const refused = await desk.atDesk(['resolve', id, '--as', 'failed', '--reason', 'I think so', '--yes']);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('the service is still asking') });
    desk.gateway.fault = () => ({ kind: 'normal' });
    const retried = await desk.atDesk(['resolve', id, '--retry']);
    expect(retried).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/: the service asks http:\S+ within a minute\n$/),
    });
    expect(desk.auditOf(id)).toContain('operator look_up.ordered asked');
    await until(
      'the look-up has ended it',
      async () => {
        await desk.stack.worker.sweep();
        return desk.stack.listener.of(booking).length > 0;
      },
      { deadlineMs: 60_000 },
    );
    expect(desk.auditOf(id).at(-1)).toMatch(/^(cron|queue) payment\.ended failed$/);
  }, 150_000);
});
