/** What needs a person, in the console, and what the person may record: with the guards of `payctl resolve`. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { ConsoleCase } from '../../src/contract/console.ts';
import { signedIn } from './console.ts';
import { WITH_KEYS } from './credentials.ts';
import { expectEnvelope } from './matchers.ts';
import {
  lateChargeKept,
  type OpenCaseOfTest,
  pendingPayment,
  reversedRefund,
  unbookedRefund,
  undeterminedPayment,
  undeterminedRefund,
  waitingPayment,
} from './open-cases.ts';
import { paid, sendWith } from './request.ts';
import { eventTypesOf, type Row, refundsOf, transaction } from './stored.ts';

/** What is sent to the queue of jobs. */
const woken: unknown[] = [];
const PAYMENT_WORK = { send: async (message: unknown) => void woken.push(message) };
const bindings = { ...WITH_KEYS, PAYMENT_WORK };
const desk = await signedIn('default', bindings);
const theirs = await signedIn('cinema-2', bindings);
const REASON = 'seen in the dashboard';

const listed = async ({ subject }: OpenCaseOfTest, who = desk): Promise<ConsoleCase | undefined> =>
  (await who.get('cases')).body.cases.find((one: ConsoleCase) => one.subject === subject);
const resolve = (body: Record<string, unknown>, who = desk) => who.post('cases/resolve', body);
const record = ({ subject }: OpenCaseOfTest, reference: string | null, who = desk) =>
  resolve(
    {
      ...{ subject, action: 'record', reason: REASON },
      ...(reference === null ? { outcome: 'failed' } : { outcome: 'completed', reference }),
    },
    who,
  );
const deal = ({ subject }: OpenCaseOfTest, who = desk) =>
  resolve({ subject, action: 'dealt_with', reason: REASON }, who);
const retry = ({ subject }: OpenCaseOfTest, who = desk) => resolve({ subject, action: 'retry' }, who);

async function audited(subject: string): Promise<Row[]> {
  const sql = 'SELECT actor, action, outcome, detail FROM audit_entries WHERE subject = ?1 ORDER BY sequence';
  return (await env.DB.prepare(sql).bind(subject).all<Row>()).results;
}

describe('the list', () => {
  it.each([
    ['a payment of unknown outcome', undeterminedPayment, 'payment_undetermined', 25.5, null, ['record', 'retry']],
    ['a refund of unknown outcome', undeterminedRefund, 'refund_undetermined', 10, null, ['record', 'retry']],
    ['a late charge that is kept', lateChargeKept, 'late_charge_kept', 10, 'The gateway refuses it', ['dealt_with']],
    ['a refund that was returned', reversedRefund, 'refund_reversed', 10, 'The bank returned it', ['dealt_with']],
    ['an external refund', unbookedRefund, 'external_refund_unbooked', 5, null, ['dealt_with']],
  ])('has %s', async (_, make, kind, amount, failure_reason, options) => {
    const one = await make();
    expect(await listed(one)).toEqual({
      ...{ kind, subject: one.subject, organisation: 'default', gateway: 'sandbox' },
      ...{ transaction_id: one.transactionId, booking_id: one.bookingId },
      ...{ amount, currency: 'USD', since: expect.any(String), failure_reason, options },
    });
  });

  it('shows an organisation its own, and the first one those of all', async () => {
    const [own, other] = [await undeterminedRefund('cinema-2'), await undeterminedRefund('cinema-3')];
    expect(await listed(own, theirs)).toMatchObject({ organisation: 'cinema-2' });
    expect(await listed(other, theirs)).toBeUndefined();
    expect(await listed(other)).toMatchObject({ organisation: 'cinema-3' });
  });
});

