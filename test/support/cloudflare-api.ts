/** As much of Cloudflare's API as a deployment calls: an account that starts empty and remembers what was made in it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

export const ACCOUNT = 'account';
const DEPLOYMENT_ID = '22222222222242228222222222222222';

export interface CloudflareApi {
  readonly url: string;
  /** What changed the account, in order, such as `create database payment-service`, `create queue payment-events in eu`, or `place 0 of 4`. */
  readonly changes: string[];
  /** Every request that is more than a question, such as `POST /accounts/account/queues`: SQL other than SELECT is one too. */
  readonly writes: string[];
  /** The versions of a Worker in the order of their deployments, such as `["version 1", "version 2", "version 1"]` after a rollback. */
  deployments(worker: string): string[];
  /** Names of the secrets of each Worker. */
  readonly secrets: string[];
  /** The static assets of the last deployment, as `/docs.html`. */
  readonly pages: string[];
  /** What the next deployments are answered with instead, where the path holds `part`. */
  refuse(part: string, message: string): void;
  /** Whatever would change the account is refused where its path or its body has `part` in it; null: nothing any more. */
  refuseWritesOf(part: string | null): void;
  /** What is in the D1 database of this name. */
  databaseNamed(name: string): DatabaseSync;
  close(): Promise<void>;
}

type Answer = { result: unknown } | { status: number; code: number; message: string };

interface Database {
  uuid: string;
  name: string;
  jurisdiction: string | null;
}
interface Queue {
  queue_id: string;
  queue_name: string;
  jurisdiction?: string;
}

const NOT_FOUND: Answer = { status: 404, code: 10_007, message: 'not found' };

