/**
 * `npm run screenshots`: makes the pictures of the documentation from the running service, in the machine's Chromium. Broker, database and
 * ports are its own.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../../src/local/command.ts';
import { chromiumOfMachine, HOW_TO_GET_CHROMIUM } from '../chromium.ts';
import { endedByPerson } from '../processes.ts';
import { HOW_TO_GET_A_BROKER, startBroker } from '../rabbitmq.ts';
import { launchBrowser } from './browser.ts';
import { createCamera } from './camera.ts';
import { takeConsolePictures } from './console.ts';
import { takeDeskPictures } from './desk.ts';
import { IMAGES } from './pictures.ts';

const options = optionsOf<{ out: string }>(
  new Command('npm run screenshots --')
    .description('Makes the pictures of the documentation from the running service, in about two minutes.')
    .option('--out <directory>', 'where the pictures are written', IMAGES),
  {
    examples: [
      ['', `write them into ${IMAGES}`],
      ['--out pictures', 'write them elsewhere, to look at them first'],
    ],
    exitCodes: [
      [0, 'each picture is written'],
      [1, 'a part of the service did not come up, or a page was not as expected'],
      [EXIT_FAILED, 'Chromium or RabbitMQ is missing, or an argument was refused'],
    ],
  },
);

const program = chromiumOfMachine();
if (program === null) fail(`The pictures need a browser: ${HOW_TO_GET_CHROMIUM}`);
const ended = endedByPerson();
const directory = mkdtempSync(join(tmpdir(), 'payment-service-screenshots-'));
mkdirSync(options.out, { recursive: true });

const cleanUp: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
try {
  const broker = await startBroker({ directory: join(directory, 'rabbitmq'), signal: ended });
  if (broker === null) fail(`The service needs a RabbitMQ: ${HOW_TO_GET_A_BROKER}`);
  cleanUp.push(() => broker.remove());
  const browser = await launchBrowser(program, directory);
  cleanUp.push(() => browser.close());
  const camera = createCamera(browser, options.out);
  await takeDeskPictures(camera, broker.url);
  await takeConsolePictures(camera, broker.url);
} finally {
  for (const release of cleanUp.toReversed()) await release();
}
process.exit(0);

function fail(why: string): never {
  console.error(why);
  process.exit(EXIT_FAILED);
}
