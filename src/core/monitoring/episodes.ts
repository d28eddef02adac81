/**
 * How a run of the cron changes the episodes of alerts. Pure. An alert begins when it is due in two runs, or for longer, and ends when it has not
 * been due for five minutes, so that a restart of the bridge makes no message, and a rate around its limit makes one instead of ten.
 */
import type { AlertName } from '../../contract/console.ts';
import { RECONCILE_LEASE_MS } from '../invocation-limits.ts';
import type { EpisodeChange } from '../ledger/alerts/change-episodes.ts';
import type { Episode } from '../ledger/alerts/read-episodes.ts';
import type { DueAlert } from './rules.ts';

/** Less than the minute between two runs, and more than the time between two runs that overlap. */
export const CONFIRMED_AFTER_MS = 45_000;
/** A job that has had nothing to do for hours has not run either: its first invocation gets as long as it may hold the slot. */
const CONFIRMED_LATER_MS: Partial<Record<AlertName, number>> = { job_not_run: RECONCILE_LEASE_MS };
export const OVER_AFTER_MS = 5 * 60_000;

/**
 * @param isWhole whether all databases were judged. Otherwise no alert ends
 */
export function episodeChanges(
  due: readonly DueAlert[],
  open: readonly Episode[],
  { nowMs, isWhole }: { nowMs: number; isWhole: boolean },
): EpisodeChange[] {
  const changes: EpisodeChange[] = [];
  for (const { alert, message } of due) {
    const episode = open.find((one) => one.alert === alert);
    if (episode === undefined) changes.push({ kind: 'begin', alert, message });
    else {
      const { startedAtMs, confirmedAtMs, clearSinceMs } = episode;
      if (clearSinceMs !== null) changes.push({ kind: 'recur', alert, startedAtMs });
      if (confirmedAtMs === null && nowMs - startedAtMs >= (CONFIRMED_LATER_MS[alert] ?? CONFIRMED_AFTER_MS)) {
        changes.push({ kind: 'confirm', alert, startedAtMs, message });
      }
    }
  }
  if (!isWhole) return changes;
  for (const { alert, startedAtMs, confirmedAtMs, clearSinceMs } of open) {
    if (due.some((one) => one.alert === alert)) continue;
    if (confirmedAtMs === null) changes.push({ kind: 'forget', alert, startedAtMs });
    else if (clearSinceMs === null) changes.push({ kind: 'clear', alert, startedAtMs });
    else if (nowMs - clearSinceMs >= OVER_AFTER_MS) changes.push({ kind: 'end', alert, startedAtMs });
  }
  return changes;
}
