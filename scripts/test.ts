/**
 * `npm test` and `npm run test:long`: find a way to a RabbitMQ of their own, run the tests, and search all that was written
 * meanwhile, the databases, the broker's files, the events and the logs, for card data. They touch no broker, no database and no
 * settings of a developer. Arguments are vitest's own, such as the name of a file.
 */
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { searchCardData } from '../test/support/card-data.ts';
import { killGroupsOf } from '../test/support/groups.ts';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from './chromium.ts';
import { endedByPerson, startProcess } from './processes.ts';
import { HOW_TO_GET_PROMETHEUS, prometheusOfMachine } from './prometheus.ts';
import { type Broker, endBrokersBelow, HOW_TO_GET_A_BROKER, startBroker } from './rabbitmq.ts';
import { LANES, type Lane } from './test-lanes.ts';

const directory = resolve('.test-run');
/** What is long by nature: each fault at each call, thousands of hostile requests, defects planted one by one, whole deployments. */
const LONG_TESTS = '.long.test.ts';
const WHOLE_PATH = 'end-to-end';
/** A niceness, as of nice(1). */
const GIVES_WAY = 5;
/** Of the end of a run that failed, where vitest says what failed and why. */
const LINES_TOLD_AGAIN = 80;

const isLong = process.argv[2] === '--long';
const kind = isLong ? 'long' : 'quick';
const asked = process.argv.slice(isLong ? 3 : 2);
const ended = endedByPerson();
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // what npm read from

await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });

/** The last lines of each run that failed: above them, other runs have written much. */
const failures: string[] = [];
let broker: Broker | null = null;
let passed = false;
try {
  broker = await startBroker({ directory: `${directory}/rabbitmq`, signal: ended });
  if (broker !== null) console.log(`RabbitMQ for the tests: ${broker.how}`);
  else console.error(`The tests need a RabbitMQ: ${HOW_TO_GET_A_BROKER}`);
  if (kind === 'long' && chromiumOfMachine() === null) {
    console.error(
      `The tests of the checkout demo and of the documentation need a browser, and are skipped: ${HOW_TO_GET_CHROMIUM}`,
    );
  }
  if (prometheusOfMachine() === null) {
    console.error(
      `The tests of the alert rules and of the dashboard need Prometheus, and are skipped: ${HOW_TO_GET_PROMETHEUS}`,
    );
  }
  // Of the tests that were asked for, none may need it.
  if (broker !== null || asked.length > 0) passed = await runTests(broker);
} catch (error) {
  if (!ended.aborted) throw error;
} finally {
  // Of a run that was ended half-way, its tests have had no chance to end what they started.
  killGroupsOf(directory);
  await broker?.stop();
  await endBrokersBelow(directory);
}

if (!ended.aborted) {
  const { files, bytes, hits } = await searchCardData(directory);
  for (const hit of hits) console.error(`card data: ${hit}`);
  console.log(`Searched ${files} files (${bytes} bytes) of this run for card data: ${hits.length} hits`);
  passed &&= hits.length === 0;
}
if (passed) {
  await broker?.remove();
  await rm(directory, { recursive: true, force: true });
} else {
  for (const failure of failures) console.error(failure);
  console.error(`What the run wrote is in ${directory}`);
}
process.exit(passed ? 0 : 1);

/** What is asked for, or all of a kind. The whole path has deadlines of seconds, so all else gives way to it. */
async function runTests(broker: Broker | null): Promise<boolean> {
  if (asked.length > 0) return runVitest(asked, broker);
  const which = kind === 'long' ? [LONG_TESTS] : ['--exclude', `**/*${LONG_TESTS}`];
  const runOf = (projects: readonly string[]) => {
    const isWholePath = projects.includes(WHOLE_PATH);
    // Two of its long ones at once can miss their deadlines on two cores.
    const oneByOne = isLong && isWholePath ? ['--no-file-parallelism'] : [];
    const chosen = projects.flatMap((project) => ['--project', project]);
    return runVitest([...chosen, ...oneByOne, ...which], broker, isWholePath ? 0 : GIVES_WAY);
  };
  const passed: boolean[] = [];
  const runLane = async (runs: Lane) => {
    for (const projects of runs) passed.push(await runOf(projects));
  };
  await Promise.all(LANES[kind].map(runLane));
  return passed.every(Boolean);
}

async function runVitest(args: string[], broker: Broker | null, niceness = 0): Promise<boolean> {
  const lines: string[] = [];
  const vitest = startProcess(['node_modules/vitest/vitest.mjs', 'run', ...args], {
    cwd: process.cwd(),
    env: {
      TEST_RUN_DIRECTORY: directory,
      ...(broker !== null && { TEST_RABBITMQ_URL: broker.url }),
      ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
    },
    onLine: (line) => {
      console.log(line);
      lines.push(line);
    },
    niceness,
  });
  ended.addEventListener('abort', () => void vitest.stop());
  if (ended.aborted) await vitest.stop();
  const how = await vitest.ended;
  if (how === 'exit code 0') return true;
  if (asked.length === 0) failures.push([`\nvitest ${args.join(' ')}: ${how}`, ...lines.slice(-LINES_TOLD_AGAIN)].join('\n'));
  return false;
}
