/**
 * Debian's Prometheus scrapes the running service and its bridge as ops/prometheus says. Each panel of the dashboard has data then, and each rule
 * judges by metrics that are there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOW_TO_GET_PROMETHEUS, prometheusOfMachine } from '../../scripts/prometheus.ts';
import { AUTHENTICATION_CARDS, TEST_CARDS } from '../data/cards.ts';
import { until } from '../support/child.ts';
import { ALL_SCOPES, insertKey } from '../support/desk.ts';
import { type PrometheusProcess, startPrometheus } from '../support/prometheus.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { RETURN_URL, submit } from '../support/waiting-shop.ts';

interface Panel {
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}
interface Variable {
  name: string;
  type: string;
  definition?: string;
}

const dashboard: { panels: Panel[]; templating: { list: Variable[] } } = JSON.parse(
  readFileSync('ops/grafana/payment-service.json', 'utf8'),
);
const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat })),
);
/** What has not happened here: its series begin with the first time. */
const WITHOUT_DATA = [
  /payment_disputes_total/,
  /payment_rate_limited_requests_total/,
  /payment_breaker_open/,
  /payment_reconciliation_differences/,
  /payment_bridge_events_undelivered_total/,
  /payment_bridge_messages_dropped_total/,
  /payment_bridge_batches_total\{result="invalid"/,
];

const hasData = (expression: string) => !WITHOUT_DATA.some((one) => one.test(expression));

/** What Grafana puts in their places. */
const VARIABLES: Record<string, string> = {
  $environment: '.*',
  $gateway: '.*',
  $minor_units: '100',
  $__range: '10m',
  $__rate_interval: '4m',
};
const filledIn = (expression: string) =>
  expression.replace(/\$\w+/g, (name) => {
    const value = VARIABLES[name];
    if (value === undefined) throw new Error(`Grafana is not told what ${name} is`);
    return value;
  });

const programs = prometheusOfMachine();
const title = programs === null ? `Prometheus, which is missing: ${HOW_TO_GET_PROMETHEUS}` : 'Prometheus';

describe.skipIf(programs === null)(title, () => {
  let stack: Stack;
  let prometheus: PrometheusProcess;
  let headers: Record<string, string>;
  let payments = 0;
  let scrapedMs = 0;

  beforeAll(async () => {
    stack = await startStack('prometheus', rabbitmqUrl(), { AUTH_MODE: 'api_key' });
    headers = { Authorization: `Bearer ${await insertKey(stack, ALL_SCOPES)}` };
    await useService();
    prometheus = await startPrometheus(programs?.prometheus ?? '', join(stack.directory, 'prometheus'), {
      targets: {
        'payment-service': new URL(stack.worker.url).host,
        'payment-bridge': `127.0.0.1:${stack.bridgeMetricsPort}`,
      },
      apiKey: await insertKey(stack, ['metrics:read']),
    });
    await useService();
    await until('the second count is scraped', async () => (await counted()) === payments, { child: prometheus.child });
    // A rate is of two scrapes at least.
    const isScrapedTwice = async () => (await prometheus.query('min(sum_over_time(up[1m])) >= 2')).length > 0;
    await until('each target is scraped twice', isScrapedTwice, { child: prometheus.child });
    scrapedMs = Date.now();
  });

  afterAll(async () => {
    await prometheus?.stop();
    await stack?.stop();
  });

  const counted = async () => Number((await prometheus.query('sum(payment_payments_total)'))[0]?.value[1]);

  /** One payment that succeeds and is paid back in part, one that is declined, and one whose payer authenticates. Then the cron counts. */
  async function useService(): Promise<void> {
    const { url } = stack.worker;
    const booking = newBooking();
    const paid = await pay(url, { booking_id: booking }, headers);
    const refund = {
      booking_id: booking,
      original_transaction_id: paid.body.transaction_id,
      refund_amount: 5,
      reason: 'Customer cancellation',
      user_id: 'user_123',
    };
    expect((await post(url, '/payment/refund', refund, headers)).code).toBe(200);
    const declined = await pay(url, { card_details: card(TEST_CARDS.visaDeclined) }, headers);
    const challenged = await pay(url, { card_details: card(AUTHENTICATION_CARDS[0]), return_url: RETURN_URL }, headers);
    const { next_action } = challenged.body as { next_action: { url: string } };
    await submit(next_action.url, { answer: 'authenticated' });
    expect([paid.code, declined.code, challenged.code]).toEqual([200, 400, 202]);
    payments += 3;
    await stack.worker.sweep();
  }

  it('counts what was paid', async () => {
    expect(await counted()).toBe(payments);
  });

  it.each(expressions)('the dashboard: $title: $legend', async ({ expr, legend }) => {
    const found = await prometheus.query(filledIn(expr));
    if (hasData(expr)) expect(found).not.toEqual([]);
    const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => String(label));
    for (const { metric } of found) for (const label of labels) expect(metric).toHaveProperty(label);
  });

  it('the dashboard and the rules name no metric that is not there', async () => {
    const names = await prometheus.metricNames();
    const queries = [...expressions.map(({ expr }) => expr), ...(await prometheus.rules()).map(({ query }) => query)];
    const used = queries.flatMap(selectorsIn).map((selector) => selector.replace(/\{.*/, ''));
    const families = used.map((name) => (names.has(name) ? name : name.replace(/_(total|bucket|count|sum)$/, '')));
    expect(families.filter((name) => name !== 'up' && !names.has(name))).toEqual([]);
  });

  it.each(dashboard.templating.list.filter(({ type }) => type === 'query'))(
    'the dashboard offers values of $name',
    async ({ definition = '' }) => {
      const [, metric = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
      expect(await prometheus.labelValues(label, filledIn(metric))).not.toEqual([]);
    },
  );

  it('evaluates each rule, by metrics that are there', async () => {
    await until('each rule is evaluated', async () =>
      (await prometheus.rules()).every(({ lastEvaluation }) => Date.parse(lastEvaluation) > scrapedMs),
    );
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    for (const { query } of rules) {
      for (const selector of selectorsIn(query).filter(hasData)) {
        expect([selector, await prometheus.query(selector)]).not.toEqual([selector, []]);
      }
      const grouped = query.matchAll(/by \(([^)]+)\) \(([a-z_]+(?:\{[^}]*\})?)/g);
      for (const [, labels = '', selector = ''] of grouped) {
        const [sample] = hasData(selector) ? await prometheus.query(selector) : [];
        const missing = sample && labels.split(', ').filter((label) => sample.metric[label] === undefined);
        expect([selector, missing ?? []]).toEqual([selector, []]);
      }
    }
    for (const { type, name } of rules) {
      if (type === 'recording') expect([name, await prometheus.query(name)]).not.toEqual([name, []]);
    }
  });

  it('fires no alert where all is well', async () => {
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
  });
});

/** The metrics of an expression, each with its labels. */
function selectorsIn(expression: string): string[] {
  return expression.match(/(?<![\w:])(?:payment_\w+|up)(?![\w(:])(?:\{[^}]*\})?/g) ?? [];
}
