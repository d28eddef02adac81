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
import { endedByPerson } from './processes.ts';
import { HOW_TO_GET_PROMETHEUS, prometheusOfMachine } from './prometheus.ts';
import { type Broker, endBrokersBelow, HOW_TO_GET_A_BROKER, startBroker } from './rabbitmq.ts';
import { LANES, type Lane } from './test-lanes.ts';
import { runVitest, type VitestRun } from './vitest-run.ts';

const directory = resolve('.test-run');
/** What is long by nature: each fault at each call, thousands of hostile requests, defects planted one by one, whole deployments. */
const LONG_TESTS = '.long.test.ts';
const WHOLE_PATH = 'end-to-end';
/** A niceness, as of nice(1). */
const GIVES_WAY = 5;
/** If more fail, something is broken rather than slow. */
const FILES_RUN_AGAIN = 3;

const isLong = process.argv[2] === '--long';
const kind = isLong ? 'long' : 'quick';
const asked = process.argv.slice(isLong ? 3 : 2);
const ended = endedByPerson();
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // what npm read from

await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });

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
} else console.error(`What the run wrote is in ${directory}`);
process.exit(passed ? 0 : 1);

/** What is asked for, or all of a kind. The whole path has deadlines of seconds, so all else gives way to it. */
async function runTests(broker: Broker | null): Promise<boolean> {
  const env = {
    TEST_RUN_DIRECTORY: directory,
    ...(broker !== null && { TEST_RABBITMQ_URL: broker.url }),
    ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
  };
  const common = { env, signal: ended };
  if (asked.length > 0) return (await runVitest(asked, { ...common, asksForFiles: false })).passed;

  const which = kind === 'long' ? [LONG_TESTS] : ['--exclude', `**/*${LONG_TESTS}`];
  const runOf = (projects: readonly string[]) => {
    const isWholePath = projects.includes(WHOLE_PATH);
    // Two of its long ones at once can miss their deadlines on two cores.
    const oneByOne = isLong && isWholePath ? ['--no-file-parallelism'] : [];
    const chosen = projects.flatMap((project) => ['--project', project]);
    const options = { ...common, asksForFiles: true, niceness: isWholePath ? 0 : GIVES_WAY };
    return runVitest([...chosen, ...oneByOne, ...which], options);
  };
  const runs: VitestRun[] = [];
  const runLane = async (lane: Lane) => {
    for (const projects of lane) runs.push(await runOf(projects));
  };
  await Promise.all(LANES[kind].map(runLane));

  const failed = runs.filter(({ passed }) => !passed);
  if (failed.length === 0) return true;
  if (await passAlone(failed, common)) return true;
  // Above, other runs have written much.
  for (const { account } of failed) console.error(`\n${account}`);
  return false;
}

/** Whether the few files that failed beside others pass alone: deadlines can pass on a machine that several runs share. */
async function passAlone(
  failed: readonly VitestRun[],
  common: { env: Record<string, string>; signal: AbortSignal },
): Promise<boolean> {
  const files = failed.flatMap(({ failedFiles }) => failedFiles);
  const isBroken = failed.some(({ failedFiles }) => failedFiles.length === 0) || files.length > FILES_RUN_AGAIN;
  if (isBroken || ended.aborted) return false;
  console.error(`Failed beside other runs, and run again alone: ${files.join(' ')}`);
  const { passed } = await runVitest([...files, '--no-file-parallelism'], { ...common, asksForFiles: false });
  console.error(`${passed ? 'Passed' : 'Failed again'} alone: ${files.join(' ')}`);
  return passed;
}
