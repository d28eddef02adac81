/** The documentation at /docs, used in a real browser as a person uses it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from '../../scripts/chromium.ts';
import { freePort } from '../../scripts/free-port.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { until } from '../support/child.ts';
import { runDirectory } from '../support/run.ts';
import { prepareDatabase, startWorker, type WorkerProcess } from '../support/worker.ts';

/** Of one step in the browser, on a machine that has other things to do. */
const STEP_DEADLINE_MS = 20_000;
const SMALLEST = { width: 360, height: 740 };
/** Chromium's own line of a response that refuses something. */
const REFUSED = /^Failed to load resource: .* status of 400 /;

const program = chromiumOfMachine();
const title =
  program === null ? `the documentation, which needs a browser: ${HOW_TO_GET_CHROMIUM}` : 'the documentation';

describe.skipIf(program === null)(title, () => {
  const directory = runDirectory('docs');
  let worker: WorkerProcess;
  let browser: Browser;
  let page: Page;
  /** What the console has said, and what was asked of others. */
  let complaints: string[];

  beforeAll(async () => {
    prepareDatabase(directory);
    worker = await startWorker({
      port: await freePort(),
      directory,
      variables: {
        ...LOCAL_VARIABLES,
        BRIDGE_URL: 'http://127.0.0.1:9',
        BRIDGE_SIGNING_SECRET: randomBytes(32).toString('base64'),
      },
    });
    browser = await chromium.launch({ executablePath: program ?? '' });
  });
  afterAll(async () => {
    await browser?.close();
    await worker?.child.stop();
  });

  beforeEach(async () => {
    complaints = [];
    const context = await browser.newContext();
    context.setDefaultTimeout(STEP_DEADLINE_MS);
    page = await context.newPage();
    // A violation of the Content-Security-Policy is a line of the console, too.
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== 'data:' && origin !== worker.url) complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(`${worker.url}/docs`);
  });
  afterEach(async () => {
    await page.context().close();
    expect(complaints.filter((complaint) => !REFUSED.test(complaint))).toEqual([]);
  });

  const operation = (name: string) => page.locator(`.opblock[id$="-${name}"]`);

  /** Opens the operation, chooses the example, and sends its request as it is. */
  async function tryOut(name: string, example?: string): Promise<{ code: string | null; body: string | null }> {
    const block = operation(name);
    await block.locator('.opblock-summary-control').click();
    const execute = block.getByRole('button', { name: 'Execute' });
    // While it still resolves the references of the operation, Swagger UI may draw the button anew under a click.
    await until('the request can be changed', async () => {
      const tryIt = block.getByRole('button', { name: 'Try it out' });
      if (await tryIt.isVisible()) await tryIt.click();
      return execute.isVisible();
    });
    if (example !== undefined) {
      await block.locator('.opblock-section-request-body .examples-select-element').selectOption({ label: example });
    }
    await execute.click();
    const live = block.locator('.live-responses-table tbody');
    await live.locator('.response-col_status').first().waitFor();
    return {
      code: await live.locator('.response-col_status').first().textContent(),
      body: await live.locator('.highlight-code').first().textContent(),
    };
  }

  it('pays by “Try it out”, without a change to the example', async () => {
    const { code, body } = await tryOut('processPayment');
    expect(code).toMatch(/^200/);
    expect(body).toContain('Payment processed successfully');
    await page.screenshot({ path: join(directory, 'docs.png') });
  });

  it('pays again after the page was loaded again: each time for another booking', async () => {
    expect((await tryOut('processPayment')).code).toMatch(/^200/);
    await page.goto(`${worker.url}/`);
    await page.goto(`${worker.url}/docs`);
    expect((await tryOut('processPayment')).code).toMatch(/^200/);
  });

  it.each([
    ['A card whose bank asks the payer to authenticate', /^202/, 'next_action'],
    ['A card that is declined', /^400/, 'CARD_DECLINED'],
  ])('%s: is answered as the example says', async (example, code, part) => {
    const answered = await tryOut('processPayment', example);
    expect(answered.code).toMatch(code);
    expect(answered.body).toContain(part);
  });

  it('searches', async () => {
    expect((await tryOut('searchTransactions')).code).toMatch(/^200/);
  });

  it('shows each operation, and leads back to the start page', async () => {
    await operation('processPayment').waitFor();
    expect(await page.locator('.opblock').count()).toBe(13);
    await page.getByRole('link', { name: 'Payment service' }).click();
    await page.getByRole('heading', { name: 'Payment service' }).waitFor();
    expect(page.url()).toBe(`${worker.url}/`);
    await page.getByRole('link', { name: 'Documentation' }).click();
    await operation('processPayment').waitFor();
  });

  it.each([
    ['light', false],
    ['dark', true],
  ] as const)('has the colours of a %s system, also where they change', async (colorScheme, isDark) => {
    await page.emulateMedia({ colorScheme: isDark ? 'light' : 'dark' });
    await operation('processPayment').waitFor();
    await page.emulateMedia({ colorScheme });
    await page.locator(isDark ? 'html.dark-mode' : 'html:not(.dark-mode)').waitFor();
  });

  it('fits a screen of 360 pixels', async () => {
    await page.setViewportSize(SMALLEST);
    await tryOut('processPayment');
    const width = await page.locator('html').evaluate((root) => root.scrollWidth);
    expect(width).toBe(SMALLEST.width);
  });
});
