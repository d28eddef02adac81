/** Debian's Prometheus with the configuration of ops/prometheus, but for addresses and for how often it asks. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from '../../scripts/free-port.ts';
import { type Child, startChild, until } from './child.ts';

const OPS = 'ops/prometheus';
const QUERY_DEADLINE_MS = 10_000;

export interface Sample {
  metric: Record<string, string>;
  /** Seconds since 1970, and the value as text. */
  value: [number, string];
}

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  /** In RFC 3339. */
  lastEvaluation: string;
}

export interface PrometheusProcess {
  readonly child: Child;
  /** Evaluates an expression as of now. @throws where Prometheus refuses it */
  query(expression: string): Promise<Sample[]>;
  labelValues(label: string, metric: string): Promise<string[]>;
  /** What the targets say that they have, also where there is no value yet: without `_total` and the like. */
  metricNames(): Promise<Set<string>>;
  rules(): Promise<Rule[]>;
  stop(): Promise<void>;
}

/** @param targets of each job in prometheus.yaml, without `http://` */
export async function startPrometheus(
  program: string,
  directory: string,
  { targets, apiKey }: { targets: Record<string, string>; apiKey: string },
): Promise<PrometheusProcess> {
  mkdirSync(directory, { recursive: true });
  const config = parse(readFileSync(join(OPS, 'prometheus.yaml'), 'utf8'));
  Object.assign(config.global, { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' });
  for (const job of config.scrape_configs) {
    job.scheme = 'http';
    job.static_configs[0].targets = [targets[job.job_name]];
    if (job.authorization) job.authorization.credentials_file = join(directory, 'key');
  }
  const rules = parse(readFileSync(join(OPS, 'alerts.yaml'), 'utf8'));
  for (const group of rules.groups) group.interval = '1s';
  writeFileSync(join(directory, 'key'), apiKey);
  writeFileSync(join(directory, 'prometheus.yaml'), stringify(config));
  writeFileSync(join(directory, 'alerts.yaml'), stringify(rules));

  const address = `127.0.0.1:${await freePort()}`;
  const child = startChild(
    program,
    [
      `--config.file=${join(directory, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { env: process.env, logFile: join(directory, 'prometheus.log') },
  );

  async function ask<Data>(path: string, parameters: Record<string, string> = {}): Promise<Data> {
    const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`, {
      signal: AbortSignal.timeout(QUERY_DEADLINE_MS),
    });
    const answer = (await response.json()) as { status: string; data: Data; error?: string };
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${JSON.stringify(parameters)}`);
    return answer.data;
  }
  const query = async (expression: string) => (await ask<{ result: Sample[] }>('query', { query: expression })).result;
  const isUp = async () => {
    const up = await query('up').catch(() => []);
    return up.length === config.scrape_configs.length && up.every(({ value }) => value[1] === '1');
  };
  const reasons = async () => {
    const { activeTargets } = await ask<{ activeTargets: { scrapeUrl: string; lastError: string }[] }>('targets');
    return activeTargets.map(({ scrapeUrl, lastError }) => `${scrapeUrl}: ${lastError}`).join('\n');
  };
  await until('Prometheus has scraped all targets', isUp, { child }).catch(async (error: Error) => {
    const why = await reasons().catch(() => '');
    await child.stop();
    throw new Error(`${error.message}\n${why}`);
  });

  return {
    child,
    query,
    labelValues: (label, metric) => ask<string[]>(`label/${label}/values`, { 'match[]': metric }),
    async metricNames() {
      const described = await ask<{ metric: string }[]>('targets/metadata');
      return new Set(described.map(({ metric }) => metric));
    },
    rules: async () => (await ask<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap((group) => group.rules),
    stop: async () => void (await child.stop()),
  };
}
