/** What PayPal's events say of payments whose payer approves an order, and of money that is held. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { paypalEvent } from '../../src/core/gateways/paypal/paypal-webhook.ts';
import { PayPalAtEmulator } from '../support/paypal-at-emulator.ts';

const TRANSACTION = 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD';

let paypal: PayPalAtEmulator;

beforeEach(async () => {
  paypal = await PayPalAtEmulator.start();
});
afterEach(() => paypal.stop());

const noticed = () =>
  paypal.emulator.paypal.events().map(({ body }) => {
    const event = paypalEvent(body);
    return [event?.type, event?.notice];
  });

describe('an event', () => {
  it('of an order, its authorization and its capture leads to the payment, and says whether it has anything to do with money', async () => {
    const transaction = await paypal.authorized();
    await paypal.capture(transaction);
    const notice = (charged: boolean) => ({
      about: 'payment',
      transactionId: transaction.transactionId,
      charged,
    });
    expect(noticed()).toEqual([
      ['CHECKOUT.ORDER.APPROVED', notice(false)],
      ['PAYMENT.AUTHORIZATION.CREATED', notice(true)],
      ['PAYMENT.CAPTURE.COMPLETED', notice(true)],
    ]);
  });

  it('of a released authorization leads to the payment', async () => {
    const transaction = await paypal.authorized();
    await paypal.release(transaction);
    expect(noticed().at(-1)).toEqual([
      'PAYMENT.AUTHORIZATION.VOIDED',
      { about: 'payment', transactionId: transaction.transactionId, charged: false },
    ]);
  });

  const eventOf = (type: string, resource: object) =>
    paypalEvent(JSON.stringify({ id: 'WH-1', event_type: type, resource }))?.notice;

  it.each(['CHECKOUT.ORDER.VOIDED', 'CHECKOUT.PAYMENT-APPROVAL.REVERSED'])('of type %s does so, too', (type) => {
    const notice = { about: 'payment', transactionId: TRANSACTION, charged: false };
    expect(eventOf(type, { purchase_units: [{ custom_id: TRANSACTION }] })).toEqual(notice);
  });

  it('of an order that names a booking, or nothing, is not relevant', () => {
    expect(eventOf('CHECKOUT.ORDER.APPROVED', { purchase_units: [{ custom_id: 'BOOK-1' }] })).toBeNull();
    expect(eventOf('CHECKOUT.ORDER.APPROVED', { purchase_units: [] })).toBeNull();
    expect(eventOf('CHECKOUT.ORDER.APPROVED', {})).toBeNull();
  });

  it('of a capture that names us by its invoice alone leads to the payment', () => {
    const notice = { about: 'payment', transactionId: TRANSACTION, charged: true };
    expect(eventOf('PAYMENT.CAPTURE.COMPLETED', { id: '1A', invoice_id: TRANSACTION })).toEqual(notice);
  });
});
