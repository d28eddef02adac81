/**
 * `npm run bench`: measures the figures that the service is judged by, on this machine, prints them as a table, and keeps them in
 * `bench/results.json`, which has the figures of whole runs only. Figures of a shared machine are for comparison only; ratios and counts hold everywhere.
 */
import { rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { endedByPerson } from '../scripts/processes.ts';
import { type Broker, HOW_TO_GET_A_BROKER, startBroker } from '../scripts/rabbitmq.ts';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { withProgress } from '../src/local/progress.ts';
import { runDirectory } from '../test/support/run.ts';
import { type Figure, type Measured, NotMeasurable } from './figure.ts';
import { archivedAudit } from './figures/archived-audit.ts';
import { bridge } from './figures/bridge.ts';
import { cost } from './figures/cost.ts';
import { cpu } from './figures/cpu.ts';
import { jobs } from './figures/jobs.ts';
import { latency } from './figures/latency.ts';
import { outage } from './figures/outage.ts';
import { overhead } from './figures/overhead.ts';
import { peer } from './figures/peer.ts';
import { rows } from './figures/rows.ts';
import { search } from './figures/search.ts';
import { tenMillion } from './figures/ten-million.ts';
import { worldwide } from './figures/worldwide.ts';
import { writer } from './figures/writer.ts';
import { keepFigure, readFigures } from './results.ts';
import { tableOf } from './table.ts';

/** In the order in which they are measured: later ones read earlier ones. */
const FIGURES: readonly Figure[] = [
  overhead,
  cpu,
  writer,
  rows,
  search,
  jobs,
  bridge,
  latency,
  peer,
  cost,
  worldwide,
  outage,
  archivedAudit,
  tenMillion,
];
const NAMES = FIGURES.map(({ name }) => name);
const RESULTS = 'bench/results.json';
const LONG = FIGURES.filter(({ isLong }) => isLong).map(({ name }) => name);

const program = new Command('npm run bench --')
  .description(`Measures ${NAMES.join(', ')} on this machine, and prints each figure with what it must reach.`)
  .option('--only <names>', `figures to measure, separated by commas: ${NAMES.join(',')}`, readNames)
  .option('--quick', 'a shorter, less exact run of about two minutes, for CI, whose figures are printed only')
  .option(
    '--out <file>',
    `where the figures are kept; those that are not measured stay in it (default: ${RESULTS}, unless it is a quick run)`,
  );
const options = optionsOf<{ only?: string[]; quick?: true; out?: string }>(program, {
  examples: [
    ['', `all figures but ${LONG.join(' and ')}, in less than ten minutes`],
    [`--only ${LONG.join()}`, 'those, in some minutes each'],
    ['--only bridge,latency', 'two of them'],
    ['--quick', 'as CI runs it'],
  ],
  exitCodes: [
    [0, 'measured, whether or not the targets were reached'],
    [1, 'a figure could not be measured, or the run was ended early'],
    [EXIT_FAILED, 'an argument was refused'],
  ],
});

const [load = 0] = loadavg();
if (load > cpus().length / 2) {
  console.error(`This machine is busy (load ${load.toFixed(1)}): figures in time are worse than on an idle one.\n`);
}

// What has been started ends with this, also when it is ended early.
const ended = endedByPerson();
const quick = options.quick ?? false;
let broker: Promise<Broker | null> | undefined;
const keptIn = options.out ?? (quick ? null : RESULTS);
const earlier = new Map<string, Measured>(Object.entries(await readFigures(keptIn ?? RESULTS)));
try {
  for (const figure of FIGURES) {
    const isWanted = options.only?.includes(figure.name) ?? (quick || !figure.isLong);
    if (!isWanted) continue;
    if (ended.aborted) break;
    await measure(figure);
  }
} finally {
  await (await broker?.catch(() => null))?.remove();
}
if (ended.aborted) {
  console.error('Ended before everything was measured.');
  process.exitCode = 1;
}
// Neither a connection nor a timer of a measurement may hold the process.
process.exit();

async function measure(figure: Figure): Promise<void> {
  try {
    const measured = await withProgress(figure.title, (progress) =>
      figure.measure({ quick, progress, signal: ended, earlier, brokerUrl }),
    );
    if (ended.aborted) return; // it has measured less than its lines say
    earlier.set(figure.name, measured);
    if (keptIn !== null) await keepFigure(keptIn, figure.name, measured, quick);
    console.log(tableOf(figure.title, measured.lines));
  } catch (error) {
    if (ended.aborted) return;
    const isExpected = error instanceof NotMeasurable;
    console.error(
      `${figure.name}: not measured: ${isExpected ? error.message : error instanceof Error ? error.stack : error}\n`,
    );
    process.exitCode = 1;
  }
}

/** The RabbitMQ of this run, started for the first figure that needs one. */
async function brokerUrl(): Promise<string> {
  broker ??= startBrokerOfRun();
  const started = await broker;
  if (started === null) throw new NotMeasurable(`a RabbitMQ is needed: ${HOW_TO_GET_A_BROKER}`);
  return started.url;
}

async function startBrokerOfRun(): Promise<Broker | null> {
  const directory = runDirectory('bench-broker');
  const started = await startBroker({ directory, signal: ended });
  if (started === null) await rm(directory, { recursive: true, force: true });
  return started;
}

function readNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no figure ${unknown}: ${NAMES.join(', ')}.`);
  return names;
}
