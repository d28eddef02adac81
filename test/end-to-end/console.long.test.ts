/** The console, used in a real browser as a person uses it: of `npm run dev`, beside the checkout demo, the bridge and RabbitMQ. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Locator, type Page, type Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from '../../scripts/chromium.ts';
import { freePort } from '../../scripts/free-port.ts';
import type { ConsoleCases } from '../../src/contract/console.ts';
import { consoleAnswer, consoleAnswers } from '../data/scripted-console.ts';
import { type Child, until } from '../support/child.ts';
import { startDev } from '../support/dev.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { writeLocalDatabase } from '../support/local-database.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';
import { card, newBooking, pay } from '../support/stack.ts';

const START_DEADLINE_MS = 100_000;
/** Of one step in the browser, on a machine that has other things to do. */
const STEP_DEADLINE_MS = 20_000;
/** Each page four times, on a machine that has other things to do. */
const AXE_DEADLINE_MS = 240_000;
const WIDE = { width: 1440, height: 900 };
const SMALL = { width: 360, height: 740 };
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** What other colours can change. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];
/** Chromium's own lines of answers that refuse something, and of one that a test has lost. */
const REFUSED = /^Failed to load resource: /;
const HOUR_MS = 3_600_000;

const program = chromiumOfMachine();
const title = program === null ? `the console, which needs a browser: ${HOW_TO_GET_CHROMIUM}` : 'the console';

