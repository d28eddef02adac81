/** The checkout demo of `npm run dev`, used in a real browser as a person uses it. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from '../../scripts/chromium.ts';
import { freePort } from '../../scripts/free-port.ts';
import { type Child, until } from '../support/child.ts';
import { startDev } from '../support/dev.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const START_DEADLINE_MS = 100_000;
/** Of one step in the browser, on a machine that has other things to do. */
const STEP_DEADLINE_MS = 20_000;
const SMALLEST = { width: 360, height: 740 };
/** Chromium's own line of a response that refuses something: a decline, or the second of two clicks while the first is worked on. */
const REFUSED = /^Failed to load resource: .* status of (400|409) /;

const program = chromiumOfMachine();
const title =
  program === null ? `the checkout demo, which needs a browser: ${HOW_TO_GET_CHROMIUM}` : 'the checkout demo';

describe.skipIf(program === null)(title, () => {
  const exchange = `test.demo.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.processing_queue`;
  let project: ProjectCopy;
  /** As `npm run dev` prints it. */
  let demo: string;
  let service: string;
  let dev: Child;
  let listener: Listener;
  let browser: Browser;
  let page: Page;
  /** What the console has said, and what was asked of others. */
  let complaints: string[];

  beforeAll(async () => {
    project = copyProject();
    // A test clicks faster than a person can.
    writeFileSync(join(project.directory, '.dev.vars'), 'RATE_LIMIT_BURST=1000\nRATE_LIMIT_PER_MINUTE=1000\n');
    listener = await listen(rabbitmqUrl(), exchange, runDirectory('demo'));
    dev = startDev(project, {
      RABBITMQ_URL: rabbitmqUrl(),
      RABBITMQ_EXCHANGE: exchange,
      RABBITMQ_QUEUE: queue,
      PAYMENT_SERVICE_PORT: String(await freePort()),
      BRIDGE_PORT: String(await freePort()),
    });
    browser = await chromium.launch({ executablePath: program ?? '' });
    await until('it is up', () => dev.output().includes('\nevents '), { child: dev, deadlineMs: START_DEADLINE_MS });
    [, demo = ''] = /^checkout demo +(\S+)$/m.exec(dev.output()) ?? [];
    service = new URL(demo).origin;
  });

  afterAll(async () => {
    await browser?.close();
    await dev?.stop();
    await listener?.close();
    await removeTopology(rabbitmqUrl(), exchange, queue);
    project?.remove();
  });

  beforeEach(async () => {
    complaints = [];
    const context = await browser.newContext();
    context.setDefaultTimeout(STEP_DEADLINE_MS);
    page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== service) complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(demo);
    await seat('Row C, seat 4').waitFor();
  });

  afterEach(async () => {
    await page.context().close();
    expect(complaints.filter((complaint) => !REFUSED.test(complaint))).toEqual([]);
  });

  const seat = (name: string): Locator => page.getByRole('checkbox', { name, exact: true });
  const button = (name: string | RegExp): Locator => page.getByRole('button', { name, exact: true });
  const fact = (name: string): Locator => page.locator(`#outcome dt:text-is("${name}") + dd`);
  const titled = (name: string): Promise<void> => page.getByRole('heading', { name, exact: true }).waitFor();

  async function choose(...labels: string[]): Promise<void> {
    await seat('Row C, seat 4').check();
    await seat('Row C, seat 5').check();
    for (const label of labels) await page.getByRole('radio', { name: label }).check();
  }

  /** Of the requests that the page shows, the oldest first. */
  async function requests(): Promise<string[]> {
    const lines = await page
      .locator('.exchange')
      .evaluateAll((all) =>
        all.map((one) => ['verb', 'path', 'code'].map((part) => one.querySelector(`.${part}`)?.textContent).join(' ')),
      );
    return lines.toReversed();
  }

  /** The event on the page, once RabbitMQ has it, which is the one that has reached the exchange. */
  async function published(): Promise<Record<string, unknown>> {
    await page.locator('.event .delivered').first().waitFor();
    const fields = page.locator('.event').first();
    const names = await fields.locator('dt').allTextContents();
    const values = await fields.locator('dd').allTextContents();
    const event = Object.fromEntries(names.map((name, index) => [name, JSON.parse(values[index] ?? '')]));
    const received = listener.of(event.booking_id);
    expect(event).toEqual(received.at(-1)?.body);
    return event;
  }

  it('pays once where Pay is clicked twice, and shows requests, status and event', async () => {
    await choose();
    await button(/^Pay USD/).dblclick();
    await titled('Paid');
    const transactionId = await fact('transaction_id').textContent();
    expect(await fact('amount').textContent()).toMatch(/25\.50/);
    expect(await published()).toMatchObject({
      event_type: 'payment.success',
      transaction_id: transactionId,
      amount: 25.5,
    });

    await until(
      'both requests are shown',
      async () => (await requests()).filter((line) => line.startsWith('POST')).length === 2,
    );
    const keys = await page.locator('.exchange pre').allTextContents();
    expect(new Set(keys.flatMap((text) => /Idempotency-Key: (\w+)/.exec(text)?.[1] ?? [])).size).toBe(1);
    expect(keys.join()).not.toContain('4242424242424242');
    await button('Send the same request again').click();
    await page.getByText('replayed', { exact: true }).first().waitFor();
    expect(listener.of(String(await fact('booking_id').textContent()))).toHaveLength(1);
  });

  it.each([
    ['Is declined', 'CARD_DECLINED'],
    ['Lacks funds', 'INSUFFICIENT_FUNDS'],
  ])('shows why a card that %s does not pay, after which another one pays the same booking', async (label, code) => {
    await choose(label);
    await button(/^Pay USD/).click();
    await titled('Declined');
    expect(await fact('error_code').textContent()).toBe(code);
    const booking = await fact('booking_id').textContent();
    expect(await published()).toMatchObject({ event_type: 'payment.failed', error_code: code });

    await page.getByRole('radio', { name: 'Pays' }).check();
    await button(/^Pay USD/).click();
    await titled('Paid');
    expect(await fact('booking_id').textContent()).toBe(booking);
  });

  it.each([
    ['Needs authentication', 'the bank', 'Authenticate'],
    ['PayPal', 'PayPal', 'Approve'],
  ])(
    '%s: sends the payer to %s, and shows after the return that the payment is completed',
    async (label, where, answer) => {
      await choose(label);
      await button(/^Pay USD/).click();
      const way = page.getByRole('link', { name: `Continue to ${where}` });
      await way.waitFor();
      const transactionId = await fact('transaction_id').textContent();
      expect(await requests()).toContain('POST /payment/process 202');
      await way.click();
      await button(answer).click();
      await titled('Paid');
      expect(page.url()).toBe(`${demo}?transaction_id=${transactionId}`);
      expect(await published()).toMatchObject({ event_type: 'payment.success', transaction_id: transactionId });
      expect(await requests()).toContain('POST /payment/process 202');
    },
  );

  it('shows that the payer has declined', async () => {
    await choose('Needs authentication');
    await button(/^Pay USD/).click();
    await page.getByRole('link', { name: 'Continue to the bank' }).click();
    await button('Decline').click();
    await titled('Not authenticated');
    expect(await published()).toMatchObject({ event_type: 'payment.failed', error_code: 'AUTHENTICATION_FAILED' });
  });

  it('ends a payment whose payer does not want to authenticate', async () => {
    await choose('Needs authentication');
    await button(/^Pay USD/).click();
    await button('Cancel the payment').click();
    await titled('Released');
    expect(await published()).toMatchObject({ error_code: 'PAYMENT_VOIDED' });
  });

  it('ignores a transaction in the address that it has not paid', async () => {
    await page.goto(`${demo}?transaction_id=TXN-SOMEBODY-ELSES`);
    await page.getByText('TXN-SOMEBODY-ELSES, which this tab has not paid').waitFor();
    await titled('Nothing paid yet');
    expect(await requests()).toEqual([]);
  });

  it.each([
    ['Issue seats', 'Paid', 'POST /payment/capture 200', 'payment.success'],
    ['Seats are gone', 'Released', 'POST /payment/void 200', 'payment.failed'],
  ])('holds the seats; %s: %s', async (end, outcome, request, eventType) => {
    await choose('Hold the seats, then issue them');
    await button(/^Hold USD/).click();
    await titled('The seats are held');
    expect(await fact('status').textContent()).toBe('authorized');
    await page.getByText('None yet').waitFor();
    await button(end).click();
    await titled(outcome);
    expect(await requests()).toContain(request);
    expect(await published()).toMatchObject({ event_type: eventType });
  });

  it('needs no mouse', async () => {
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    // The first seat; to the right of A2, A3 and A4 are taken.
    await press('Tab', 'ArrowRight', 'Space', 'ArrowRight', 'Space');
    expect(await page.locator('#chosen').textContent()).toBe('Seats A2, A5');
    // Instruments, and the first of them; when; the button.
    await press('Tab', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Tab', 'Tab', 'Enter');
    const way = page.getByRole('link', { name: 'Continue to the bank' });
    await way.waitFor();
    await page.locator('#outcome-title:focus').waitFor();
    await press('Tab', 'Enter');
    await button('Authenticate').waitFor();
    await press('Tab', 'Enter');
    await titled('Paid');
  });

  it('says what is missing where no seat is chosen', async () => {
    await button('Pay').click();
    await page.getByText('Choose a seat first.').waitFor();
    expect(await requests()).toEqual([]);
  });

  it('fits a screen of 360 pixels', async () => {
    await page.setViewportSize(SMALLEST);
    await choose('Hold the seats, then issue them');
    await button(/^Hold USD/).click();
    await button('Issue seats').click();
    await titled('Paid');
    await page.locator('.exchange').first().click();
    const width = await page.locator('html').evaluate((root) => root.scrollWidth);
    expect(width).toBe(SMALLEST.width);
  });
});
