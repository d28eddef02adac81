/** What a command still has to do when it is told to end: by Ctrl-C, by whoever started it, or because its terminal was closed. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `end`, which ends the process.
 *
 * @param end gets the exit code by which a shell knows the signal
 * @returns stops listening
 */
export function onInterruption(end: (exitCode: number) => void): () => void {
  const listeners = SIGNALS.map((signal) => [signal, () => end(128 + constants.signals[signal])] as const);
  // Wrangler listens as well, and its listener ends the process.
  for (const [signal, listener] of listeners) process.prependListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
