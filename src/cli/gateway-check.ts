/**
 * `npm run gateway:check`: tries the adapters out at the providers' own test environments, with a person's own test keys, and
 * prints a table of what was expected and what came. It charges and refunds test money only: live keys are refused.
 *
 * Exit code 0: all as expected; 1: not; 2: there is nothing to try.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Check, runChecks } from './gateway-check/check.ts';
import { checkSettings } from './gateway-check/check-settings.ts';
import { paypalChecks } from './gateway-check/paypal-checks.ts';
import { stripeChecks } from './gateway-check/stripe-checks.ts';

const USAGE = 'Usage: npm run gateway:check -- [--approval-seconds 300]';
const EXIT_NOTHING_TO_TRY = 2;
const POLL_INTERVAL_MS = 1_000;

const options = readOptions();
if (options === null) {
  console.error(USAGE);
  process.exit(EXIT_NOTHING_TO_TRY);
}
const read = checkSettings(process.env);
if (read.kind === 'invalid') {
  for (const problem of read.problems) console.error(problem);
  process.exit(EXIT_NOTHING_TO_TRY);
}
const { stripe, paypal } = read.settings;
let asExpected = true;
if (stripe !== null) asExpected = (await show('Stripe', stripe.apiUrl, stripeChecks(stripe))) && asExpected;
else console.log('Stripe: STRIPE_SECRET_KEY is not set, so it is not tried.\n');
if (paypal !== null) asExpected = (await show('PayPal', paypal.apiUrl, paypalChecks(paypal, approval))) && asExpected;
else console.log('PayPal: PAYPAL_CLIENT_ID is not set, so it is not tried.\n');
process.exitCode = asExpected ? 0 : 1;

async function show(provider: string, url: string, checks: AsyncIterable<Check>): Promise<boolean> {
  console.log(`${provider}, at ${url}`);
  return runChecks(checks, console.log);
}

/** Has the person approve an order as its payer. @returns whether that was done in time */
async function approval(link: string, isApproved: () => Promise<boolean>): Promise<boolean> {
  const seconds = options?.approvalSeconds ?? 0;
  if (seconds === 0) return false;
  console.log(`  Approve this order as a payer of PayPal's sandbox, within ${seconds} s: ${link}`);
  const deadlineMs = performance.now() + seconds * 1000;
  while (performance.now() < deadlineMs) {
    if (await isApproved()) return true;
    await sleep(POLL_INTERVAL_MS);
  }
  return false;
}

function readOptions(): { approvalSeconds: number } | null {
  try {
    const { values } = parseArgs({ options: { 'approval-seconds': { type: 'string', default: '300' } } });
    const approvalSeconds = Number(values['approval-seconds']);
    return Number.isInteger(approvalSeconds) && approvalSeconds >= 0 && approvalSeconds <= 3_600
      ? { approvalSeconds }
      : null;
  } catch {
    return null;
  }
}
