/** The pictures of a desk: the checkout demo, the API pages and the terminal of one `npm run dev`. */
import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import type { Camera } from './camera.ts';
import { startDevInstance } from './dev-instance.ts';
import { terminalPage } from './terminal-page.ts';

export async function takeDeskPictures(camera: Camera, rabbitmqUrl: string): Promise<void> {
  const dev = await startDevInstance(rabbitmqUrl);
  try {
    await usePayments(dev.url);
    // The bridge's line of the last event.
    await dev.untilPrinted(/POST \/payment\/capture.*\n.*confirmed by RabbitMQ/);
    const terminal = dev.output();
    await camera.take('dev-terminal', (page) => page.setContent(terminalPage('npm run dev', terminal)));
    await camera.take('checkout-demo', (page) => checkOut(page, dev.url));
    await camera.take('api-pages', (page) => openPages(page, dev.url));
  } finally {
    await dev.stop();
  }
}

/** What a developer tries first: a payment, the same booking again, a decline, a refund; then a bank that asks, and a hold. */
async function usePayments(url: string): Promise<void> {
  const pay = (bookingId: string, cardNumber: string, more: Record<string, string> = {}) =>
    post(`${url}/payment/process`, {
      user_id: 'user_123',
      booking_id: bookingId,
      amount: 25.5,
      payment_method: 'credit_card',
      card_details: {
        card_number: cardNumber,
        expiry_month: '12',
        expiry_year: '2034',
        cvv: '123',
        cardholder_name: 'Alex Doe',
      },
      ...more,
    });
  const { transaction_id } = await pay('BOOK-789012', '4242424242424242');
  await pay('BOOK-789012', '4242424242424242');
  await pay('BOOK-789013', '4000000000009995');
  await post(`${url}/payment/refund`, {
    booking_id: 'BOOK-789012',
    original_transaction_id: transaction_id,
    refund_amount: 25.5,
    reason: 'Customer cancellation',
    user_id: 'user_123',
  });
  await pay('BOOK-789014', '4000002500003155', { return_url: `${url}/demo` });
  const held = await pay('BOOK-789015', '4242424242424242', { capture_method: 'manual' });
  await post(`${url}/payment/capture`, {
    booking_id: 'BOOK-789015',
    transaction_id: held.transaction_id,
    user_id: 'user_123',
  });
}

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': randomBytes(16).toString('hex') },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  return (await response.json()) as Record<string, unknown>;
}

/** Two seats, paid: with the event that RabbitMQ has, and the request. */
async function checkOut(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/demo`);
  await page.getByRole('checkbox', { name: 'Row C, seat 4' }).check();
  await page.getByRole('checkbox', { name: 'Row C, seat 5' }).check();
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
  await page.locator('.event .delivered').first().waitFor();
  await scrollToTop(page);
}

/** The operations of the API. */
async function openPages(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/docs`);
  await page.locator('.opblock[id$="-processPayment"]').waitFor();
}

function scrollToTop(page: Page): Promise<void> {
  return page.locator('html').evaluate((root) => root.scrollTo({ top: 0, behavior: 'instant' }));
}