export async function startCloudflareApi(): Promise<CloudflareApi> {
  const changes: string[] = [];
  const writes: string[] = [];
  const secrets: string[] = [];
  const pages: string[] = [];
  const databases: Database[] = [];
  const queues: Queue[] = [];
  const buckets: { name: string; jurisdiction: string | null }[] = [];
  /** By the name of each Worker. */
  const workers = new Map<string, { uploaded: number; deployed: string[] }>();
  /** What is in each database, by its id. */
  const contents = new Map<string, DatabaseSync>();
  let refusal: { part: string; message: string } | null = null;
  let refusedWrites: string | null = null;

  function answer(
    method: string,
    { pathname: path, searchParams }: URL,
    body: string,
    jurisdiction: string | null,
  ): Answer {
    const isQuestion = method === 'GET' || (path.endsWith('/query') && JSON.parse(body).sql.startsWith('SELECT'));
    if (!isQuestion && refusedWrites !== null && `${path}\n${body}`.includes(refusedWrites)) {
      return { status: 403, code: 10_000, message: 'this write is refused' };
    }
    if (!isQuestion) writes.push(`${method} ${path}`);
    if (refusal !== null && path.includes(refusal.part)) {
      return { status: 403, code: 10_000, message: refusal.message };
    }
    const [area, kind, name, detail] = path.split('/').slice(3);
    if (area === 'd1') return answerDatabase(method, name, detail, body);
    if (area === 'queues') return answerQueue(method, name ?? kind, searchParams.get('name'), body);
    if (area === 'r2') return answerBucket(method, name, body, jurisdiction);
    if (kind === 'subdomain') return { result: { subdomain: 'example' } };
    if (detail === 'assets-upload-session') return answerPages(body);
    if (detail === 'deployments' || detail === 'versions') return answerDeployments(method, name, detail, path, body);
    return answerWorker(method, kind, name, detail);
  }

  function answerDeployments(method: string, name = '', detail: string, path: string, body: string): Answer {
    const worker = workers.get(name);
    if (worker === undefined) return NOT_FOUND;
    if (detail === 'versions')
      return { result: { id: path.split('/').at(-1), number: 1, metadata: { created_on: dateOf(0) } } };
    if (method === 'POST') {
      const [{ version_id }]: [{ version_id: string }] = JSON.parse(body).versions;
      worker.deployed.push(version_id);
      changes.push(`roll ${name} back to ${version_id}`);
      return { result: { id: DEPLOYMENT_ID } };
    }
    const deployments = worker.deployed.map((version_id, index) => ({
      id: DEPLOYMENT_ID,
      created_on: dateOf(index),
      source: 'api',
      strategy: 'percentage',
      author_email: 'somebody@example.com',
      versions: [{ version_id, percentage: 100 }],
    }));
    return { result: { deployments: deployments.toReversed() } };
  }

  function answerDatabase(method: string, name: string | undefined, detail: string | undefined, body: string): Answer {
    if (name === undefined && method === 'POST') {
      const { name: created, jurisdiction = null } = JSON.parse(body);
      const database = { uuid: databaseId(databases.length + 1), name: created, jurisdiction };
      databases.push(database);
      changes.push(`create database ${created}${jurisdiction === null ? '' : ` in ${jurisdiction}`}`);
      return { result: database };
    }
    if (name === undefined) return { result: databases };
    // An id that somebody wrote into wrangler.toml is one of the account's.
    const found = databases.find((database) => database.name === name || database.uuid === name);
    const uuid = found?.uuid ?? (/^[0-9a-f-]{36}$/.test(name) ? name : null);
    if (uuid === null) return { status: 404, code: 7404, message: 'no such database' };
    if (detail === 'query') return query(uuid, JSON.parse(body).sql);
    return { result: found ?? { uuid, name } };
  }

  function query(uuid: string, sql: string): Answer {
    try {
      const result = allStatements(contentOf(uuid), sql);
      const migration = /INSERT INTO "?d1_migrations"? \(name\)\s*values \('([^']+)'\)/i.exec(sql)?.[1];
      if (migration !== undefined) changes.push(`migrate ${migration}`);
      const [, shard, shards] = /^INSERT INTO database_place .* SELECT 1, (\d+), (\d+)/.exec(sql) ?? [];
      if (shard !== undefined) changes.push(`place ${shard} of ${shards}`);
      return { result };
    } catch (error) {
      return { status: 400, code: 7500, message: `${error instanceof Error ? error.message : error}: SQLITE_ERROR` };
    }
  }

  function contentOf(uuid: string): DatabaseSync {
    const sqlite = contents.get(uuid) ?? new DatabaseSync(':memory:', { enableDoubleQuotedStringLiterals: true });
    contents.set(uuid, sqlite);
    return sqlite;
  }

  function answerQueue(method: string, detail: string | undefined, wanted: string | null, body: string): Answer {
    if (detail === 'consumers') return { result: method === 'GET' ? [] : {} };
    if (method === 'POST') {
      const { queue_name, jurisdiction } = JSON.parse(body);
      queues.push({ queue_id: `queue-${queues.length + 1}`, queue_name, ...(jurisdiction && { jurisdiction }) });
      changes.push(`create queue ${queue_name}${jurisdiction ? ` in ${jurisdiction}` : ''}`);
      return { result: queues.at(-1) };
    }
    const entries = queues
      .filter(({ queue_name }) => wanted === null || queue_name === wanted)
      .map((queue) => ({ ...queue, producers: [], consumers: [] }));
    return { result: method === 'GET' ? entries : (entries[0] ?? {}) };
  }

  /** Each jurisdiction has buckets of its own. */
  function answerBucket(method: string, name: string | undefined, body: string, jurisdiction: string | null): Answer {
    const own = buckets.filter((bucket) => bucket.jurisdiction === jurisdiction);
    if (method === 'POST') {
      const { name: created } = JSON.parse(body);
      buckets.push({ name: created, jurisdiction });
      changes.push(`create bucket ${created}${jurisdiction === null ? '' : ` in ${jurisdiction}`}`);
      return { result: {} };
    }
    if (name === undefined) return { result: { buckets: own.map((bucket) => ({ name: bucket.name })) } };
    const found = own.find((bucket) => bucket.name === name);
    return found === undefined
      ? { status: 404, code: 10_006, message: 'The specified bucket does not exist.' }
      : { result: { name } };
  }

  /** As one that has all of the files already, so that none is asked for. */
  function answerPages(body: string): Answer {
    const { manifest } = JSON.parse(body) as { manifest: Record<string, unknown> };
    pages.splice(0, pages.length, ...Object.keys(manifest).toSorted());
    return { result: { jwt: 'completed', buckets: [] } };
  }

  function answerWorker(method: string, kind: string | undefined, name: string | undefined, detail?: string): Answer {
    const exists = name !== undefined && workers.has(name);
    if (kind === 'scripts' && method === 'PUT' && name !== undefined && detail === undefined) {
      const worker = workers.get(name) ?? { uploaded: 0, deployed: [] };
      worker.uploaded += 1;
      worker.deployed.push(`version ${worker.uploaded}`);
      workers.set(name, worker);
      changes.push(`deploy ${name}`);
      return { result: { id: name, etag: 'etag', deployment_id: DEPLOYMENT_ID } };
    }
    if (detail === 'schedules' || (detail === 'subdomain' && method === 'POST')) return { result: { schedules: [] } };
    if (exists && detail === 'secrets') {
      return { result: secrets.map((secret) => ({ name: secret, type: 'secret_text' })) };
    }
    if (kind === 'scripts' && name === undefined) {
      return { result: [...workers.keys()].map((id) => ({ id, migration_tag: 'v1' })) };
    }
    if (kind === 'services' && exists) {
      return { result: { default_environment: { environment: 'production', script: { tag: 'tag', tags: [] } } } };
    }
    if (kind === 'workers' && workers.size > 0) {
      return { result: { subdomain: { enabled: true, previews_enabled: false } } };
    }
    return NOT_FOUND;
  }

  const server = createServer((request, response) => void reply(request, response));
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const jurisdiction = request.headers['cf-r2-jurisdiction']?.toString() ?? null;
    const given = answer(request.method ?? 'GET', url, await textOf(request), jurisdiction);
    const failed = 'status' in given;
    response.writeHead(failed ? given.status : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        success: !failed,
        result: failed ? null : given.result,
        errors: failed ? [{ code: given.code, message: given.message }] : [],
        messages: [],
      }),
    );
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changes,
    writes,
    secrets,
    pages,
    deployments: (worker) => workers.get(worker)?.deployed ?? [],
    refuse(part, message) {
      refusal = { part, message };
    },
    refuseWritesOf(part) {
      refusedWrites = part;
    },
    databaseNamed(name) {
      const found = databases.find((database) => database.name === name);
      if (found === undefined) throw new Error(`the account has no database ${name}`);
      return contentOf(found.uuid);
    },
    async close() {
      for (const sqlite of contents.values()) sqlite.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Each as D1 answers it. */
function allStatements(sqlite: DatabaseSync, sql: string): { results: unknown[]; success: true; meta: object }[] {
  const answers = [];
  for (let rest = sql.trim(); rest !== ''; ) {
    const statement = sqlite.prepare(rest);
    answers.push({ results: statement.all(), success: true as const, meta: {} });
    rest = rest.slice(statement.sourceSQL.length).replace(/^(\s|--.*(\n|$))+/, '');
  }
  return answers;
}

const dateOf = (second: number) => new Date(Date.UTC(2026, 10, 1, 0, 0, second)).toISOString();

const databaseId = (number: number) => `11111111-1111-4111-8111-${String(number).padStart(12, '0')}`;

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
