/** The alert rules of ops/prometheus: that they are complete, and what Prometheus's own promtool says of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { HOW_TO_GET_PROMETHEUS, prometheusOfMachine } from '../../scripts/prometheus.ts';
import { ALERTS } from '../../src/contract/console.ts';
import { ALERT_TITLES } from '../../src/core/monitoring/alert-text.ts';
import { hasHeading } from '../support/markdown.ts';

interface AlertRule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook: string };
}

const DIRECTORY = 'ops/prometheus';
const read = (file: string) => readFileSync(`${DIRECTORY}/${file}`, 'utf8');
const groups: { rules: (AlertRule | { record: string })[] }[] = parse(read('alerts.yaml')).groups;
const rules = groups.flatMap((group) => group.rules).filter((rule) => 'alert' in rule);

it.each(ALERTS)('has a rule for %s, which the service sends by itself, under the same title', (name) => {
  const ofRule = `Payment${name.replace(/(?:^|_)(\w)/g, (_, letter) => letter.toUpperCase())}`;
  const rule = rules.find(({ alert }) => alert === ofRule);
  expect(rule?.annotations.summary).toBe(ALERT_TITLES[name]);
});

describe.each(rules)('$alert', ({ alert, expr, labels, annotations }) => {
  it('says how urgent it is, what is wrong and what to do, and leads to a page that exists', () => {
    expect(labels.severity).toMatch(/^(page|ticket)$/);
    expect(annotations.summary).toMatch(/^[A-Z].+[^.]$/);
    expect(annotations.description).toMatch(/^.{40,}\.$|^.{40,}\?$/);
    const [page = '', anchor = ''] = annotations.runbook.split('#');
    expect(existsSync(page)).toBe(true);
    expect(hasHeading(page, anchor)).toBe(true);
  });

  it('describes itself by labels that its expression keeps', () => {
    const kept = /^up\{/.test(expr) ? 'instance' : ([...expr.matchAll(/by \(([^)]*)\)/g)].at(0)?.[1] ?? '');
    const used = [...annotations.description.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    expect(used.filter((label) => !kept.split(', ').includes(String(label)))).toEqual([]);
  });

  it('is tried out: it fires, and ends', () => {
    const tries: { expr: string; exp_samples: unknown[] }[] = parse(read('alerts.test.yaml')).tests.flatMap(
      (test: { promql_expr_test: unknown[] }) => test.promql_expr_test,
    );
    const own = tries.filter((one) => one.expr.includes(`"${alert}"`)).map((one) => one.exp_samples.length > 0);
    expect(own.join()).toMatch(/false,true,false/);
  });
});

const programs = prometheusOfMachine();
const title = programs === null ? `promtool, which is missing: ${HOW_TO_GET_PROMETHEUS}` : 'promtool';

describe.skipIf(programs === null)(title, () => {
  const promtool = (...args: string[]) =>
    execFileSync(programs?.promtool ?? '', args, { cwd: DIRECTORY, encoding: 'utf8', stdio: 'pipe' });

  it('takes the rules and the configuration', () => {
    expect(promtool('check', 'rules', '--lint-fatal', 'alerts.yaml')).toContain('SUCCESS');
    expect(promtool('check', 'config', '--syntax-only', 'prometheus.yaml')).toContain('SUCCESS');
  });

  it('has each alert fire by its cause, and end with it', () => {
    expect(promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS');
  });
});
