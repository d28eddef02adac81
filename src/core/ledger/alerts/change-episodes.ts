import type { AlertName } from '../../../contract/console.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { EPISODE_COLUMNS, type Episode } from './read-episodes.ts';

/** A change of an episode. Its alert and its beginning are its key. */
export type EpisodeChange =
  /** Due for the first time. */
  | { kind: 'begin'; alert: AlertName; message: string }
  /** Due for long enough. */
  | { kind: 'confirm'; alert: AlertName; startedAtMs: number; message: string }
  /** No longer due, before it was confirmed. */
  | { kind: 'forget'; alert: AlertName; startedAtMs: number }
  /** No longer due: it ends if that lasts. */
  | { kind: 'clear'; alert: AlertName; startedAtMs: number }
  /** Due again before it ended. */
  | { kind: 'recur'; alert: AlertName; startedAtMs: number }
  | { kind: 'end'; alert: AlertName; startedAtMs: number };

// Two crons can find the same change at once. Each statement names the state that it expects, so only one of them makes the change.
const BEGIN = `
  INSERT INTO alert_episodes (alert, started_at_ms, message)
  SELECT value ->> 'alert', ?2, value ->> 'message' FROM json_each(?1) WHERE value ->> 'kind' = 'begin'
  ON CONFLICT DO NOTHING`;
const which = (kind: EpisodeChange['kind']) =>
  `(alert, started_at_ms) IN (SELECT value ->> 'alert', value ->> 'startedAtMs' FROM json_each(?1) WHERE value ->> 'kind' = '${kind}')`;
const CONFIRM = `
  UPDATE alert_episodes SET confirmed_at_ms = ?2, reported_at_ms = ?3, message = coalesce(
    (SELECT value ->> 'message' FROM json_each(?1) WHERE value ->> 'kind' = 'confirm' AND value ->> 'alert' = alert), message)
  WHERE ${which('confirm')} AND confirmed_at_ms IS NULL`;
const FORGET = `DELETE FROM alert_episodes WHERE ${which('forget')} AND confirmed_at_ms IS NULL`;
const CLEAR = `UPDATE alert_episodes SET clear_since_ms = ?2 WHERE ${which('clear')} AND clear_since_ms IS NULL AND ended_at_ms IS NULL`;
const RECUR = `UPDATE alert_episodes SET clear_since_ms = NULL WHERE ${which('recur')} AND ended_at_ms IS NULL`;
const END = `UPDATE alert_episodes SET ended_at_ms = ?2, end_reported_at_ms = ?3 WHERE ${which('end')} AND ended_at_ms IS NULL`;
const OF_THIS_RUN = `
  SELECT ${EPISODE_COLUMNS} FROM alert_episodes
  WHERE (alert, started_at_ms) IN (SELECT value ->> 'alert', value ->> 'startedAtMs' FROM json_each(?1))
    AND (confirmed_at_ms = ?2 OR ended_at_ms = ?2)`;

/**
 * Writes the changes of one run of the cron.
 *
 * @param isReported whether there is no webhook, so that messages count as posted
 * @returns the episodes that this run confirmed or ended
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function changeEpisodes(
  db: Database,
  changes: readonly EpisodeChange[],
  nowMs: number,
  isReported: boolean,
): Promise<Episode[]> {
  const list = JSON.stringify(changes);
  const reportedAtMs = isReported ? nowMs : null;
  const has = (kind: EpisodeChange['kind']) => changes.some((change) => change.kind === kind);
  const { ofThisRun } = await runBatch(db, {
    began: has('begin') ? db.d1.prepare(BEGIN).bind(list, nowMs) : null,
    confirmed: has('confirm') ? db.d1.prepare(CONFIRM).bind(list, nowMs, reportedAtMs) : null,
    forgotten: has('forget') ? db.d1.prepare(FORGET).bind(list) : null,
    cleared: has('clear') ? db.d1.prepare(CLEAR).bind(list, nowMs) : null,
    recurred: has('recur') ? db.d1.prepare(RECUR).bind(list) : null,
    ended: has('end') ? db.d1.prepare(END).bind(list, nowMs, reportedAtMs) : null,
    ofThisRun: db.d1.prepare(OF_THIS_RUN).bind(list, nowMs),
  });
  return rowsOf<Episode>(ofThisRun);
}
