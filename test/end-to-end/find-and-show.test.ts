/** `payctl find` and `payctl show`, as an operator runs them, on the database of a service that is running. */
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { type Ended, type Place, payctl } from '../support/operator-command.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack('find-and-show', rabbitmqUrl());
});
afterAll(() => stack?.stop());

const run = (args: string[], place: Partial<Place> = {}): Promise<Ended> =>
  payctl([...args, '--persist-to', stack.directory], { home: stack.directory, ...place });

/** Until the database says that so many events of a booking are delivered, which it says after the exchange has them. */
const delivered = (booking: string, count: number) =>
  untilSwept(stack, `${count} delivered events of ${booking}`, () => {
    const database = localDatabase(stack.directory);
    try {
      return (
        database.count(
          `SELECT count(*) FROM events WHERE booking_id = '${booking}' AND delivered_at_ms IS NOT NULL`,
        ) === count
      );
    } finally {
      database.close();
    }
  });

/** A declined attempt, a payment of the same booking, and then a refund of a part of it, all delivered. */
async function booked(user_id = 'user_123') {
  const booking = newBooking();
  const declined = await pay(stack.worker.url, {
    booking_id: booking,
    user_id,
    card_details: card('4000000000000002'),
  });
  const paid = await pay(stack.worker.url, { booking_id: booking, user_id });
  const transactionId = String(paid.body.transaction_id);
  await delivered(booking, 2);
  const refunded = await post(stack.worker.url, '/payment/refund', {
    booking_id: booking,
    original_transaction_id: transactionId,
    refund_amount: 10,
    reason: 'Customer cancellation',
    user_id,
  });
  await delivered(booking, 3);
  return {
    booking,
    declinedId: String(declined.body.transaction_id),
    transactionId,
    refundId: String(refunded.body.refund_transaction_id),
    requestId: refunded.headers.get('X-Request-Id') ?? '',
  };
}

