/**
 * `npm test`: finds a way to a RabbitMQ of its own, runs everything, and searches all that was written meanwhile, the
 * databases, the broker's files, the events and the logs, for card data. It touches no broker, no database and no
 * settings of a developer.
 */
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { searchCardData } from '../test/support/card-data.ts';
import { killGroupsOf } from '../test/support/groups.ts';
import { startProcess, whenNpmIsGone } from './processes.ts';
import { type Broker, canInstallBroker, endBrokersBelow, installBroker, startBroker } from './rabbitmq.ts';

const directory = resolve('.test-run');
const HOW_TO_GET_ONE = 'start Docker, or install rabbitmq-server (Debian: apt-get install rabbitmq-server)';

await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopping.abort());
whenNpmIsGone(() => stopping.abort());
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // what npm read from

let broker: Broker | null = null;
let passed = false;
try {
  broker = await findBroker();
  if (broker === null) {
    console.error(`No RabbitMQ can be had here, so the tests that need one will fail: ${HOW_TO_GET_ONE}.`);
  } else console.log(`RabbitMQ for the tests: ${broker.how}`);
  passed = await runTests(broker);
} finally {
  // Of a run that was ended half-way, its tests have had no chance to end what they started.
  killGroupsOf(directory);
  await broker?.stop();
  await endBrokersBelow(directory);
}

if (!stopping.signal.aborted) {
  const { files, bytes, hits } = await searchCardData(directory);
  for (const hit of hits) console.error(`card data: ${hit}`);
  console.log(`Searched ${files} files (${bytes} bytes) of this run for card data: ${hits.length} hits`);
  passed &&= hits.length === 0;
}
if (passed) {
  await broker?.remove();
  await rm(directory, { recursive: true, force: true });
} else console.error(`What the run wrote is in ${directory}`);
process.exit(passed ? 0 : 1);

/** What is asked for, or everything, the whole path beside all else: it waits more than it works. */
async function runTests(broker: Broker | null): Promise<boolean> {
  const asked = process.argv.slice(2);
  const runs =
    asked.length > 0
      ? [asked]
      : [
          ['--project', 'end-to-end'],
          ['--project', '!end-to-end'],
        ];
  const passed = await Promise.all(runs.map((args) => runVitest(args, broker)));
  return passed.every(Boolean);
}

async function runVitest(args: string[], broker: Broker | null): Promise<boolean> {
  const vitest = startProcess(['node_modules/vitest/vitest.mjs', 'run', ...args], {
    cwd: process.cwd(),
    env: {
      TEST_RUN_DIRECTORY: directory,
      ...(broker !== null && { TEST_RABBITMQ_URL: broker.url }),
      ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
    },
    onLine: console.log,
  });
  stopping.signal.addEventListener('abort', () => void vitest.stop());
  if (stopping.signal.aborted) await vitest.stop();
  return (await vitest.ended) === 'exit code 0';
}

async function findBroker(): Promise<Broker | null> {
  const options = { directory: `${directory}/rabbitmq` };
  const found = await startBroker(options);
  if (found !== null || !canInstallBroker()) return found;
  console.log('Installing rabbitmq-server …');
  await installBroker();
  return startBroker(options);
}