describe('an outcome', () => {
  it('is recorded as paid, with its event, which is published at once, and under the name of the person', async () => {
    const one = await undeterminedPayment();
    woken.length = 0;
    const answer = await record(one, 'ch_found_1');
    expect([answer.status, answer.body.message]).toEqual([
      200,
      `${one.subject} is recorded as completed, and its event is being published.`,
    ]);
    expect(await transaction(one.transactionId)).toMatchObject({
      status: 'completed',
      gateway_reference: 'ch_found_1',
    });
    expect(await eventTypesOf(one.bookingId)).toEqual(['payment.success']);
    expect(woken).toEqual([expect.objectContaining({ job: 'sweep' })]);
    expect(await listed(one)).toBeUndefined();
    const actor = `key:${desk.keyId}`;
    expect((await desk.get('cases')).body.dealt_with[0]).toMatchObject({
      subject: one.subject,
      reason: REASON,
      resolved_by: actor,
    });
    const entries = await audited(one.subject);
    expect(entries).toMatchObject([
      { actor, action: 'outcome.resolved', outcome: 'asked' },
      { actor, action: 'payment.ended', outcome: 'completed' },
    ]);
    expect(JSON.stringify(entries)).not.toContain(REASON);
  });

  it('is recorded as failed, which frees the booking', async () => {
    const one = await undeterminedPayment();
    expect((await record(one, null)).status).toBe(200);
    expect(await eventTypesOf(one.bookingId)).toEqual(['payment.failed']);
    await paid({ booking_id: one.bookingId });
  });

  it('of a refund is recorded, and its amount can be refunded again where it has failed', async () => {
    const [failed, done] = [await undeterminedRefund(), await undeterminedRefund()];
    expect((await record(failed, null)).body.message).toBe(`${failed.subject} is recorded as failed.`);
    expect(await transaction(failed.transactionId)).toMatchObject({ reserved_minor: 0, refunded_minor: 0 });
    expect((await record(done, 're_found_1')).status).toBe(200);
    expect(await refundsOf(done.transactionId)).toMatchObject([
      { status: 'completed', gateway_reference: 're_found_1' },
    ]);
    expect(await transaction(done.transactionId)).toMatchObject({ reserved_minor: 0, refunded_minor: 1_000 });
  });

  it('is recorded once, whoever comes first', async () => {
    const one = await undeterminedPayment();
    const answers = await Promise.all([record(one, 'ch_first'), record(one, null), record(one, 'ch_second')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
    expect(await eventTypesOf(one.bookingId)).toHaveLength(1);
  });

  it.each<[string, () => Promise<OpenCaseOfTest>, RegExp]>([
    ['the gateway can still determine', pendingPayment, /the service is still asking sandbox/],
    ['waits to be captured', waitingPayment, /capture or void it/],
    ['has one', reversedRefund, /is reversed\. If the payer has the money back/],
    ['is an external refund', unbookedRefund, /was paid at the provider/],
  ])('is not recorded of what %s', async (_, make, why) => {
    const one = await make();
    const before = await transaction(one.transactionId);
    for (const answer of [await record(one, 'ch_x'), await record(one, null)]) {
      expect(answer.status).toBe(409);
      expect(answer.body.error.message).toMatch(why);
    }
    expect(await transaction(one.transactionId)).toEqual(before);
  });

  it('is not recorded under a reference that another charge has', async () => {
    const [first, second] = [await undeterminedPayment(), await undeterminedPayment()];
    await record(first, 'ch_of_first');
    const answer = await record(second, 'ch_of_first');
    expect([answer.status, answer.body.error.message]).toEqual([
      409,
      `ch_of_first is already the charge or the refund of ${first.subject}.`,
    ]);
    expect(await transaction(second.transactionId)).toMatchObject({ status: 'pending' });
  });
});

describe('asking again', () => {
  it('makes the look-up due at once', async () => {
    const one = await undeterminedRefund();
    woken.length = 0;
    const before = Date.now();
    expect((await retry(one)).status).toBe(200);
    const [row] = await refundsOf(one.transactionId);
    expect(row?.next_lookup_at_ms).toBeGreaterThanOrEqual(before);
    expect(row?.next_lookup_at_ms).toBeLessThanOrEqual(Date.now());
    expect(woken).toEqual([expect.objectContaining({ job: 'look_ups' })]);
    expect(await audited(one.subject)).toMatchObject([{ action: 'look_up.ordered', actor: `key:${desk.keyId}` }]);
  });

  it('is not done for what has ended or waits', async () => {
    for (const one of [await reversedRefund(), await waitingPayment(), await unbookedRefund()]) {
      expect((await retry(one)).status).toBe(409);
      expect(await audited(one.subject)).toEqual([]);
    }
  });
});

describe('dealing with it elsewhere', () => {
  it.each([
    ['a late charge', lateChargeKept],
    ['a returned refund', reversedRefund],
    ['an external refund', unbookedRefund],
  ])('takes %s off the list, once', async (_, make) => {
    const one = await make();
    expect((await deal(one)).status).toBe(200);
    expect(await listed(one)).toBeUndefined();
    const again = await deal(one);
    expect([again.status, again.body.error.message]).toEqual([409, expect.stringContaining('was resolved at')]);
    expect(await audited(one.subject)).toHaveLength(1);
  });

  it.each([
    ['what is to be recorded', undeterminedPayment, /record how it ended/],
    ['what the gateway can determine', pendingPayment, /the service is still asking/],
    ['what waits', waitingPayment, /capture or void it/],
  ])('is not possible for %s', async (_, make, why) => {
    const answer = await deal(await make());
    expect([answer.status, answer.body.error.message]).toEqual([409, expect.stringMatching(why)]);
  });
});

describe('of another organisation', () => {
  it('nothing is recorded, asked for or dealt with, and it is not said that it is there', async () => {
    const cases = [
      await undeterminedPayment('cinema-5'),
      await reversedRefund('cinema-5'),
      await unbookedRefund('cinema-5'),
    ];
    for (const one of cases) {
      const before = [await transaction(one.transactionId), await refundsOf(one.transactionId)];
      for (const act of [record(one, 'ch_y', theirs), retry(one, theirs), deal(one, theirs)]) {
        const answer = await act;
        expect([answer.status, answer.body.error.message]).toEqual([404, `There is no ${one.subject}.`]);
      }
      expect([await transaction(one.transactionId), await refundsOf(one.transactionId)]).toEqual(before);
      expect(await audited(one.subject)).toEqual([]);
    }
  });

  it('who runs the installation is not named, and their reasons are not shown', async () => {
    const one = await reversedRefund('cinema-6');
    const own = await signedIn('cinema-6', bindings);
    const nowMs = Date.now();
    const [note, actors] = ['asked Ada, see ticket 7', ['operator:ada', 'access:7335d417', `key:${own.keyId}`]];
    for (const [index, actor] of actors.entries()) {
      await env.DB.prepare('INSERT INTO manual_resolutions VALUES (?1, ?2, ?3, ?4, ?5)')
        .bind(index === 0 ? one.subject : `${one.subject}/${index}`, 'cinema-6', note, actor, nowMs - index)
        .run();
    }
    const shown = (await own.get('cases')).body.dealt_with;
    expect(shown.map((each: Row) => [each.resolved_by, each.reason])).toEqual([
      ['operator', ''],
      ['access:7335d417', ''],
      [`key:${own.keyId}`, note],
    ]);
    expect((await deal(one, own)).text).not.toContain('ada');
    const forAll = (await desk.get('cases')).body.dealt_with.find(({ subject }: Row) => subject === one.subject);
    expect([forAll.resolved_by, forAll.reason]).toEqual(['operator:ada', note]);
  });

  it('a reference is refused without saying whose it is', async () => {
    const [other, own] = [await undeterminedPayment(), await undeterminedPayment('cinema-2')];
    await record(other, 'ch_of_another');
    const answer = await record(own, 'ch_of_another', theirs);
    expect(answer.status).toBe(409);
    expect(answer.text).not.toContain(other.subject);
  });
});

describe('a request', () => {
  const ID = 'TXN-01J00000000000000000000000';

  it.each([
    ['{}', {}, 'action'],
    ['without a reason', { subject: ID, action: 'dealt_with' }, 'reason'],
    ['with an empty reason', { subject: ID, action: 'dealt_with', reason: ' ' }, 'reason'],
    ['with a reason of two lines', { subject: ID, action: 'dealt_with', reason: 'a\nb' }, 'reason'],
    ['with a reason that is too long', { subject: ID, action: 'dealt_with', reason: 'x'.repeat(501) }, 'reason'],
    ['without an outcome', { subject: ID, action: 'record', reason: 'x' }, 'outcome'],
    ['without a reference', { subject: ID, action: 'record', outcome: 'completed', reason: 'x' }, 'reference'],
    [
      'with a reference to what failed',
      { subject: ID, action: 'record', outcome: 'failed', reference: 'r', reason: 'x' },
      '',
    ],
    [
      'with a reference with a space',
      { subject: ID, action: 'record', outcome: 'completed', reference: 'a b', reason: 'x' },
      'reference',
    ],
    ['with another action', { subject: ID, action: 'refund', reason: 'x' }, 'action'],
    ['of something that is no case', { subject: 'BOOK-1', action: 'retry' }, 'subject'],
    ['with a script', { subject: '<script>alert(1)</script>', action: 'retry' }, 'subject'],
  ])('%s is not valid', async (_, body, path) => {
    const answer = await resolve(body);
    expect([answer.status, answer.body.error.details.issues?.[0]?.path]).toEqual([422, path]);
    expectEnvelope(answer, 'VALIDATION_ERROR');
    expect(answer.text).not.toContain('alert(1)');
  });

  it('about what does not exist is a 404', async () => {
    expect((await resolve({ subject: ID, action: 'retry' })).status).toBe(404);
  });

  it('is refused from another page', async () => {
    const answer = await sendWith({ ...bindings, AUTH_MODE: 'none' }, 'POST', '/console/api/cases/resolve', {
      body: { subject: ID, action: 'retry' },
      headers: { 'Sec-Fetch-Site': 'cross-site' },
    });
    expect(answer.status).toBe(403);
  });
});
