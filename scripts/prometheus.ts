/** Prometheus of the machine: the server with which the metrics are scraped in a test, and `promtool`, which checks the rules. */
import { programInPath } from './program-in-path.ts';

/** What to do where there is none. */
export const HOW_TO_GET_PROMETHEUS =
  'install Prometheus with promtool (on Debian, `npm run install:prometheus` does that, as root)';

/** Its programs, or null where one of them is missing. */
export function prometheusOfMachine(): { prometheus: string; promtool: string } | null {
  const prometheus = programInPath(['prometheus']);
  const promtool = programInPath(['promtool']);
  return prometheus === null || promtool === null ? null : { prometheus, promtool };
}
