/**
 * Each minute, behind the measuring: judges what was measured, keeps the episodes of alerts in the first database, and posts their messages. Where
 * nothing changes, nothing is written. It is safe at once with another cron: each change of an episode is made once, and each message is posted
 * by whoever holds the episode.
 */
import type { Context } from '../context.ts';
import { changeEpisodes, type EpisodeChange } from '../ledger/alerts/change-episodes.ts';
import { leaseUnreported } from '../ledger/alerts/lease-unreported.ts';
import type { Episode } from '../ledger/alerts/read-episodes.ts';
import { readWatched } from '../ledger/alerts/read-watched.ts';
import { type Report, recordReports } from '../ledger/alerts/record-reports.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import { type Recent, readRecent } from '../ledger/metrics/read-recent.ts';
import { errorFields } from '../log.ts';
import { allContexts, type Shards } from '../shards.ts';
import { beginText, endText } from './alert-text.ts';
import { episodeChanges } from './episodes.ts';
import { dueAlerts } from './rules.ts';
import { recentPayments } from './situation.ts';

/** Of which payments the success rate is. */
const RECENT_MS = 15 * 60_000;
/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;
/** Reads what was, changes it, leases what is to be posted and records it: each once more for connections that break. */
const STATEMENTS_OF_FIRST = 30;
/** Longer than all messages of a run take: the first that is refused ends it. */
const POSTING_LEASE_MS = 2 * 60_000;

/** That `watch` sends. Whatever comes before it in an invocation leaves it so many. */
export const statementsToWatch = (databases: number) => databases + STATEMENTS_OF_FIRST;

/** Never throws for a database or a webhook that does not answer: the next minute finds the same. */
export async function watch(shards: Shards): Promise<void> {
  const context = shards.at(0);
  const { log } = context;
  try {
    const unreported = await judge(shards);
    if (unreported > 0) await report(context);
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    log('warn', 'alerts.not_judged', errorFields(error));
  }
}

/** Answers with how many episodes have a message to be posted. */
async function judge(shards: Shards): Promise<number> {
  const context = shards.at(0);
  const { db, nowMs, settings, log, bridgeState } = context;
  const [bridge, measured, { open, unreported, reconciliation }] = await Promise.all([
    bridgeState?.() ?? null,
    measuredOfAll(shards),
    readWatched(db),
  ]);
  const databases = measured.flatMap((one, shard) => (one === null || one === 'silent' ? [] : [{ ...one, shard }]));
  const situation = {
    nowMs: nowMs(),
    databases,
    recent: recentPayments(databases.flatMap(({ minutes }) => minutes)),
    bridge,
    reconciliation,
    limits: {
      successRatePercent: settings.alerts.successRatePercent,
      databaseMaxBytes: settings.databaseMaxBytes,
    },
  };
  const due = dueAlerts(situation, new Set(open.filter(isConfirmed).map(({ alert }) => alert)));
  const isWhole = !measured.includes('silent');
  const changes = episodeChanges(due, open, { nowMs: situation.nowMs, isWhole });
  if (changes.length === 0) return unreported;
  const changed = await changeEpisodes(db, changes, situation.nowMs, context.postAlert === null);
  for (const { alert, message, startedAtMs, endedAtMs } of changed) {
    const since = { alert, started_at_ms: startedAtMs };
    if (endedAtMs === null) log('error', 'alert.began', { ...since, message });
    else log('info', 'alert.ended', since);
  }
  return unreported + changes.filter(isToBePosted).length;
}

const isConfirmed = ({ confirmedAtMs }: Episode) => confirmedAtMs !== null;
const isToBePosted = ({ kind }: EpisodeChange) => kind === 'confirm' || kind === 'end';

/** In the order of the databases. Null: not measured yet. */
async function measuredOfAll(shards: Shards): Promise<(Recent | 'silent' | null)[]> {
  const measured: (Recent | 'silent' | null)[] = [];
  const waiting = allContexts(shards).values();
  const readOneByOne = async () => {
    for (const { db, shard, nowMs, log } of waiting) {
      measured[shard] = await readRecent(db, nowMs() - RECENT_MS).catch((error: unknown) => {
        if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
        log('warn', 'alerts.database_not_judged', errorFields(error));
        return 'silent';
      });
    }
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, readOneByOne));
  return measured;
}

/** Posts what the webhook has not taken yet. A message is lost by no crash: it is marked when it was taken, and else posted again. */
async function report({ db, nowMs, newId, settings, postAlert, log }: Context): Promise<void> {
  if (postAlert === null) return;
  const leaseId = newId('lse_');
  const service = `payment-service (${settings.production ? 'production' : 'development'})`;
  const episodes = await leaseUnreported(db, leaseId, { nowMs: nowMs(), untilMs: nowMs() + POSTING_LEASE_MS });
  const reports: Report[] = [];
  const post = async ({ alert, startedAtMs }: Episode, message: Report['message'], text: string) => {
    const posted = await postAlert(text);
    if (posted.kind === 'taken') reports.push({ alert, startedAtMs, message });
    else log('warn', 'alert.not_posted', { alert, message, reason: posted.reason });
    return posted.kind === 'taken';
  };
  for (const episode of episodes) {
    if (episode.reportedAtMs === null && !(await post(episode, 'begin', beginText(episode, service)))) break;
    if (episode.endedAtMs !== null && !(await post(episode, 'end', endText(episode, service)))) break;
  }
  if (episodes.length > 0) await recordReports(db, leaseId, reports, nowMs());
}