describe.skipIf(program === null)(title, () => {
  const exchange = `test.console.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.processing_queue`;
  let project: ProjectCopy;
  let service: string;
  let dev: Child;
  let listener: Listener;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the browser has said, violations of the Content-Security-Policy among it, and what was asked of others. */
  let complaints: string[];

  beforeAll(async () => {
    project = copyProject();
    // A test clicks faster than a person can.
    writeFileSync(join(project.directory, '.dev.vars'), 'RATE_LIMIT_BURST=1000\nRATE_LIMIT_PER_MINUTE=1000\n');
    listener = await listen(rabbitmqUrl(), exchange, runDirectory('console'));
    service = `http://localhost:${await freePort()}`;
    dev = startDev(project, {
      RABBITMQ_URL: rabbitmqUrl(),
      RABBITMQ_EXCHANGE: exchange,
      RABBITMQ_QUEUE: queue,
      PAYMENT_SERVICE_PORT: new URL(service).port,
      BRIDGE_PORT: String(await freePort()),
    });
    browser = await chromium.launch({ executablePath: program ?? '' });
    await until('it is up', () => dev.output().includes('\nevents '), { child: dev, deadlineMs: START_DEADLINE_MS });
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
    context = await browser.newContext({ viewport: WIDE, locale: 'en-US', reducedMotion: 'reduce' });
    context.setDefaultTimeout(STEP_DEADLINE_MS);
    page = await newPage();
  });
  afterEach(async () => {
    await context.close();
    expect(complaints.filter((complaint) => !REFUSED.test(complaint))).toEqual([]);
  });

  async function newPage(): Promise<Page> {
    const made = await context.newPage();
    made.on('console', (message) => complaints.push(message.text()));
    made.on('pageerror', (error) => complaints.push(error.message));
    made.on('dialog', (dialog) => complaints.push(`a dialog of a script: ${dialog.message()}`));
    made.on('request', (request) => {
      if (new URL(request.url()).origin !== service) complaints.push(`a request to ${request.url()}`);
    });
    return made;
  }

  /** Opens a page of the console and waits until it shows what it is about. */
  async function open(address: string): Promise<void> {
    await page.goto(`${service}/console/${address}`);
    await shown();
  }
  async function shown(): Promise<void> {
    await page.locator('h1').waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  }

  const button = (name: string | RegExp): Locator => page.getByRole('button', { name, exact: true });
  const dialog = (): Locator => page.getByRole('dialog');
  const heading = (name: string | RegExp): Promise<void> => page.getByRole('heading', { level: 1, name }).waitFor();
  const says = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor();
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  /** Tab, until the element has the focus that a person would stop at. */
  async function tabTo(element: Locator): Promise<void> {
    for (let pressed = 0; pressed < 60; pressed++) {
      if ((await element.and(page.locator(':focus')).count()) > 0) return;
      await press('Tab');
    }
    throw new Error('Tab does not lead there');
  }

  /** Pays past the pages, and waits until RabbitMQ has the event. */
  async function paid(over: Record<string, unknown> = {}): Promise<{ bookingId: string; transactionId: string }> {
    const bookingId = String(over.booking_id ?? newBooking());
    const { body } = await pay(service, { booking_id: bookingId, ...over });
    await until('its event is there', () => listener.of(bookingId).length > 0);
    return { bookingId, transactionId: String(body.transaction_id) };
  }

  it('shows a payment made in the demo with its event delivered, and refunds it without a mouse', async () => {
    await page.goto(`${service}/demo`);
    await page.getByRole('checkbox', { name: 'Row C, seat 4', exact: true }).check();
    await page.getByRole('button', { name: /^Pay USD/ }).click();
    await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
    const bookingId = String(await page.locator('#outcome dt:text-is("booking_id") + dd').textContent());

    await open('');
    await press('/');
    await page.keyboard.type(bookingId);
    await press('Enter');
    await heading(/^Payment of \$\d+\.\d\d Completed$/);
    await says('Delivered');
    // Where the page was opened, there the focus is.
    await page.locator('h1:focus').waitFor();

    await tabTo(button('Refund'));
    await press('Enter');
    await dialog().waitFor();
    await press('ControlOrMeta+a');
    await page.keyboard.type('10');
    await press('Tab');
    await page.keyboard.type('One seat was broken');
    await tabTo(button('Refund $10.00'));
    await press('Enter');
    await says('$10.00 was refunded');
    await heading(/Partially refunded$/);

    await until('the refund is published', () => listener.of(bookingId).length === 2);
    expect(listener.of(bookingId)[1]?.body).toMatchObject({
      event_type: 'payment.refund',
      refund_amount: 10,
      reason: 'One seat was broken',
    });
    await page.getByRole('row', { name: /payment\.refund.*Delivered/ }).waitFor();
  });

  it('makes one refund of an order whose answer was lost and that is sent again', async () => {
    const { bookingId, transactionId } = await paid();
    await open(`#/payments/${transactionId}`);
    let sent = 0;
    await page.route('**/console/api/refund', async (route) => {
      sent++;
      if (sent > 2) return route.continue();
      if (sent === 2) {
        const error = { code: 'SERVICE_UNAVAILABLE', message: 'Requests cannot be counted right now.', details: {} };
        return route.fulfill({ status: 503, json: { error, timestamp: '' } });
      }
      await route.fetch(); // the Worker has made it
      return route.abort();
    });
    await button('Refund').click();
    await page.getByLabel('Amount in USD').fill('5.25');
    await page.getByLabel('Reason').fill('Cancelled');
    await button('Refund $5.25').click();
    await says('No response: the refund may have gone through');
    await button('Cancel').click();
    await page.getByRole('table', { name: 'Refunds of this payment' }).getByText('$5.25').waitFor();
    // Whoever opens it again continues with the same order, also after the repetition was refused.
    await button('Refund').click();
    await button('Send the same refund again').click();
    await says('Outcome unknown: the refund may have gone through');
    await says('Requests cannot be counted right now.');
    for (const field of ['Amount in USD', 'Reason']) {
      expect(await page.getByLabel(field).getAttribute('readonly')).not.toBe(null);
    }
    await button('Send the same refund again').click();
    await says('$5.25 was refunded');
    await until('it is published', () => listener.of(bookingId).length === 2);
    await page.reload();
    await shown();
    expect(await page.getByRole('table', { name: 'Refunds of this payment' }).getByText('$5.25').count()).toBe(1);
  });

  it.each([
    ['Capture', 'Capture $25.50', '$25.50 was captured', 'payment.success'],
    ['Void', 'Void the payment', 'The payment was voided: nothing was charged', 'payment.failed'],
  ])('%s of a held payment says first what it does', async (order, confirm, done, eventType) => {
    const bookingId = newBooking();
    const { body } = await pay(service, { booking_id: bookingId, capture_method: 'manual' });
    await open(`#/payments/${body.transaction_id}`);
    await button(order).click();
    await dialog().getByText(bookingId).waitFor();
    await button(confirm).click();
    await says(done);
    await until('it is published', () => listener.of(bookingId).length === 1);
    expect(listener.of(bookingId)[0]?.body).toMatchObject({ event_type: eventType });
  });

  it('checks a typed amount before anything is sent', async () => {
    const { transactionId } = await paid();
    await open(`#/payments/${transactionId}`);
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.method()));
    await button('Refund').click();
    const amount = page.getByLabel('Amount in USD');
    for (const [typed, why] of [
      ['25.505', 'USD has 2 decimals at most.'],
      ['25.51', 'At most $25.50 can be refunded.'],
      ['0', 'Enter an amount above zero.'],
      ['1,5', /without commas/],
    ] as const) {
      await amount.fill(typed);
      await dialog()
        .getByRole('button', { name: /^Refund/ })
        .click();
      await dialog().getByText(why).waitFor();
      expect(await amount.getAttribute('aria-invalid')).toBe('true');
    }
    expect(sent).not.toContain('POST');
  });

  it('answers each question of a newcomer within three clicks', async () => {
    const declined = await paid({ card_details: card('4000000000000002') });
    const delivered = await paid();
    const { transactionId: refundedTwice } = await paid();
    const state = join(project.directory, '.wrangler/state');
    // What an outage of RabbitMQ leaves, without the outage; and what a refund at the provider does that does not fit.
    writeLocalDatabase(
      state,
      `UPDATE events SET delivered_at_ms = NULL, attempts = 3, last_error = 'no connection to RabbitMQ', next_attempt_at_ms = ?
        WHERE transaction_id = ?`,
      Date.now() + HOUR_MS,
      delivered.transactionId,
    );
    writeLocalDatabase(
      state,
      `INSERT INTO unbooked_refunds (transaction_id, gateway_reference, amount_minor, found_at_ms, found_by) VALUES (?, 're_outside', 9900, ?, 'cron')`,
      refundedTwice,
      Date.now(),
    );
    let clicks = 0;
    const click = async (element: Locator) => {
      clicks++;
      await element.click();
    };
    const from = (name: string) => page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name });
    /** From the start page, and back to it. */
    const answers = async (steps: () => Promise<void>) => {
      await open('#/');
      clicks = 0;
      await steps();
      expect(clicks).toBeLessThanOrEqual(3);
    };

    await answers(async () => {
      await click(page.getByRole('searchbox'));
      await page.keyboard.type(delivered.bookingId);
      await press('Enter');
      await heading(/Completed$/);
    });
    await answers(async () => {
      await click(page.getByRole('link', { name: /^Failed \d+/ }));
      await click(page.getByRole('link', { name: declined.bookingId }));
      await says('Why it failed: Card declined by bank');
    });
    await answers(async () => {
      await click(from('Needs a person'));
      await says('External refund larger than the balance');
      await says('Compare both, and correct what is wrong.');
    });
    await answers(async () => {
      await click(from('Events'));
      await page.getByRole('row', { name: new RegExp(`${delivered.bookingId}.*no connection to RabbitMQ`) }).waitFor();
    });

    // It is on the way with one more click, and somebody has resolved the case.
    await page.getByLabel(`Select the event of ${delivered.bookingId}`).check();
    await button('Send 1 now').click();
    await until('it is published again', () => listener.of(delivered.bookingId).length === 2);
    await from('Needs a person').click();
    await button(`Mark as resolved: ${refundedTwice}/re_outside`).click();
    await page.getByLabel('Reason').fill('Compared with the provider');
    await button('Mark as resolved').click();
    await page
      .getByRole('table', { name: /^Resolved cases/ })
      .getByText('Compared with the provider')
      .waitFor();
  });

  it('shows the success rate of the day on its first page, once the cron has counted', async () => {
    await paid();
    await paid({ card_details: card('4000000000000002') });
    await page.request.get(`${service}/cdn-cgi/local/scheduled?cron=*+*+*+*+*`);
    await open('#/');
    await page.getByRole('link', { name: /^Success rate \d+\.\d%/ }).waitFor();
    await page.locator('.plot canvas').first().waitFor();
  });

  it('shows scripts in ids and reasons as the text that they are', async () => {
    const script = (where: string) =>
      `"><img src=x onerror=alert('${where}')><script>alert('${where}')</script>{{7*7}}`;
    const bookingId = `${script('booking')}${randomBytes(4).toString('hex')}`;
    const { transactionId } = await paid({ booking_id: bookingId, user_id: script('user') });
    await open(`#/find?q=${encodeURIComponent(bookingId)}`);
    await heading(/Completed$/);
    for (const text of [bookingId, script('user')]) await page.getByText(text, { exact: true }).first().waitFor();
    await button('Refund').click();
    await page.getByLabel('Reason').fill(script('reason'));
    await dialog()
      .getByRole('button', { name: /^Refund/ })
      .click();
    await page.getByRole('table', { name: 'Refunds of this payment' }).getByText(script('reason')).waitFor();
    await open(`#/payments?user_id=${encodeURIComponent(script('user'))}`);
    await page.getByRole('link', { name: bookingId }).waitFor();
    await open(`#/payments/${encodeURIComponent(script('address'))}`);
    await page.getByText(script('address')).first().waitFor();
    expect(await page.locator('main img, script:not([src])').count()).toBe(0);
    expect(transactionId).toMatch(/^TXN-/);
  });

  describe('with answers that take days to arise', () => {
    const answers = consoleAnswers(Math.floor(Date.now() / 1000) * 1000);
    const [refunded, failed, pending, held, , challenged] = answers.search.transactions.map(
      ({ transaction_id }) => `#/payments/${transaction_id}`,
    );
    /** Whether requests need a key, as in production. */
    let isLocked: boolean;

    beforeEach(async () => {
      isLocked = false;
      await page.route('**/console/api/**', (route) => scripted(route));
    });

    async function scripted(route: Route): Promise<void> {
      const request = route.request();
      const path = new URL(request.url()).pathname.slice('/console/api'.length);
      if (isLocked && request.headers().authorization !== 'Bearer good-key') {
        const error = { code: 'UNAUTHORIZED', message: 'The API key was revoked', details: {} };
        return route.fulfill({ status: 401, json: { error, timestamp: '' } });
      }
      if (request.method() === 'POST') return route.abort();
      const body = consoleAnswer(answers, path);
      return body === undefined ? route.fulfill({ status: 404, json: {} }) : route.fulfill({ json: body });
    }

    const PAGES: readonly (readonly [string, string | undefined, ((at: Page) => Promise<void>)?])[] = [
      ['overview', '#/', (at) => at.getByText('The charts as a table', { exact: true }).click()],
      ['payments', '#/payments', (at) => at.getByText('More filters').click()],
      ['a refunded payment', refunded],
      ['a failed payment', failed],
      ['a pending payment', pending],
      ['a held payment', held],
      ['a payment that waits for its payer', challenged],
      ['a payment that there is not', '#/payments/TXN-NONE'],
      ['the results of a search', '#/find?q=BOOK'],
      ['cases', '#/cases'],
      ['disputes', '#/disputes'],
      ['events', '#/events'],
      ['reconciliation', '#/reconciliation'],
      ['gateways', '#/gateways'],
      ['databases', '#/databases'],
      ['keys', '#/keys'],
      ['the dialog of a refund', refunded, openBy('Refund')],
      ['the dialog of a void', held, openBy('Void')],
      ['the dialog of a case', '#/cases', openBy(/^It was paid/)],
      ['the dialog of a new key', '#/keys', openBy('Create a key')],
      ['the dialog of a revocation', '#/keys', openBy('Revoke booking-service')],
      [
        'the dialog of an event that is sent again',
        '#/events',
        (at) => at.getByRole('button', { name: 'Send again' }).first().click(),
      ],
    ];

    it('has no violation of WCAG 2.2 AA and no sideways scrolling, light and dark, small and wide', {
      timeout: AXE_DEADLINE_MS,
    }, async () => {
      const violations: string[] = [];
      for (const [name, address, act] of PAGES) {
        await page.setViewportSize(WIDE);
        await page.goto('about:blank');
        await open(address ?? '');
        await act?.(page);
        for (const colorScheme of ['light', 'dark'] as const) {
          for (const size of [WIDE, SMALL]) {
            await page.emulateMedia({ colorScheme });
            await page.setViewportSize(size);
            const which = `${name}, ${colorScheme}, ${size.width}`;
            violations.push(
              ...(await violationsOf(page, colorScheme === 'light' ? WCAG : OF_COLOURS)).map(
                (violation) => `${which}: ${violation}`,
              ),
            );
            const width = await page.locator('html').evaluate((root) => root.scrollWidth);
            if (width > size.width) violations.push(`${which}: ${width} pixels wide`);
          }
        }
      }
      expect(violations).toEqual([]);
    });

    it('does not report as refused what may have been done', async () => {
      await open('#/keys');
      await button('Create a key').click();
      await page.getByLabel('Name').fill('booking-service');
      await page.getByRole('checkbox').first().check();
      await button('Create').click();
      await says('No response: a key may have been created');
      expect(await violationsOf(page)).toEqual([]);
    });

    it('sends one refund under one key, also from a dialog that was opened while it was running', async () => {
      const keys: (string | undefined)[] = [];
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
      await page.route('**/console/api/refund', async (route) => {
        keys.push(route.request().headers()['idempotency-key']);
        if (keys.length === 1) await answered;
        await route.fulfill({ json: { refund_transaction_id: 'REF-1', refund_amount: 5 } });
      });
      await open('#/payments');
      await open(refunded ?? '');
      await button('Refund').click();
      await page.getByLabel(/^Amount/).fill('5');
      await page.getByLabel('Reason').fill('Cancelled');
      await button('Refund $5.00').click();
      await until('the refund is sent', () => keys.length === 1);
      await page.goBack();
      await page.goForward();
      await button('Refund').click();
      await says('No response: the refund may have gone through');
      const isAnswered = page.waitForResponse('**/console/api/refund');
      answer();
      await isAnswered;
      await button('Send the same refund again').click();
      await says('$5.00 was refunded');
      expect(keys[1]).toBe(keys[0]);
    });

    it('repeats no refund after a sign-in that took long', async () => {
      let isSignedIn = true;
      const refunds: string[] = [];
      await page.route('**/console/api/refund', async (route) => {
        refunds.push(route.request().url());
        const error = { code: 'UNAUTHORIZED', message: 'The API key was revoked', details: {} };
        await (isSignedIn ? route.abort() : route.fulfill({ status: 401, json: { error, timestamp: '' } }));
      });
      await open(refunded ?? '');
      await button('Refund').click();
      await page.getByLabel('Reason').fill('Cancelled');
      await button('Refund $32.75').click();
      await says('No response: the refund may have gone through');
      isSignedIn = false;
      await button('Send the same refund again').click();
      const signIn = page.getByRole('dialog', { name: 'Sign in again' });
      await signIn.getByLabel('API key').fill('good-key');
      await page.clock.setFixedTime(Date.now() + HOUR_MS);
      await signIn.getByRole('button', { name: 'Sign in' }).click();
      await says('Outcome unknown: the refund may have gone through');
      expect(refunds).toHaveLength(2);
    });

    it('repeats no refund that the service may have forgotten', async () => {
      const sent: string[] = [];
      page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
      await open(refunded ?? '');
      await button('Refund').click();
      await page.getByLabel('Reason').fill('Cancelled');
      await button('Refund $32.75').click();
      await says('No response: the refund may have gone through');
      await page.clock.setFixedTime(Date.now() + 23 * HOUR_MS);
      await button('Send the same refund again').click();
      await says('No response: an earlier refund may have gone through');
      expect(sent).toHaveLength(1);
      expect(await page.getByLabel('Reason').getAttribute('readonly')).toBe(null);
    });

    it('moves the focus to the title, or to what was done, when the pressed button is gone', async () => {
      await page.route('**/console/api/keys/*/revoke', async (route) => {
        const [first, ...others] = answers.keys.keys;
        const revoked = { ...first, revoked_at: first?.created_at };
        await page.route('**/console/api/keys', (list) =>
          list.fulfill({ json: { ...answers.keys, keys: [revoked, ...others] } }),
        );
        return route.fulfill({ json: revoked });
      });
      await open('#/keys');
      await button('Revoke booking-service').click();
      await button('Revoke the key').click();
      await page.locator('h1:focus').waitFor();

      await page.route('**/console/api/cases/resolve', (route) =>
        route.fulfill({ json: { message: 'It is recorded.' } }),
      );
      await open('#/cases');
      await button(/^Ask the gateway again: /).click();
      await button('Ask the gateway again').click();
      await page.locator(':focus').getByText('It is recorded.').waitFor();
    });

    it('offers to revoke a key again while a database that may accept it does not respond', async () => {
      const [first] = answers.keys.keys;
      const revoked = { ...first, revoked_at: first?.created_at };
      await page.route('**/console/api/keys', (list) =>
        list.fulfill({ json: { ...answers.keys, keys: [revoked], not_read: [1] } }),
      );
      await open('#/keys');
      await says('DB_1 did not respond');
      await says('Revoked where read');
      await button('Revoke booking-service').waitFor();
    });

    it('keeps the dialog of a case that somebody else has resolved, and of an event that has moved', async () => {
      await open('#/cases');
      await button(/^It was not paid: /).click();
      await page.getByLabel('Reason').fill('Looked for it in vain');
      await page.route('**/console/api/cases', (route) =>
        route.fulfill({ json: { cases: [], dealt_with: [], not_read: [] } satisfies ConsoleCases }),
      );
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await says('Nothing needs a person');
      expect(await page.getByLabel('Reason').inputValue()).toBe('Looked for it in vain');

      await open('#/events');
      await button('Send again').first().click();
      await page.route('**/console/api/events', (route) =>
        route.fulfill({ json: { ...answers.events, delivered: [], events: [], waiting: 0 } }),
      );
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await says('RabbitMQ has confirmed every event.');
      await page.route('**/console/api/events/send', (route) =>
        route.fulfill({ json: { sent: 0, unknown: ['evt_1'] } }),
      );
      await dialog().getByRole('button', { name: 'Send again', exact: true }).click();
      await says('0 events on the way to RabbitMQ, 1 not found');
    });

    it('asks for a key at the beginning, and keeps it in memory alone', async () => {
      isLocked = true;
      await open('');
      await page.getByLabel('API key').fill('bad-key');
      await press('Enter');
      await says('The API key was revoked.');
      expect(await violationsOf(page)).toEqual([]);
      await page.getByLabel('API key').fill('good-key');
      await press('Enter');
      await heading('Overview');
      const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])');
      expect(kept).not.toContain('good-key');
      await page.reload();
      await page.getByLabel('API key').waitFor();
    });

    it('asks again in the middle of work, and then goes on where it was', async () => {
      await open('#/payments');
      await page.getByRole('textbox', { name: 'Booking' }).fill('BOOK-2042');
      isLocked = true;
      await button('Search').click();
      await dialog().getByText('Your sign-in is no longer valid').waitFor();
      expect(await page.getByRole('textbox', { name: 'Booking' }).inputValue()).toBe('BOOK-2042');
      await page.getByLabel('API key').fill('good-key');
      await press('Enter');
      await dialog().waitFor({ state: 'detached' });
      await page.getByRole('link', { name: 'BOOK-2042' }).waitFor();
      expect(page.url()).toContain('booking_id=BOOK-2042');
    });

    it('keeps what it has shown where loading it again fails, and says so', async () => {
      await open('#/events');
      await page.unroute('**/console/api/**');
      await page.route('**/console/api/events', (route) => route.abort());
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await says('Not up to date: the last refresh failed');
      await says('no connection to RabbitMQ');
    });
  });
});

/** Without frames, for which it would open a page of its own each time. */
async function violationsOf(page: Page, runOnly: readonly string[] = WCAG): Promise<string[]> {
  const builder = new AxeBuilder({ page })
    .setLegacyMode()
    .options({ runOnly: [...runOnly], resultTypes: ['violations'] });
  const { violations } = await builder.analyze();
  return violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target}`);
}

function openBy(name: string | RegExp) {
  return async (page: Page): Promise<void> => {
    await page.getByRole('button', { name, exact: true }).click();
    await page.getByRole('dialog').waitFor();
  };
}
