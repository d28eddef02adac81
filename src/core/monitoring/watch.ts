/**
 * Each minute, after the figures were measured: judges them by the rules, keeps the episodes of alerts in the first database, and posts their
 * messages. If nothing changes, nothing is written. Two crons can run at once: each change of an episode is made once, and each message is posted
 * by the run that holds the lease of the episode.
 */
import type { Context } from '../context.ts';
import { changeEpisodes, type EpisodeChange } from '../ledger/alerts/change-episodes.ts';
import { leaseUnreported } from '../ledger/alerts/lease-unreported.ts';
import type { Episode } from '../ledger/alerts/read-episodes.ts';
import { readWatched } from '../ledger/alerts/read-watched.ts';
import { type Report, recordReport, releaseUnreported } from '../ledger/alerts/record-report.ts';
import { LedgerNotMigrated, LedgerUnavailable, statementsLeft } from '../ledger/database.ts';
import { readRecent } from '../ledger/metrics/read-recent.ts';
import { errorFields } from '../log.ts';
import type { Shards } from '../shards.ts';
import { beginText, endText } from './alert-text.ts';
import { episodeChanges } from './episodes.ts';
import { readEach } from './read-each.ts';
import { dueAlerts } from './rules.ts';
import { recentPayments } from './situation.ts';

/** The success rate is that of payments which ended in this time. */
const RECENT_MS = 15 * 60_000;
/** Of the first database: reads, changes and leases episodes, each with a retry for a broken connection. Messages are posted as far as the rest lasts. */
const STATEMENTS_OF_FIRST = 30;
/** To record a message and to end the lease, with retries. */
const STATEMENTS_OF_MESSAGE = 4;
/** Longer than posting and recording all messages of a run takes: a run ends with the first message that is refused. */
const POSTING_LEASE_MS = 3 * 60_000;

/** Statements that `watch` sends at most. Earlier work of the same invocation has to leave them. */
export const statementsToWatch = (databases: number) => databases + STATEMENTS_OF_FIRST;

/** Does not throw if a database or the webhook fails: the next minute tries again. */
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

/** @returns how many episodes have a message to post */
async function judge(shards: Shards): Promise<number> {
  const context = shards.at(0);
  const { db, nowMs, settings, log, bridgeState } = context;
  const [bridge, reads, { open, unreported, reconciliations }] = await Promise.all([
    bridgeState?.() ?? null,
    readEach(shards, (one) => readRecent(one.db, one.nowMs() - RECENT_MS)),
    readWatched(db),
  ]);
  const databases = reads.flatMap((read, shard) =>
    read.kind === 'read' && read.value !== null ? [{ ...read.value, shard }] : [],
  );
  const situation = {
    nowMs: nowMs(),
    databases,
    recent: recentPayments(databases.flatMap(({ minutes }) => minutes)),
    bridge,
    reconciliations,
    limits: {
      successRatePercent: settings.alerts.successRatePercent,
      databaseMaxBytes: settings.databaseMaxBytes,
    },
  };
  const due = dueAlerts(situation, new Set(open.filter(isConfirmed).map(({ alert }) => alert)));
  const isWhole = reads.every(({ kind }) => kind === 'read');
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

/** Posts what the webhook has not accepted yet. A message is recorded as soon as it was accepted: a crash loses none, and repeats one at most. */
async function report({ db, nowMs, newId, settings, postAlert, log }: Context): Promise<void> {
  if (postAlert === null) return;
  const leaseId = newId('lse_');
  const service = `payment-service (${settings.production ? 'production' : 'development'})`;
  const episodes = await leaseUnreported(db, leaseId, { nowMs: nowMs(), untilMs: nowMs() + POSTING_LEASE_MS });
  const post = async ({ alert, startedAtMs }: Episode, message: Report['message'], text: string) => {
    if (statementsLeft(db) < STATEMENTS_OF_MESSAGE) return false;
    const posted = await postAlert(text);
    if (posted.kind === 'taken') await recordReport(db, { alert, startedAtMs, message }, nowMs());
    else log('warn', 'alert.not_posted', { alert, message, reason: posted.reason });
    return posted.kind === 'taken';
  };
  for (const episode of episodes) {
    if (episode.reportedAtMs === null && !(await post(episode, 'begin', beginText(episode, service)))) break;
    if (episode.endedAtMs !== null && !(await post(episode, 'end', endText(episode, service)))) break;
  }
  if (episodes.length > 0) await releaseUnreported(db, leaseId);
}
