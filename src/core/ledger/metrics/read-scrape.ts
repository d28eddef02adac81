/** What a scrape reads: one statement a database, and one more of the first database, which has what there is once in an installation. */
import type { AlertName } from '../../../contract/console.ts';
import { IS_ACTIVE } from '../alerts/read-episodes.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { CURRENT_RESULTS } from '../reconciliations/current-results.ts';
import { OPEN_BREAKERS_SINCE, type OpenBreaker } from './open-breakers.ts';
import { type Measured, measuredIn, selectTotals } from './read-measured.ts';

/** What there is once in an installation. */
export interface OfInstallation {
  breakers: Pick<OpenBreaker, 'gateway' | 'operation'>[];
  alerts: AlertName[];
  /** When the last one has ended, and the differences of all current results; null: none has ended. */
  reconciliation: { endedAtMs: number; differences: number } | null;
}

export interface Scrape {
  /** Null: the cron has not run yet. */
  measured: Measured | null;
  /** Null where it is not the first database. */
  ofInstallation: OfInstallation | null;
}

const OF_INSTALLATION = `
  SELECT
    (SELECT json_group_array(json_object('gateway', gateway, 'operation', operation)) FROM open_breakers WHERE ${OPEN_BREAKERS_SINCE}) AS breakers,
    (SELECT json_group_array(alert) FROM alert_episodes WHERE ${IS_ACTIVE}) AS alerts,
    (SELECT CASE WHEN count(*) > 0 THEN json_object('endedAtMs', max(endedAtMs), 'differences', sum(differences)) END FROM (${CURRENT_RESULTS})) AS reconciliation`;

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function readScrape(db: Database, isFirst: boolean, nowMs: number): Promise<Scrape> {
  const { totals, ofInstallation } = await runBatch(db, {
    totals: selectTotals(db.d1),
    ofInstallation: isFirst ? db.d1.prepare(OF_INSTALLATION).bind(nowMs) : null,
  });
  const row = isFirst
    ? rowOf<{ breakers: string; alerts: string; reconciliation: string | null }>(ofInstallation)
    : null;
  return {
    measured: measuredIn(totals),
    ofInstallation: row && {
      breakers: JSON.parse(row.breakers),
      alerts: JSON.parse(row.alerts),
      reconciliation: row.reconciliation === null ? null : JSON.parse(row.reconciliation),
    },
  };
}
