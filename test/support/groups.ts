/** The process groups of a run, so that a run which is ended half-way can end them too. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const fileIn = (directory: string) => join(directory, 'process-groups');
const ofThisRun = () => fileIn(resolve(process.env.TEST_RUN_DIRECTORY ?? '.test-run'));

export function rememberGroup(leader: number): void {
  appendFileSync(ofThisRun(), `${leader} started\n`);
}

/** Once it has ended: its id may be given to another process. */
export function forgetGroup(leader: number): void {
  appendFileSync(ofThisRun(), `${leader} ended\n`);
}

/** Kills the groups of a run that have not ended. */
export function killGroupsOf(directory: string): void {
  if (!existsSync(fileIn(directory))) return;
  const left = new Set<string>();
  for (const line of readFileSync(fileIn(directory), 'utf8').split('\n')) {
    const [leader = '', event] = line.split(' ');
    if (event === 'started') left.add(leader);
    else left.delete(leader);
  }
  for (const leader of left) {
    try {
      process.kill(-Number(leader), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
