/** What the console's pages do by themselves and by keyboard, in a real browser. There is no service: a test says what each request is answered. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
  type Route,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from '../../scripts/chromium.ts';
import { PROJECT } from '../../src/local/project.ts';
import { consoleAnswer, consoleAnswers } from '../data/scripted-console.ts';

/** Nothing listens there: the browser is answered before it connects. */
const SERVICE = 'http://localhost:9';
const STEP_DEADLINE_MS = 10_000;
const WIDE = { width: 1440, height: 900 };
const SMALL = { width: 360, height: 740 };
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

const program = chromiumOfMachine();
const title = program === null ? `the console, which needs a browser: ${HOW_TO_GET_CHROMIUM}` : 'the console';

describe.skipIf(program === null)(title, () => {
  const answers = consoleAnswers(Math.floor(Date.now() / 1000) * 1000);
  const [refunded] = answers.search.transactions.map(({ transaction_id }) => `#/payments/${transaction_id}`);
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let errors: string[];
  /** Method and path of what the page has asked of the service. */
  let asked: string[];
  /** Answers by method and path, before those of every test. */
  let scripted: Record<string, (route: Route) => unknown>;

  beforeAll(async () => {
    execFileSync(process.execPath, ['scripts/build-pages.ts'], { cwd: PROJECT });
    browser = await chromium.launch({ executablePath: program ?? '' });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    errors = [];
    asked = [];
    scripted = {};
    await use({});
  });
  afterEach(async () => {
    await context.close();
    expect(errors).toEqual([]);
  });

  /** A new browser window. */
  async function use(options: BrowserContextOptions): Promise<void> {
    await context?.close();
    context = await browser.newContext({ viewport: WIDE, locale: 'en-US', reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(STEP_DEADLINE_MS);
    page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    await page.route('**/*', answer);
  }

  function answer(route: Route): unknown {
    const request = route.request();
    const { pathname, search } = new URL(request.url());
    if (!pathname.startsWith('/console/api')) return route.fulfill(file(pathname));
    const path = pathname.slice('/console/api'.length);
    asked.push(`${request.method()} ${path}${search}`);
    const own = scripted[`${request.method()} ${path}`];
    if (own !== undefined) return own(route);
    const body = request.method() === 'GET' ? consoleAnswer(answers, path) : undefined;
    return body === undefined ? route.fulfill({ status: 404, json: {} }) : route.fulfill({ json: body });
  }

  function file(pathname: string) {
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const contentType = TYPES[extname(path)];
    if (contentType === undefined) return { status: 404 };
    return { body: readFileSync(join(PROJECT, '.pages/deployed', path)), contentType };
  }

  async function open(address: string): Promise<void> {
    await page.goto(`${SERVICE}/console/${address}`);
    await page.locator('h1').waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  }
  /** Its intervals and deadlines are this many times shorter. */
  const speedUp = (times: number) =>
    page.addInitScript(`{
      const every = setInterval;
      globalThis.setInterval = (run, ms) => every(run, ms / ${times});
      const deadline = AbortSignal.timeout.bind(AbortSignal);
      AbortSignal.timeout = (ms) => deadline(ms / ${times});
    }`);
  const button = (name: string | RegExp): Locator => page.getByRole('button', { name, exact: true });
  const dialog = (name?: string): Locator => page.getByRole('dialog', name === undefined ? {} : { name });
  const says = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor();
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const hasFocus = (element: Locator): Promise<void> => element.and(page.locator(':focus')).waitFor();
  const styleOf = (selector: string, property: string): Promise<unknown> =>
    page.evaluate(`getComputedStyle(document.querySelector('${selector}')).${property}`);

  describe('what refreshes itself', () => {
    it('says that it is not up to date where the service hangs, although each answer takes longer than the interval', async () => {
      await speedUp(10);
      await open('#/events');
      scripted['GET /events'] = () => undefined;
      await says('Not up to date: the last refresh failed');
    });

    it('shows an answer that takes longer than the interval', async () => {
      await speedUp(10);
      scripted['GET /events'] = (route) => setTimeout(() => void route.fulfill({ json: answers.events }), 1500);
      await open('#/events');
      await says('no connection to RabbitMQ');
    });

    it.each([
      [720, 1],
      [24, 5],
    ])('%d hours of figures are asked for again in minutes or in seconds', async (hours, times) => {
      await speedUp(100);
      await open(`#/?hours=${hours}`);
      const readings = () => asked.filter((path) => path === `GET /overview?hours=${hours}`).length;
      await expect.poll(readings, { timeout: 20_000 }).toBeGreaterThanOrEqual(times);
      await page.waitForTimeout(1000);
      if (times === 1) expect(readings()).toBe(1);
    });
  });

  describe('the filters', () => {
    it('are chosen by keyboard, and keep the focus and what is open', async () => {
      await open('#/payments');
      await page.getByText('More filters').click();
      await page.getByLabel('Status').focus();
      await press('ArrowDown', 'ArrowDown', 'ArrowDown');
      expect(await page.getByLabel('Status').inputValue()).toBe('completed');
      await button('Search').focus();
      await press('Enter');
      await page.waitForURL(/status=completed$/);
      await hasFocus(button('Search'));
      expect(await page.getByLabel('Gateway', { exact: true }).isVisible()).toBe(true);
    });

    it('show those of another address, and lose all at once', async () => {
      await open('#/payments?status=failed&gateway=stripe');
      expect(await page.getByLabel('Gateway', { exact: true }).inputValue()).toBe('stripe');
      await page.evaluate("location.hash = '#/payments?status=pending'");
      await page.waitForFunction("document.querySelector('#field-status').value === 'pending'");
      await button('Clear').click();
      await page.waitForURL(/#\/payments$/);
      await hasFocus(button('Clear'));
      expect(await page.getByLabel('Status').inputValue()).toBe('');
    });

    it('take a time as it is typed, and leave the other one as it was', async () => {
      await use({ timezoneId: 'Europe/Berlin' });
      await open('#/payments?created_from=2026-05-01T07:47:00Z&created_to=2026-07-01T10:30:45Z');
      await page.getByLabel('Created from').focus();
      await page.keyboard.type('06012026');
      expect(await page.getByLabel('Created from').inputValue()).toBe('2026-06-01T09:47');
      await button('Search').click();
      await page.waitForURL(/created_from=2026-06-01T07%3A47%3A00Z&created_to=2026-07-01T10%3A30%3A45Z$/);
    });

    it('leave the focus at the title where the link to older payments is gone', async () => {
      await open('#/payments');
      await page.getByRole('link', { name: 'Older payments' }).focus();
      await press('Enter');
      await page.waitForURL(/cursor=/);
      await hasFocus(page.locator('h1'));
    });
  });

  describe('a dialog', () => {
    it('of a new key stays open until somebody says that it is stored, and offers to copy it', async () => {
      const made = { key: answers.keys.keys[0], secret: 'psk_shown_once' };
      scripted['POST /keys'] = (route) => route.fulfill({ status: 201, json: made });
      await open('#/keys');
      await button('Create a key').click();
      await page.getByLabel('Name').fill('booking-service');
      await page.getByRole('checkbox').first().check();
      await button('Create').click();
      await hasFocus(page.getByRole('button', { name: 'Copy the key' }));
      await press('Enter', 'Escape', 'Escape', 'Escape');
      await page.waitForTimeout(300);
      expect(await dialog().getByText('psk_shown_once').isVisible()).toBe(true);
      await button('I have stored it').click();
      await dialog().waitFor({ state: 'detached' });
      await button('Create a key').click();
      await dialog('Create an API key').waitFor();
      await press('Escape');
      await dialog().waitFor({ state: 'detached' });
      await hasFocus(button('Create a key'));
    });

    it('whose request is running stays open, and its button looks as if it cannot be pressed', async () => {
      let running: Route | undefined;
      scripted['POST /refund'] = (route) => {
        running = route;
      };
      await open(refunded ?? '');
      await button('Refund').click();
      await page.getByLabel('Reason').fill('Cancelled');
      const selector = 'dialog button[type=submit]';
      const order = page.locator(selector);
      await order.click();
      await order.and(page.locator('[aria-disabled]')).waitFor();
      await page.mouse.move(0, 0);
      const colour = await styleOf(selector, 'backgroundColor');
      expect(colour).toMatch(/^rgb/);
      await order.hover({ force: true });
      expect(await styleOf(selector, 'backgroundColor')).toBe(colour);
      expect(await styleOf(selector, 'transitionDuration')).toBe('0s');
      await page.getByLabel('Reason').focus();
      await press('Escape', 'Escape', 'Escape');
      await page.waitForTimeout(300);
      expect(await dialog().isVisible()).toBe(true);
      await running?.abort();
      await dialog().getByText('No response: the refund may have gone through').waitFor();
    });

    it('that asks to sign in again has its own name, over another one', async () => {
      const error = { code: 'UNAUTHORIZED', message: 'The API key was revoked', details: {} };
      scripted['POST /refund'] = (route) => route.fulfill({ status: 401, json: { error, timestamp: '' } });
      await open(refunded ?? '');
      await button('Refund').click();
      await page.getByLabel('Reason').fill('Cancelled');
      await dialog().locator('button[type=submit]').click();
      await dialog('Sign in again').waitFor();
    });

    it('announces what is missing, and says which fields it needs', async () => {
      await open('#/keys');
      await button('Create a key').click();
      await button('Create').click();
      await page.getByRole('alert').getByText('Enter a name').waitFor();
      await page.getByRole('alert').getByText('Choose at least one scope.').waitFor();
      const needed = await dialog()
        .locator('[aria-required]')
        .evaluateAll((all) => all.map(({ id }) => id));
      expect(needed).toEqual(['field-name', 'field-organisation']);
    });
  });

  describe('the menu of a small screen', () => {
    const navigation = () => page.getByRole('navigation', { name: 'Console' });
    beforeEach(async () => {
      await page.setViewportSize(SMALL);
      await open('#/payments');
      await button('Menu').click();
      await navigation().waitFor();
    });

    it('closes where somebody chooses the page that is shown', async () => {
      await navigation().getByRole('link', { name: 'Payments' }).click();
      await navigation().waitFor({ state: 'hidden' });
      await hasFocus(page.locator('h1'));
    });

    it('closes with Escape, which leads back to its button', async () => {
      await navigation().getByRole('link', { name: 'Payments' }).focus();
      await press('Escape');
      await navigation().waitFor({ state: 'hidden' });
      await hasFocus(button('Menu'));
    });
  });

  it('says that it cannot copy where the browser has no clipboard', async () => {
    await page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await open(refunded ?? '');
    await button('Copy the booking id').click();
    await page.getByRole('status').getByText('The browser cannot copy: select the text').waitFor();
  });

  it('announces how many payments a search found', async () => {
    const status = page.getByRole('status');
    await open('#/find?q=BOOK');
    await status.getByText('10 payments found').waitFor();
    scripted['GET /transactions'] = (route) => route.fulfill({ json: { transactions: [], next_cursor: null } });
    await open('#/find?q=NOTHING');
    await status.getByText('Nothing found').waitFor();
  });

  it('writes numbers and times as its English texts have them, whatever the language of the browser', async () => {
    await use({ locale: 'de-DE' });
    await open('#/gateways');
    await says('810 ms median, 4,120 ms p95');
    await says('90.3%');
    await says('1,990');
  });

  it('does not say that a database is healthy before anything was measured', async () => {
    const database = { number: 0, bytes: 1000, max_bytes: 10_000, cron_ran_at: null, jobs: [], problem: null };
    scripted['GET /databases'] = (route) => route.fulfill({ json: { databases: [database] } });
    await open('#/databases');
    await says('Not measured yet');
    expect(await page.getByText('Healthy').count()).toBe(0);
  });

  it('says of the figures in an alert when they were written', async () => {
    await open('#/');
    await says('Figures from when it began, 2 h ago');
  });
});
