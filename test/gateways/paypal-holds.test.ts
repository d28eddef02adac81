/** Money that PayPal holds: authorized, captured and released by the adapter. At the emulator, over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { captureOf } from '../../src/core/gateways/paypal/paypal-outcomes.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { type Held, PayPalAtEmulator, signal } from '../support/paypal-at-emulator.ts';
import { paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';

const DAY_MS = 24 * 60 * 60_000;

let paypal: PayPalAtEmulator;

beforeEach(async () => {
  paypal = await PayPalAtEmulator.start();
});
afterEach(() => paypal.stop());

const authorizations = () => paypal.emulator.paypal.authorizations();
const captures = () => paypal.emulator.paypal.captures();
const authorization = () => authorizations()[0] ?? expect.fail('PayPal holds nothing');
/** PayPal's times have whole seconds. */
const held = () => ({
  kind: 'authorized',
  reference: authorization().authorizationId,
  expiresAtMs: Math.floor(authorization().expiresAtMs / 1000) * 1000,
});

describe('an approved order of ours whose money is to be held', () => {
  it('is authorized under the transaction’s id, once, and nothing is captured', async () => {
    const transaction = await paypal.approved({ captureMethod: 'manual' });
    const before = paypal.calls().length;
    expect(await paypal.complete(transaction)).toEqual(held());
    expect(paypal.calls().slice(before)).toEqual([
      ['orders.get', null],
      ['orders.authorize', transaction.transactionId],
    ]);
    expect(await paypal.complete(transaction)).toEqual(held());
    expect(await paypal.lookUp(transaction)).toEqual(held());
    expect(authorizations()).toHaveLength(1);
    expect(captures()).toEqual([]);
  });

  it.each<Fault>([
    { kind: 'commit_then_drop' },
    { kind: 'drop' },
    { kind: 'error_500', committed: true, cached: false },
    { kind: 'answer', status: 201, body: '{}', committed: true },
  ])('whose answer is %j is unknown, and sent again it is authorized once', async (fault) => {
    const transaction = await paypal.approved({ captureMethod: 'manual' });
    paypal.strike('orders.authorize', fault);
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
    const isCommitted = authorizations().length > 0;
    expect(await paypal.lookUp(transaction)).toMatchObject({ kind: isCommitted ? 'authorized' : 'payer_approved' });
    expect(await paypal.complete(transaction)).toEqual(held());
    expect(authorizations()).toHaveLength(1);
  });

  it('is declined where PayPal refuses it, or denies the authorization', async () => {
    const refused = await paypal.approved({ captureMethod: 'manual' });
    paypal.strike('orders.authorize', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    expect(await paypal.complete(refused)).toMatchObject({ kind: 'declined', cause: 'new_order_declined' });

    const denied = await paypal.approved({ captureMethod: 'manual' });
    paypal.strike('orders.authorize', { kind: 'decline', code: '' });
    const declined = { kind: 'declined', cause: 'new_order_declined', providerCode: 'AUTHORIZATION_DENIED' };
    expect(await paypal.complete(denied)).toMatchObject(declined);
    expect(await paypal.lookUp(denied)).toMatchObject(declined);
  });

  it('of another amount than it was approved for is not held: the money is released', async () => {
    const transaction = await paypal.approved({ captureMethod: 'manual' });
    paypal.before('orders.authorize', () =>
      paypal.emulator.paypal.changeOrder(transaction.gatewayIntent, { value: '0.01' }),
    );
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_changed' });
    expect(authorizations()).toMatchObject([{ value: '0.01', status: 'VOIDED' }]);
  });

  it('of another amount whose answer is lost is declined, and held only for the payment that has failed', async () => {
    const transaction = await paypal.approved({ captureMethod: 'manual' });
    let isChanged = false;
    paypal.emulator.fault = ({ operation }) => {
      if (operation !== 'orders.authorize' || isChanged) return { kind: 'normal' };
      isChanged = true;
      paypal.emulator.paypal.changeOrder(transaction.gatewayIntent, { value: '0.01' });
      return { kind: 'commit_then_drop' };
    };
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await paypal.lookUp(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_changed' });
    const failed = { ...transaction, status: 'failed' as const };
    expect(await paypal.lookUp(failed)).toEqual(held());
    expect(await paypal.release(failed)).toEqual({ kind: 'cancelled' });
    expect(authorization()).toMatchObject({ status: 'VOIDED' });
  });
});

describe('a caller’s own order whose money is to be held', () => {
  const ordered = (intent: 'CAPTURE' | 'AUTHORIZE') =>
    paypal.emulator.paypal.createOrder({ value: '25.50', currency: 'USD', intent });
  const paying = (orderId: string, overrides: Partial<Transaction> = {}) =>
    pendingTransaction({ paymentMethod: 'paypal', gatewayIntent: orderId, captureMethod: 'manual', ...overrides });
  const charge = (transaction: Transaction) =>
    paypal.gateway.charge({
      transaction,
      instrument: { kind: 'paypal', email: '', paymentId: transaction.gatewayIntent ?? '' },
      signal: signal(),
    });

  it('is marked and authorized under the transaction’s id, and its money can be captured', async () => {
    const transaction = paying(ordered('AUTHORIZE'));
    expect(await charge(transaction)).toEqual(held());
    expect(paypal.calls().slice(1)).toEqual([
      ['orders.get', null],
      ['orders.patch', null],
      ['orders.authorize', transaction.transactionId],
    ]);
    const { authorizationId: authorizationReference } = authorization();
    expect(await paypal.lookUp(transaction)).toEqual(held());
    const captured = await paypal.capture({ ...transaction, substate: 'authorized', authorizationReference });
    expect(captured).toMatchObject({ kind: 'approved' });
  });

  it.each([
    ['CAPTURE', 'manual'],
    ['AUTHORIZE', 'automatic'],
  ] as const)('has the intent that fits: one of %s is not taken for %s capture', async (intent, captureMethod) => {
    const outcome = await charge(paying(ordered(intent), { captureMethod }));
    expect(outcome).toMatchObject({ kind: 'declined', cause: 'order_differs' });
    expect(paypal.operations()).not.toContain('orders.patch');
  });

  it('whose answer is lost is found by the order', async () => {
    const transaction = paying(ordered('AUTHORIZE'));
    paypal.strike('orders.authorize', { kind: 'commit_then_drop' });
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await paypal.lookUp(transaction)).toEqual(held());
  });

  it('that PayPal refuses can be used again, as its next step says', async () => {
    const transaction = paying(ordered('AUTHORIZE'));
    paypal.strike('orders.authorize', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    expect(await charge(transaction)).toMatchObject({ kind: 'declined', cause: 'funding_declined' });
    expect(await charge(paying(transaction.gatewayIntent ?? '', transaction))).toEqual(held());
  });

  it('that another payment has authorized is not held for this one', async () => {
    const orderId = ordered('AUTHORIZE');
    await charge(paying(orderId));
    const second = paying(orderId);
    expect(await charge(second)).toMatchObject({ kind: 'declined', cause: 'order_used' });
    expect(await paypal.lookUp(second)).toMatchObject({ kind: 'declined', cause: 'order_used' });
  });
});

describe('a capture of held money', () => {
  it('takes the payment’s amount under a key of its own, once', async () => {
    const transaction = await paypal.authorized();
    const outcome = await paypal.capture(transaction);
    const [{ captureId } = { captureId: '' }] = captures();
    expect(outcome).toEqual({ kind: 'approved', reference: captureId });
    expect(paypal.calls().at(-1)).toEqual(['authorizations.capture', `${transaction.transactionId}:capture`]);
    expect(captures()).toMatchObject([{ value: '25.50', transactionId: transaction.transactionId }]);
    expect(authorization()).toMatchObject({ status: 'CAPTURED' });
    expect(await paypal.capture(transaction)).toEqual(outcome);
    expect(await paypal.lookUp(transaction)).toEqual(outcome);
    expect(captures()).toHaveLength(1);
  });

  it.each<Fault>([
    { kind: 'commit_then_drop' },
    { kind: 'drop' },
    { kind: 'error_500', committed: true, cached: false },
    { kind: 'answer', status: 201, body: '{"id":"3C679366HH908993F","status":"COMPLETED"}', committed: true },
    { kind: 'answer', status: 422, body: '<html>' },
    { kind: 'issue', status: 403, issue: 'PERMISSION_DENIED' },
    { kind: 'conflict_409' },
    { kind: 'rate_limited_429', retryAfterSeconds: 1 },
  ])('whose answer is %j is unknown, and sent again it takes the money once', async (fault) => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.capture', fault);
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown' });
    const isCommitted = captures().length > 0;
    expect(await paypal.lookUp(transaction)).toMatchObject({ kind: isCommitted ? 'approved' : 'authorized' });
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'approved' });
    expect(captures()).toHaveLength(1);
  });

  it('is known by its link to the authorization where it does not carry our id', async () => {
    const transaction = await paypal.authorized();
    const { transactionId, authorizationReference: id } = transaction;
    const capture = { id: '3C679366HH908993F', status: 'COMPLETED' as const, final_capture: true };
    const links = [{ href: `https://api-m.paypal.com/v2/payments/authorizations/${id}`, rel: 'up' }];
    const authorizations = [{ id, custom_id: transactionId, status: 'CAPTURED' as const }];
    const shown = { ...capture, links };
    const order = { purchase_units: [{ payments: { authorizations, captures: [shown] } }] };
    expect(captureOf(order, transaction, false)).toBe(shown);
  });

  it('whose key PayPal has forgotten takes nothing a second time', async () => {
    const transaction = await paypal.authorized();
    const outcome = await paypal.capture(transaction);
    paypal.emulator.paypal.forgetKeys();
    expect(await paypal.capture(transaction)).toEqual(outcome);
    expect(captures()).toHaveLength(1);
  });

  it.each(['AUTHORIZATION_ALREADY_CAPTURED', 'DUPLICATE_INVOICE_ID'])(
    'refused with %s is judged by what is there: money that is still held decides nothing',
    async (issue) => {
      const transaction = await paypal.authorized();
      paypal.strike('authorizations.capture', { kind: 'issue', status: 422, issue });
      expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown' });
      expect(authorization()).toMatchObject({ status: 'CREATED' });
    },
  );

  it.each<[string, (held: Held) => unknown]>([
    ['was released before', (transaction) => paypal.release(transaction)],
    ['has expired', ({ authorizationReference: id }) => paypal.emulator.paypal.expireAuthorization(id)],
  ])('of money that %s is declined', async (_, end) => {
    const transaction = await paypal.authorized();
    await end(transaction);
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'declined', cause: 'authorization_ended' });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  it.each([
    ['PAYER_CANNOT_PAY', 'declined', 'payer_cannot_pay'],
    ['TRANSACTION_REFUSED', 'declined', 'payment_failed'],
    ['PAYEE_ACCOUNT_RESTRICTED', 'failed', 'gateway_not_configured'],
  ])('refused with %s is %s, and the money is released with it', async (issue, kind, cause) => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.capture', { kind: 'issue', status: 422, issue });
    expect(await paypal.capture(transaction)).toMatchObject({ kind, cause });
    expect(authorization()).toMatchObject({ status: 'VOIDED' });
  });

  it('that was refused is unknown while the money is not released, and is sent again', async () => {
    const transaction = await paypal.authorized();
    paypal.emulator.fault = ({ operation }) => {
      if (operation === 'authorizations.void') return { kind: 'drop' };
      if (operation !== 'authorizations.capture') return { kind: 'normal' };
      return { kind: 'issue', status: 422, issue: 'TRANSACTION_REFUSED' };
    };
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await paypal.lookUp(transaction)).toEqual(held());
    paypal.emulator.fault = () => ({ kind: 'normal' });
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'approved' });
  });

  it('that PayPal declines releases the money, also where its answer is lost', async () => {
    const transaction = await paypal.authorized();
    let isDeclined = false;
    paypal.emulator.fault = ({ operation }) => {
      if (operation === 'authorizations.void' && !isDeclined) {
        isDeclined = true;
        return { kind: 'drop' };
      }
      return operation === 'authorizations.capture' ? { kind: 'decline', code: '' } : { kind: 'normal' };
    };
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await paypal.lookUp(transaction)).toEqual(held());
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_declined' });
    expect(authorization()).toMatchObject({ status: 'VOIDED' });
    expect(captures()).toMatchObject([{ status: 'DECLINED' }]);
  });

  it('that is with PayPal’s reviewers is in progress until it is decided', async () => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.capture', { kind: 'pending' });
    expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown', accepted: true });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'in_progress' });
    const [{ captureId } = { captureId: '' }] = captures();
    paypal.emulator.paypal.completeCapture(captureId);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'approved', reference: captureId });
  });

  it('is refunded like every other one', async () => {
    const transaction = await paypal.authorized();
    const outcome = await paypal.capture(transaction);
    if (outcome.kind !== 'approved') return expect.fail(outcome.kind);
    const paid = paidTransaction(transaction, outcome.reference);
    const refund = pendingRefund(paid);
    const refunded = await paypal.gateway.refund({ refund, transaction: paid, signal: signal() });
    expect(refunded).toMatchObject({ kind: 'approved' });
    expect(await paypal.gateway.lookUpRefund(refund, paid, signal())).toEqual(refunded);
    expect(await paypal.gateway.listRefundsOfCharge?.(paid, signal())).toMatchObject({
      kind: 'listed',
      refunds: [{ refundId: refund.refundId, chargeReference: outcome.reference }],
    });
    expect(await paypal.gateway.findChargeOwner?.(outcome.reference, signal())).toEqual({
      kind: 'known',
      transactionId: transaction.transactionId,
    });
  });
});

