/** How a command ends that has ordered something: by what came of the order, whatever fails after it was sent. */
import { onInterruption } from './interruptions.ts';

/** What is known of the order so far. */
export interface Ending {
  exitCode: number;
  sentence: string;
}

/**
 * From now on, the process ends with the exit code of `ending`, which the caller keeps up to date: after a signal, if its output cannot be
 * written, and if the database cannot be closed.
 *
 * @returns takes that back, where nothing was ordered after all
 */
export function exitAsOrdered(ending: Ending): () => void {
  const keepExitCode = () => {
    process.exitCode = ending.exitCode;
  };
  const outputLost = ({ message }: Error) =>
    console.error(`The output could not be written: ${message}\n${ending.sentence}`);
  // A closed standard error has no reader to report that to, and must not end the process.
  const nobodyReads = () => {};
  process.on('exit', keepExitCode);
  process.stdout.prependListener('error', outputLost);
  process.stderr.on('error', nobodyReads);
  const stopListening = onInterruption(() => {
    console.error(`\nInterrupted. ${ending.sentence}`);
    process.exit(ending.exitCode);
  });
  return () => {
    process.off('exit', keepExitCode);
    process.stdout.off('error', outputLost);
    process.stderr.off('error', nobodyReads);
    stopListening();
  };
}
