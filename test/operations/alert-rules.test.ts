/** Which alerts are due, and what becomes of their episodes: rules without a clock or a database. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ALERTS, type AlertName } from '../../src/contract/console.ts';
import type { Episode } from '../../src/core/ledger/alerts/read-episodes.ts';
import type { Gauges } from '../../src/core/ledger/metrics/measured.ts';
import { ALERT_TITLES, beginText, endText } from '../../src/core/monitoring/alert-text.ts';
import { CONFIRMED_AFTER_MS, episodeChanges, OVER_AFTER_MS } from '../../src/core/monitoring/episodes.ts';
import { readyProblems } from '../../src/core/monitoring/readiness.ts';
import { dueAlerts } from '../../src/core/monitoring/rules.ts';
import { recentPayments, type Situation } from '../../src/core/monitoring/situation.ts';
import { quietGauges } from '../data/gauges.ts';

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 10, 22, 12);
const ago = (minutes: number) => NOW_MS - minutes * MINUTE_MS;

function situation(gauges: Partial<Gauges> | Partial<Gauges>[] = {}, rest: Partial<Situation> = {}): Situation {
  const all = Array.isArray(gauges) ? gauges : [gauges];
  return {
    nowMs: NOW_MS,
    databases: all.map((one, shard) => ({ shard, gauges: quietGauges(one) })),
    recent: { completed: 0, failed: 0, failures: {} },
    bridge: 'ready',
    reconciliations: [],
    limits: { successRatePercent: 70, databaseMaxBytes: 1e9 },
    ...rest,
  };
}

function due(given: Situation, open: AlertName[] = []): Record<string, string> {
  return Object.fromEntries(dueAlerts(given, new Set(open)).map(({ alert, message }) => [alert, message]));
}

const NOTHING = {};
const rated = (completed: number, failed: number, failures: Record<string, number> = { CARD_DECLINED: failed }) =>
  situation({}, { recent: { completed, failed, failures } });
const job = (backlog: number, endedAtMs: number | null): Partial<Gauges> => ({
  jobs: { ...quietGauges().jobs, sweep: { backlog, endedAtMs } },
});

describe('no alert is due', () => {
  it('where nothing waits', () => expect(due(situation())).toEqual(NOTHING));

  it.each<[string, Situation]>([
    [
      'of events that wait for five minutes',
      situation({ events: { waiting: 9, oldestMs: ago(5), unansweredMs: null } }),
    ],
    [
      'of few that are pending for hours, as payments at a bank are',
      situation({ pending: { count: 4, overdue: 4, oldestMs: ago(600) } }),
    ],
    [
      'of one that is pending at a bank for days while many others are being charged',
      situation({ pending: { count: 400, overdue: 1, oldestMs: ago(4_320) } }),
    ],
    ['of a rate of fewer than 20 payments', rated(0, 19)],
    ['of a rate at its limit', rated(70, 30)],
    ['of a rate that is not judged', { ...rated(0, 100), limits: { successRatePercent: null, databaseMaxBytes: 1e9 } }],
    ['of a database that is filled to less than 70 %', situation({ databaseBytes: 699_999_999 })],
    ['of a job that has nothing to do', situation(job(0, ago(600)))],
    ['of a job that ran a quarter of an hour ago', situation(job(9, ago(15)))],
    [
      'of a reconciliation without differences',
      situation({}, { reconciliations: [{ fromMs: 0, toMs: 1, differences: 0 }] }),
    ],
    [
      'of a bridge that cannot be asked, while what it has reported nothing of was sent less than ten minutes ago',
      situation({ events: { waiting: 1, oldestMs: ago(5), unansweredMs: ago(5) } }, { bridge: null }),
    ],
  ])('%s', (_, given) => expect(due(given)).toEqual(NOTHING));
});

describe('an alert is due', () => {
  it('of events that wait for more than five minutes, over all databases', () => {
    const given = situation([
      { events: { waiting: 3, oldestMs: ago(2), unansweredMs: null } },
      { events: { waiting: 9, oldestMs: ago(7), unansweredMs: null } },
    ]);
    expect(due(given)).toEqual({ events_waiting: '12 events wait for delivery, the oldest for 7 minutes.' });
  });

  it('of several payments whose outcome the look-ups have not found for a quarter of an hour, over all databases', () => {
    const given = situation([
      { pending: { count: 9, overdue: 3, oldestMs: ago(16) } },
      { pending: { count: 2, overdue: 2, oldestMs: ago(15) } },
    ]);
    expect(due(given)).toEqual({
      pending_growing:
        '5 payments and refunds have waited for the outcome from their gateway for 15 minutes or more, the oldest for 16 minutes.',
    });
  });

  it('of a success rate under its limit, with the most frequent cause', () => {
    expect(due(rated(13, 7, { CARD_EXPIRED: 2, PAYMENT_GATEWAY_ERROR: 5 }))).toEqual({
      success_rate_low:
        '65 % of 20 payments in 15 minutes succeeded, and the limit is 70 %. 5 failed with PAYMENT_GATEWAY_ERROR.',
    });
  });

  it('of databases that fill, by their numbers', () => {
    expect(due(situation([{ databaseBytes: 7e8 }, { databaseBytes: 1e8 }, { databaseBytes: 96e7 }]))).toEqual({
      database_filling:
        'Database 0 holds 70 % and database 2 holds 96 % of DATABASE_MAX_GB. From 95 % on no payment is accepted.',
    });
  });

  it('of many databases that fill, in a message that a chat does not cut off', () => {
    const given = situation(Array.from({ length: 64 }, () => ({ databaseBytes: 8e8 })));
    expect(due(given).database_filling).toMatch(/^Database 0 .* and 59 more of DATABASE_MAX_GB/);
  });

  it('of a reconciliation with differences', () => {
    const reconciliations = [{ fromMs: Date.UTC(2026, 10, 21), toMs: Date.UTC(2026, 10, 22), differences: 1 }];
    expect(due(situation({}, { reconciliations }))).toEqual({
      reconciliation_differs:
        'Reconciliation of 2026-11-21T00:00:00Z to 2026-11-22T00:00:00Z found 1 difference between gateway, ledger and events.',
    });
  });

  it('of reconciliations of several days, from the first that has differences', () => {
    const day = (date: number, differences: number) => ({
      fromMs: Date.UTC(2026, 10, date),
      toMs: Date.UTC(2026, 10, date + 1),
      differences,
    });
    const reconciliations = [day(17, 0), day(18, 2), day(19, 0), day(20, 3), day(21, 0)];
    expect(due(situation({}, { reconciliations }))).toEqual({
      reconciliation_differs:
        'Reconciliation of 2026-11-18T00:00:00Z to 2026-11-19T00:00:00Z and 1 later reconciliation found 5 differences between gateway, ledger and events.',
    });
  });

  it.each([
    ['away', 'does not answer'],
    ['no_broker', 'no connection to RabbitMQ'],
    ['not_set_up', 'not set up'],
    ['stopping', 'is stopping'],
  ] as const)('of a bridge that is %s, and says whether it is the bridge or its broker', (bridge, words) => {
    expect(due(situation({}, { bridge })).bridge_away).toContain(words);
  });

  it('of a bridge that takes events from a queue, when it has reported nothing of one for more than ten minutes', () => {
    const given = situation({ events: { waiting: 1, oldestMs: ago(12), unansweredMs: ago(11) } }, { bridge: null });
    expect(due(given)).toEqual({
      events_waiting: '1 event waits for delivery, the oldest for 12 minutes.',
      bridge_away:
        'The bridge takes no events from its queue or cannot publish them, or the queue accepts none: one has waited for 11 minutes without a result.',
    });
  });

  it('of events that wait, and not of the bridge, where the bridge has said why it cannot publish them', () => {
    const given = situation({ events: { waiting: 1, oldestMs: ago(600), unansweredMs: null } }, { bridge: null });
    expect(Object.keys(due(given))).toEqual(['events_waiting']);
  });

  it.each([
    [job(9, ago(16)), 'The job sweep last ran 16 minutes ago, and has work to do.'],
    [job(9, null), 'The job sweep never ran, and has work to do.'],
  ])('of a job that has not run and has work to do', (gauges, message) => {
    expect(due(situation(gauges))).toEqual({ job_not_run: message });
  });

  it('of a job of one of several databases, which it names', () => {
    expect(due(situation([{}, job(9, ago(200))])).job_not_run).toBe(
      'The job sweep of database 1 last ran 3 hours ago, and has work to do.',
    );
  });

  it('of cases that need a person, by their kinds', () => {
    const cases = { ...quietGauges().cases, refund_reversed: 2, payment_undetermined: 1 };
    expect(due(situation({ cases }))).toEqual({
      needs_person: '3 cases need a person: 1 payment without a known outcome and 2 refunds returned by the bank.',
    });
  });

  it('of gauges that a former version has measured, which lack a job', () => {
    const { reconcile: _, ...jobs } = quietGauges().jobs;
    expect(due(situation({ jobs: jobs as Gauges['jobs'] }))).toEqual(NOTHING);
  });
});

describe('an alert that has begun stays', () => {
  it('until the success rate is five percent above its limit', () => {
    expect(Object.keys(due(rated(74, 26), ['success_rate_low']))).toEqual(['success_rate_low']);
    expect(due(rated(75, 25), ['success_rate_low'])).toEqual(NOTHING);
    expect(due(rated(74, 26))).toEqual(NOTHING);
  });

  it('while payers stay away because payments fail, and not without any payment', () => {
    expect(Object.keys(due(rated(0, 1), ['success_rate_low']))).toEqual(['success_rate_low']);
    expect(due(rated(0, 0), ['success_rate_low'])).toEqual(NOTHING);
  });

  it('until a database holds less than 65 %', () => {
    expect(Object.keys(due(situation({ databaseBytes: 66e7 }), ['database_filling']))).toEqual(['database_filling']);
    expect(due(situation({ databaseBytes: 64e7 }), ['database_filling'])).toEqual(NOTHING);
  });
});

it('a payment that its shop has voided is no failure; all others are added up over the minutes', () => {
  const minutes = [
    { payments: { 'completed\tcredit_card\tsandbox\t': 3, 'failed\tcredit_card\tsandbox\tPAYMENT_VOIDED': 7 } },
    {
      payments: { 'failed\tcredit_card\tsandbox\tCARD_DECLINED': 2, 'failed\tstripe\tstripe:acct_1\tCARD_DECLINED': 1 },
    },
    {},
  ];
  expect(recentPayments(minutes)).toEqual({ completed: 3, failed: 3, failures: { CARD_DECLINED: 3 } });
});

describe('an episode', () => {
  const FIRST_MS = NOW_MS - CONFIRMED_AFTER_MS;
  const episode = (overrides: Partial<Episode> = {}): Episode => ({
    ...{ alert: 'bridge_away', startedAtMs: FIRST_MS, message: 'then', confirmedAtMs: null, clearSinceMs: null },
    ...{ endedAtMs: null, reportedAtMs: null },
    ...overrides,
  });
  const DUE = [{ alert: 'bridge_away', message: 'now' }] as const;
  const named = { alert: 'bridge_away', startedAtMs: FIRST_MS };
  const now = { nowMs: NOW_MS, isWhole: true };

  it('begins when its alert is due', () => {
    expect(episodeChanges(DUE, [], now)).toEqual([{ kind: 'begin', alert: 'bridge_away', message: 'now' }]);
  });

  it('is confirmed by the next run, with the figures of then, and not by one that overlaps', () => {
    expect(episodeChanges(DUE, [episode()], now)).toEqual([{ kind: 'confirm', ...named, message: 'now' }]);
    expect(episodeChanges(DUE, [episode()], { ...now, nowMs: NOW_MS - 1 })).toEqual([]);
  });

  it('is forgotten if the next run finds nothing', () => {
    expect(episodeChanges([], [episode()], now)).toEqual([{ kind: 'forget', ...named }]);
  });

  it('changes nothing while it lasts', () => {
    expect(episodeChanges(DUE, [episode({ confirmedAtMs: 1 })], now)).toEqual([]);
  });

  it('is over when its alert has not been due for five minutes', () => {
    const confirmed = episode({ confirmedAtMs: 1 });
    expect(episodeChanges([], [confirmed], now)).toEqual([{ kind: 'clear', ...named }]);
    const since = (clearSinceMs: number) => episodeChanges([], [{ ...confirmed, clearSinceMs }], now);
    expect(since(NOW_MS - OVER_AFTER_MS + 1)).toEqual([]);
    expect(since(NOW_MS - OVER_AFTER_MS)).toEqual([{ kind: 'end', ...named }]);
  });

  it('goes on if its alert is due again before that', () => {
    const clearing = episode({ confirmedAtMs: 1, clearSinceMs: NOW_MS - OVER_AFTER_MS });
    expect(episodeChanges(DUE, [clearing], now)).toEqual([{ kind: 'recur', ...named }]);
  });

  it('is neither over nor forgotten while a database does not answer', () => {
    const all = [episode(), episode({ confirmedAtMs: 1, clearSinceMs: 1 })];
    expect(episodeChanges([], all, { ...now, isWhole: false })).toEqual([]);
  });

  it('has two messages, which name the service, what is wrong, and where it says what to do', () => {
    const over = episode({
      confirmedAtMs: 1,
      startedAtMs: ago(17),
      clearSinceMs: ago(5),
      endedAtMs: NOW_MS,
      message: 'It does not answer.',
    });
    expect(beginText(over, 'payment-service (production)')).toBe(
      'payment-service (production): The bridge is not ready. It does not answer. What to do: docs/operations.md, "The bridge is not ready".',
    );
    expect(endText(over, 'payment-service (production)')).toBe(
      'payment-service (production): resolved after 12 minutes: The bridge is not ready.',
    );
  });
});

describe('the service is', () => {
  const ok = { measuredAtMs: NOW_MS, oldestPaymentMs: 1, alerts: [] };
  const judged = (answers: Parameters<typeof readyProblems>[0], isFull = false) =>
    readyProblems(answers, { nowMs: NOW_MS, isFull }).map(
      ({ alert, sinceMs, isUrgent }) => [alert, sinceMs, isUrgent] as const,
    );

  it('ready where the cron runs and no alert has begun', () => expect(judged([ok, ok])).toEqual([]));

  it('ready just after its deployment, and for five minutes of its first payment', () => {
    const fresh = { ...ok, measuredAtMs: null };
    expect(judged([{ ...fresh, oldestPaymentMs: null }])).toEqual([]);
    expect(judged([{ ...fresh, oldestPaymentMs: ago(5) }])).toEqual([]);
    expect(judged([{ ...fresh, oldestPaymentMs: ago(6) }])).toEqual([['cron_not_run', ago(6), true]]);
  });

  it('not ready where the cron has not run for more than five minutes', () => {
    expect(judged([{ ...ok, measuredAtMs: ago(5) }])).toEqual([]);
    expect(
      judged([
        { ...ok, measuredAtMs: ago(6) },
        { ...ok, measuredAtMs: ago(9) },
      ]),
    ).toEqual([['cron_not_run', ago(6), true]]);
  });

  it('not ready where it leaves one of many databases out, of which each minute measures some', () => {
    expect(judged([ok, { ...ok, measuredAtMs: ago(15) }])).toEqual([]);
    expect(judged([ok, { ...ok, measuredAtMs: ago(16) }])).toEqual([['cron_not_run', ago(16), true]]);
  });

  it('not ready where a database does not answer', () => {
    expect(judged([ok, null])).toEqual([['database_away', NOW_MS, true]]);
  });

  it.each(ALERTS)('told of %s, and not ready where payments or events stop by it', (alert) => {
    const canWait = ['database_filling', 'reconciliation_differs', 'needs_person'].includes(alert);
    expect(judged([{ ...ok, alerts: [{ alert, startedAtMs: 7 }] }])).toEqual([[alert, 7, !canWait]]);
  });

  it('not ready where a database is full', () => {
    expect(judged([ok], true)).toEqual([['database_filling', NOW_MS, true]]);
    const filling = { ...ok, alerts: [{ alert: 'database_filling' as const, startedAtMs: 7 }] };
    expect(judged([filling], true)).toEqual([['database_filling', 7, true]]);
  });
});

it('each alert, by the title that its message names, is in the operators’ documentation', () => {
  const text = readFileSync('docs/operations.md', 'utf8');
  for (const [alert, title] of Object.entries(ALERT_TITLES)) expect(text).toContain(`| **${title}**<br>\`${alert}\` |`);
});
