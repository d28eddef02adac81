/** The two messages of an alert in a chat: when it begins, and when it is resolved. */
import type { AlertName } from '../../contract/console.ts';
import type { Episode } from '../ledger/alerts/read-episodes.ts';
import { durationText } from './rules.ts';

/** The titles of the sections in docs/operations.md. */
export const ALERT_TITLES: Readonly<Record<AlertName, string>> = {
  events_waiting: 'Events are waiting',
  pending_growing: 'Outcomes are missing',
  success_rate_low: 'The success rate is low',
  database_filling: 'A database is filling up',
  reconciliation_differs: 'Reconciliation found differences',
  bridge_away: 'The bridge is not ready',
  job_not_run: 'A job is not running',
  cron_not_run: 'The cron is not running',
  needs_person: 'Cases need a person',
};

export function beginText({ alert, message }: Pick<Episode, 'alert' | 'message'>, service: string): string {
  const title = ALERT_TITLES[alert];
  return `${service}: ${title}. ${message} What to do: docs/operations.md, "${title}".`;
}

/** The duration ends when the alert was last due: the minutes that it took to be sure do not count. */
export function endText({ alert, startedAtMs, clearSinceMs }: Episode, service: string): string {
  return `${service}: resolved after ${durationText((clearSinceMs ?? startedAtMs) - startedAtMs)}: ${ALERT_TITLES[alert]}.`;
}