describe('a release of held money', () => {
  it('voids the authorization, and does nothing when it is sent again', async () => {
    const transaction = await paypal.authorized();
    expect(await paypal.release(transaction)).toEqual({ kind: 'cancelled' });
    expect(authorization()).toMatchObject({ status: 'VOIDED' });
    expect(await paypal.release(transaction)).toEqual({ kind: 'cancelled' });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  it.each<[Fault, string]>([
    [{ kind: 'commit_then_drop' }, 'cancelled'],
    [{ kind: 'drop' }, 'authorized'],
    [{ kind: 'error_500', committed: false, cached: false }, 'authorized'],
  ])('whose answer is %j is found to be %s, and can be sent again', async (fault, kind) => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.void', fault);
    expect(await paypal.release(transaction)).toMatchObject({ kind: 'unreachable' });
    expect(await paypal.lookUp(transaction)).toMatchObject({ kind });
    expect(await paypal.release(transaction)).toEqual({ kind: 'cancelled' });
  });

  it.each([
    ['a page of something between', '<html>Welcome</html>'],
    ['an authorization that is not voided', '{"id":"X","status":"CREATED"}'],
    ['another authorization', '{"id":"X","status":"VOIDED"}'],
  ])('is not confirmed by a 200 with %s', async (_, body) => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.void', { kind: 'answer', status: 200, body });
    expect(await paypal.release(transaction)).toMatchObject({ kind: 'undetermined' });
    expect(authorization()).toMatchObject({ status: 'CREATED' });
  });

  it.each([
    ['is confirmed by what PayPal shows then', true],
    ['is not confirmed by it alone', false],
  ])('with an empty 204 %s', async (_, committed) => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.void', { kind: 'answer', status: 204, body: '', committed });
    expect(await paypal.release(transaction)).toMatchObject({ kind: committed ? 'cancelled' : 'authorized' });
  });

  it('of captured money says that it was captured', async () => {
    const transaction = await paypal.authorized();
    const outcome = await paypal.capture(transaction);
    expect(await paypal.release(transaction)).toEqual(outcome);
  });

  it('that PayPal refuses while the money is held says so', async () => {
    const transaction = await paypal.authorized();
    paypal.strike('authorizations.void', { kind: 'issue', status: 422, issue: 'CANNOT_BE_VOIDED' });
    expect(await paypal.release(transaction)).toEqual(held());
    paypal.strike('authorizations.void', { kind: 'issue', status: 403, issue: 'PERMISSION_DENIED' });
    expect(await paypal.release(transaction)).toMatchObject({ kind: 'undetermined' });
  });
});

