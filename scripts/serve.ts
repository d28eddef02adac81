/**
 * What the container `payment-service` of compose.yaml runs: the Worker on workerd, with a local database and queues in one directory, for
 * development and CI. On Cloudflare, `npm run deploy` deploys it. Settings come from the environment. Missing secrets are generated once and kept
 * beside the database. SIGTERM ends it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { misspelledSettings } from '../src/contract/misspelled-settings.ts';
import { WORKER_SETTINGS } from '../src/core/settings/variables.ts';
import { completeDevVars, devVarsText, readDevVars } from '../src/local/dev-vars.ts';
import { PROJECT } from '../src/local/project.ts';
import { createOutput, workerLines } from './dev-output.ts';
import { prepareLocalDatabases } from './local-database.ts';
import { CRON_INTERVAL_MS, fireCron, startLocalWorker, untilWorkerAnswers } from './local-worker.ts';

const DEFAULT_PORT = '8003';
/** The pages are built with the image, by a Node that is not where this section looks for it. */
const BUILD_SECTION = /^\[(assets|build)\]\n(\w+ = .*\n)+/gm;

const output = createOutput({ json: true, colours: false });
const port = Number(process.env.PAYMENT_SERVICE_PORT ?? DEFAULT_PORT);
const data = process.env.PAYMENT_SERVICE_DATA ?? '/data';
const temporary = mkdtempSync(join(tmpdir(), 'payment-service-'));
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));

output.show('dev', {
  level: 'warn',
  text: 'The service runs on workerd with a local database: for development and CI, not for production. See docs/deploying.md',
});
for (const text of misspelledSettings(process.env, WORKER_SETTINGS)) output.show('dev', { level: 'warn', text });
mkdirSync(data, { recursive: true });
const notPrepared = prepareLocalDatabases(data);
if (notPrepared !== null) end(notPrepared);

const stopping = new AbortController();
let answered = false;
const worker = startLocalWorker({
  port,
  persistTo: data,
  args: ['--ip', '0.0.0.0', '--config', configuration()],
  onLine: workerLines(() => answered, output),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());
void worker.ended.then((how) => {
  if (!stopping.signal.aborted) end(`wrangler dev has ended by itself: ${how}`);
});
const problem = await untilWorkerAnswers(port, stopping.signal);
if (problem !== null) {
  await worker.stop();
  end(problem);
}
answered = true;
output.tell('service.ready', '', { port, data });
// Sends what waited during the last stop now, not at the next full minute.
void fireCron(port);
setInterval(() => void fireCron(port), CRON_INTERVAL_MS);

/** wrangler.toml without the pages and their build, which the command line names, and beside it the variables, where wrangler looks for them. */
function configuration(): string {
  const path = join(temporary, 'wrangler.toml');
  writeFileSync(path, readFileSync(join(PROJECT, 'wrangler.toml'), 'utf8').replace(BUILD_SECTION, ''));
  writeFileSync(join(temporary, '.dev.vars'), devVarsText(variables()), { mode: 0o600 });
  return path;
}

/** The variables of the environment. Those that it lacks come from the file beside the database. */
function variables(): Record<string, string | undefined> {
  const kept = join(data, 'variables');
  const made = completeDevVars(kept);
  if (made.length > 0) output.show('dev', { level: 'info', text: `${kept}: wrote ${made.join(', ')}` });
  const given = Object.entries(process.env).filter(([name]) => WORKER_SETTINGS.has(name));
  return { ...readDevVars(kept), ...Object.fromEntries(given) };
}

async function stop(): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort();
  await worker.stop();
  process.exit(0);
}

function end(why: string): never {
  output.show('dev', { level: 'error', text: why });
  process.exit(1);
}
