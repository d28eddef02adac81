/**
 * `payctl gateway-check`: tests the adapters against the providers' own test environments, with a person's own test keys, and prints a
 * table of expected and actual results. It charges and refunds test money only: live keys are refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { type Progress, withProgress } from '../../local/progress.ts';
import { addJsonOption } from '../arguments.ts';
import { type Check, gotText, outcomeOf, runChecks } from '../gateway-check/check.ts';
import { checkSettings } from '../gateway-check/check-settings.ts';
import type { Approval } from '../gateway-check/paypal-checks.ts';
import { printJson, printTable } from '../output.ts';

const EXIT_NOT_AS_EXPECTED = 1;
const POLL_INTERVAL_MS = 1_000;
const APPROVAL_SECONDS = 300;
const APPROVAL_SECONDS_MAX = 3_600;

const MARKS = { ok: 'ok', not_ok: 'NOT OK', skipped: 'skipped' };

interface Options {
  approvalSeconds: number;
  json?: true;
}

interface Provider {
  name: 'Stripe' | 'PayPal';
  apiUrl: string;
  checks: (progress: Progress) => AsyncIterable<Check>;
}

export function addGatewayCheck(program: Command): void {
  const command = program
    .command('gateway-check')
    .summary('Tests Stripe and PayPal with your own test keys.')
    .description(
      'Tests Stripe and PayPal with your own test keys, from the environment or .dev.vars, and prints expected and actual results. Charges and refunds test money, outside the ledger.',
    )
    .option(
      '--approval-seconds <seconds>',
      `how long to wait for you to approve the PayPal order; 0 skips the tests that need it`,
      readSeconds,
      APPROVAL_SECONDS,
    )
    .action(run);
  addJsonOption(command);
  documented(command, {
    examples: [
      ['gateway-check', 'all tests; prints a link to approve the order at PayPal'],
      ['gateway-check --approval-seconds 0 --json', 'without approval, as JSON'],
    ],
    exitCodes: [
      [0, 'all as expected'],
      [EXIT_NOT_AS_EXPECTED, 'not all as expected'],
      [EXIT_FAILED, 'nothing to test, or an argument was refused'],
    ],
  });
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds > APPROVAL_SECONDS_MAX) {
    throw new InvalidArgumentError(`It must be a whole number of seconds, 0 to ${APPROVAL_SECONDS_MAX}.`);
  }
  return seconds;
}

async function run({ approvalSeconds, json }: Options): Promise<void> {
  const read = checkSettings(process.env);
  if (read.kind === 'invalid') throw new Error(read.problems.join('\n'));
  const { stripe, paypal } = read.settings;
  // Loaded late: no other command needs the adapters.
  const [{ stripeChecks }, { paypalChecks }] = await Promise.all([
    import('../gateway-check/stripe-checks.ts'),
    import('../gateway-check/paypal-checks.ts'),
  ]);
  const providers: Provider[] = [];
  if (stripe !== null) providers.push({ name: 'Stripe', apiUrl: stripe.apiUrl, checks: () => stripeChecks(stripe) });
  else if (!json) console.log('Stripe: STRIPE_SECRET_KEY is not set, so it is not tested.\n');
  if (paypal !== null) {
    const checks = (progress: Progress) => paypalChecks(paypal, approvalWithin(approvalSeconds, progress));
    providers.push({ name: 'PayPal', apiUrl: paypal.apiUrl, checks });
  } else if (!json) console.log('PayPal: PAYPAL_CLIENT_ID is not set, so it is not tested.\n');

  const results: { provider: string; api_url: string; checks: Check[] }[] = [];
  for (const { name, apiUrl, checks } of providers) {
    const ran = await withProgress(`Testing ${name}`, (progress) =>
      runChecks(checks(progress), (done) => progress.at(done)),
    );
    results.push({ provider: name, api_url: apiUrl, checks: ran });
    if (!json) print(name, apiUrl, ran);
  }
  if (json) printJson(results.map((result) => ({ ...result, checks: result.checks.map(asJson) })));
  if (results.some(({ checks }) => checks.some(({ passed }) => passed === false))) {
    process.exitCode = EXIT_NOT_AS_EXPECTED;
  }
}

function asJson(check: Check) {
  return { what: check.what, expected: check.expected, got: gotText(check), outcome: outcomeOf(check) };
}

function print(name: string, apiUrl: string, checks: readonly Check[]): void {
  console.log(`${name}, at ${apiUrl}`);
  printTable(
    ['RESULT', 'TEST', 'EXPECTED'],
    checks.map((check) => [
      MARKS[outcomeOf(check)],
      check.what,
      check.passed === true ? check.expected : `${check.expected}; actual: ${gotText(check)}`,
    ]),
  );
  const count = (outcome: ReturnType<typeof outcomeOf>) =>
    checks.filter((check) => outcomeOf(check) === outcome).length;
  console.log(`${count('ok')} as expected, ${count('not_ok')} not, ${count('skipped')} skipped\n`);
}

/** Has the person approve an order as its payer. */
function approvalWithin(seconds: number, progress: Progress): Approval {
  return async (link, isApproved) => {
    if (seconds === 0) return false;
    progress.note(`Approve this order as a payer of PayPal's sandbox, within ${seconds} s: ${link}`);
    const deadlineMs = performance.now() + seconds * 1000;
    while (performance.now() < deadlineMs) {
      if (await isApproved()) return true;
      await sleep(POLL_INTERVAL_MS);
    }
    return false;
  };
}