describe('money that is held', () => {
  it('is no longer held once PayPal’s time for it is over', async () => {
    const transaction = await paypal.authorized();
    paypal.pass(29 * DAY_MS);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  describe('by an order that PayPal no longer has', () => {
    const withoutOrder = () => {
      paypal.emulator.fault = ({ operation }) =>
        operation === 'orders.get' ? { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' } : { kind: 'normal' };
    };

    it('is found by its authorization', async () => {
      const transaction = await paypal.authorized();
      withoutOrder();
      expect(await paypal.lookUp(transaction)).toEqual(held());
      await paypal.release(transaction);
      expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    });

    it('is undetermined once it is captured, since only the order shows the capture', async () => {
      const transaction = await paypal.authorized();
      await paypal.capture(transaction);
      withoutOrder();
      expect(await paypal.lookUp(transaction)).toMatchObject({ kind: 'undetermined' });
    });

    it('is an alarm where PayPal does not have the authorization either', async () => {
      const transaction = { ...(await paypal.authorized()), authorizationReference: '3C679366HH908993F' };
      withoutOrder();
      expect(await paypal.lookUp(transaction)).toMatchObject({ kind: 'undetermined', cause: 'charge_unknown' });
      expect(await paypal.capture(transaction)).toMatchObject({ kind: 'unknown' });
    });
  });
});