describe('payctl find', () => {
  it('finds the payments of a booking, newest first, with amounts, refunds and why one has failed', async () => {
    const { booking, declinedId, transactionId } = await booked();
    const { exitCode, stdout } = await run(['find', booking]);
    expect(exitCode).toBe(0);
    const [headings, paid, declined, ...more] = stdout.trimEnd().split('\n');
    expect(headings).toMatch(/^MADE +PAYMENT +BOOKING +STATUS +AMOUNT +METHOD +GATEWAY +WHY$/);
    expect(paid).toContain(`${transactionId}  ${booking}  completed  25.50 USD, 10.00 refunded`);
    expect(declined).toMatch(new RegExp(`${declinedId}  ${booking}  failed .* Card declined by bank$`));
    expect(more).toEqual([]);
  });

  it('finds a payment by the id of its refund, and by the provider’s reference', async () => {
    const { transactionId, refundId } = await booked();
    const database = localDatabase(stack.directory);
    const [reference = ''] = database.column(
      `SELECT gateway_reference FROM transactions WHERE transaction_id = '${transactionId}'`,
    );
    database.close();
    for (const text of [refundId, reference]) {
      const { stdout } = await run(['find', text, '--json']);
      expect(JSON.parse(stdout)).toMatchObject([{ transaction_id: transactionId, amount_minor: 2550 }]);
    }
  });

  it('sorts by time what it finds as a booking and as a reference, and says so where there may be more', async () => {
    const { booking, transactionId } = await booked();
    const madeMs = Date.now();
    const newer = `TXN-${ulid(madeMs)}`;
    writeLocalDatabase(
      stack.directory,
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, status, currency, amount_minor,
         payment_method, gateway, gateway_reference, created_at_ms, processed_at_ms, refunded_minor)
       VALUES (?, 'default', 'BOOK-other', 'user_123', 'a@example.com', 'completed', 'USD', 100, 'credit_card', 'sandbox', ?, ?, ?, 0)`,
      ...[newer, booking, madeMs, madeMs],
    );
    const { stdout, stderr } = await run(['find', booking, '--limit', '2', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ transaction_id: newer }, { transaction_id: transactionId }]);
    expect(stderr).toContain('There may be more than 2: see --limit');
  });

  it('finds those of a user, whose id is piped in', async () => {
    const { booking } = await booked('user_of_the_search');
    const { stdout } = await run(['find', '--user', '-', '--from', 'today', '--json'], {
      input: 'user_of_the_search\n',
    });
    expect(JSON.parse(stdout)).toMatchObject([
      { booking_id: booking, status: 'completed', user_id: 'user_of_the_search' },
      { booking_id: booking, status: 'failed' },
    ]);
    expect(stdout).not.toContain('sealed');
  });

  it('is in the audit log with the name of the operator, and without the user that was looked for', async () => {
    const { stdout } = await run(['find', '--user', '-', '--status', 'pending'], { input: 'user_of_the_audit\n' });
    expect(stdout).toBe('No payments were found\n');
    const database = localDatabase(stack.directory);
    const entries = database.column(
      "SELECT actor || ' ' || detail FROM audit_entries WHERE action = 'payments.searched' ORDER BY sequence DESC LIMIT 1",
    );
    database.close();
    expect(entries).toEqual([expect.stringMatching(/^operator:\S+ {"filters":"status userId"}$/)]);
  });
});

describe('payctl show', () => {
  it('shows what has happened to a payment, and which requests did it', async () => {
    const { booking, transactionId, refundId, declinedId, requestId } = await booked();
    const { exitCode, stdout } = await run(['show', transactionId]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^booking +${booking}$`, 'm'));
    expect(stdout).toMatch(/^can be refunded +15.50 USD$/m);
    const history = stdout.split('\n\n')[1]?.trimEnd().split('\n') ?? [];
    expect(history.map((line) => line.split(/ {2,}/)[1])).toEqual([
      'WHAT',
      'booking.attempted',
      'payment.attempted',
      'payment.completed',
      'event.written',
      'event.delivered',
      'refund.attempted',
      'refund.completed',
      'event.written',
      'event.delivered',
    ]);
    expect(stdout).toContain(declinedId);
    expect(stdout).toMatch(new RegExp(`refund.completed +anonymous +${requestId} +${refundId}`));
    expect(stdout.match(/amount=\S+/g)).toEqual(['amount=25.50', 'amount=10.00']);
  });

  it('shows a dispute of the payment, and offers no refund that its provider refuses', async () => {
    const { transactionId } = await booked();
    const madeMs = Date.now();
    writeLocalDatabase(
      stack.directory,
      `INSERT INTO disputes (tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms)
       VALUES ('default', 'stripe', 'du_1', ?, 'needs_response', 'fraudulent', 'JPY', 3000, ?, ?)`,
      ...[transactionId, madeMs, madeMs],
    );
    const { stdout } = await run(['show', transactionId]);
    expect(stdout).toMatch(/^dispute +du_1 needs_response: fraudulent, 3000 JPY$/m);
    expect(stdout).toMatch(/^can be refunded +nothing: Stripe refuses refunds of a disputed payment$/m);
    expect(stdout).toMatch(/dispute\.opened .* reason=fraudulent amount=3000$/m);
  });

  it('prints the same for programs, and by the id of a refund', async () => {
    const { transactionId, refundId } = await booked();
    const { stdout } = await run(['show', refundId, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      transaction: { transaction_id: transactionId, refunded_minor: 1000 },
      refunds: [{ refund_id: refundId, status: 'completed' }],
      events: [{ event_type: 'payment.success' }, { event_type: 'payment.refund' }],
      other_attempts: [{ status: 'failed' }],
    });
    expect(stdout).not.toContain('sealed');
  });

  it('says so where there is none', async () => {
    const none = await run(['show', 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD']);
    expect(none).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('There is no payment or refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD'),
    });
  });
});
