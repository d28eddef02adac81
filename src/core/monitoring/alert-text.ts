/** The two messages of an alert, as people read them in their chat. */
import type { AlertName } from '../../contract/console.ts';
import type { Episode } from '../ledger/alerts/read-episodes.ts';
import { minutes } from './rules.ts';

/** The titles of the sections in docs/operations.md. */
export const ALERT_TITLES: Readonly<Record<AlertName, string>> = {
  events_waiting: 'Events wait',
  pending_growing: 'Outcomes are missing',
  success_rate_low: 'The success rate is low',
  database_filling: 'A database fills',
  reconciliation_differs: 'Reconciliation differs',
  bridge_away: 'The bridge is away',
  job_not_run: 'A job does not run',
  cron_not_run: 'The cron does not run',
  needs_person: 'Cases need a person',
};

export function beginText({ alert, message }: Pick<Episode, 'alert' | 'message'>, service: string): string {
  const title = ALERT_TITLES[alert];
  return `${service}: ${title}. ${message} What to do: docs/operations.md, "${title}".`;
}

/** It was over when it was no longer due, which has lasted since. */
export function endText({ alert, startedAtMs, clearSinceMs }: Episode, service: string): string {
  return `${service}: over after ${minutes((clearSinceMs ?? startedAtMs) - startedAtMs)}: ${ALERT_TITLES[alert]}.`;
}
