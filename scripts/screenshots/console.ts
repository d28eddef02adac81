/** The pictures of the console: a cinema's evening, with what waits for somebody. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { EMULATED_STATE, shownPath } from '../../src/local/dev-instance.ts';
import { LOCAL_SECRETS } from '../../test/data/local-variables.ts';
import { prepareDatabase } from '../../test/support/worker.ts';
import type { Camera } from './camera.ts';
import { openWay } from './cut-off.ts';
import { startDevInstance } from './dev-instance.ts';
import { writePastDays } from './past-days.ts';
import type { Picture } from './pictures.ts';
import { MINUTE_MS, planDays } from './plan-days.ts';

export async function takeConsolePictures(camera: Camera, rabbitmqUrl: string): Promise<void> {
  const broker = new URL(rabbitmqUrl);
  const way = await openWay(Number(broker.port));
  broker.port = String(way.port);
  const dev = await startDevInstance(broker.href, ['--gateway', 'emulator'], async (directory) => {
    const secrets = Object.entries(LOCAL_SECRETS).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(directory, '.dev.vars'), secrets.join(''));
    const state = join(directory, shownPath(EMULATED_STATE));
    await writePastDays(prepareDatabase(state), Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
  });
  try {
    const pages: [Picture, string][] = [
      ['console-overview', ''],
      ['console-payments', 'payments'],
      ['console-payment', `payments/${await refundedPayment(dev.url)}`],
      ['console-cases', 'cases'],
      ['console-disputes', 'disputes'],
      ['console-reconciliation', 'reconciliation'],
      ['console-gateways', 'gateways'],
      ['console-databases', 'databases'],
      ['console-keys', 'keys'],
    ];
    for (const [picture, page] of pages) await camera.take(picture, (on) => open(on, dev.url, page));
    await camera.take('console-overview-dark', (on) => open(on, dev.url, ''), 'dark');
    await way.cut();
    await payWithoutBroker(dev.url);
    await camera.take('console-events', (on) => open(on, dev.url, 'events'));
  } finally {
    await dev.stop();
    await way.cut();
  }
}

async function open(page: Page, url: string, path: string): Promise<void> {
  await page.goto(`${url}/console#/${path}`);
  await page.locator('#title').waitFor();
  await page.locator('.skeleton').waitFor({ state: 'detached' });
}

/** One that has been paid back in part: its story is the longest. */
async function refundedPayment(url: string): Promise<string> {
  const refunded = planDays().findLast(
    ({ refund, amountMinor }) => refund !== null && refund.amountMinor < amountMinor,
  );
  const response = await fetch(`${url}/payment/transactions?booking_id=${refunded?.bookingId}`);
  const { transactions } = (await response.json()) as { transactions: { transaction_id: string }[] };
  const [found] = transactions;
  if (found === undefined) throw new Error(`the booking ${refunded?.bookingId} has no payment`);
  return found.transaction_id;
}

/** Their events wait: the bridge has no RabbitMQ. */
async function payWithoutBroker(url: string): Promise<void> {
  for (const booking of ['BOOK-4B5F10', 'BOOK-4B5F35', 'BOOK-4B5F5A']) {
    const response = await fetch(`${url}/payment/process`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        user_id: 'user_1204',
        booking_id: booking,
        amount: 25.5,
        payment_method: 'stripe',
        payment_method_token: 'pm_card_visa',
      }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}
