/** What a test run was given by `npm test`: a broker, and a directory for all that it makes. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The address of the run's RabbitMQ. A test that needs one fails without it: nothing is skipped in silence. */
export function rabbitmqUrl(): string {
  const url = process.env.TEST_RABBITMQ_URL;
  if (!url) throw new Error('this test needs a RabbitMQ: run it with `npm test`, which starts one');
  return url;
}

/** A new directory of the run, for one service's state and logs. What is in it is searched for card data afterwards. */
export function runDirectory(name: string): string {
  const directory = join(
    resolve(process.env.TEST_RUN_DIRECTORY ?? '.test-run'),
    `${name}-${process.pid}-${Date.now()}`,
  );
  mkdirSync(directory, { recursive: true });
  return directory;
}
