/** `npm run smoke-test`: whether a deployed service works. The key is read from the environment, since arguments are in the list of processes. */
import { Command, InvalidArgumentError } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { type CheckResult, smokeTest } from './smoke-checks.ts';

const { url, version } = optionsOf<{ url: string; version?: string }>(
  new Command('npm run smoke-test --')
    .description(
      'Checks a deployed service. With an API key in SMOKE_TEST_KEY it also pays and refunds, if the sandbox takes cards there. Otherwise it only reads.',
    )
    .requiredOption('--url <address>', 'of the service', readUrl)
    .option('--version <id>', 'waits until this version answers, as `npm run deployed-version` prints it'),
  {
    examples: [['--url https://payment-service-staging.example.workers.dev', 'staging']],
    exitCodes: [
      [0, 'every check passed or was skipped'],
      [1, 'a check failed'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  },
);
const results = await smokeTest(url, process.env.SMOKE_TEST_KEY?.trim() || null, version || null);
console.log(tableOf(results));
process.exit(results.some(({ outcome }) => outcome === 'failed') ? 1 : 0);

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !isLocal)) {
    throw new InvalidArgumentError('It must be an https address, or one of this machine.');
  }
  return url.href.replace(/\/+$/, '');
}

function tableOf(checks: readonly CheckResult[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, outcome, detail, tookMs }) =>
      `${outcome.padEnd(7)}  ${name.padEnd(width)}  ${`${tookMs} ms`.padStart(9)}  ${detail}`.trimEnd(),
    )
    .join('\n');
}
