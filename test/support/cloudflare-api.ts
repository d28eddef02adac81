/** As much of Cloudflare's API as a deployment calls: an account that starts empty and remembers what was made in it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ACCOUNT = 'account';
const DATABASE_ID = '11111111-1111-4111-8111-111111111111';
const DEPLOYMENT_ID = '22222222222242228222222222222222';
const QUEUE_ID = 'queue-1';

export interface CloudflareApi {
  readonly url: string;
  /** What changed the account, in order, such as `create database payment-service`. */
  readonly changes: string[];
  /** Names of the migrations that the database has. */
  readonly migrations: string[];
  /** Names of the Worker's secrets. */
  readonly secrets: string[];
  /** What the next deployments are answered with instead, where the path holds `part`. */
  refuse(part: string, message: string): void;
  close(): Promise<void>;
}

type Answer = { result: unknown } | { status: number; code: number; message: string };

const NOT_FOUND: Answer = { status: 404, code: 10_007, message: 'not found' };

export async function startCloudflareApi(): Promise<CloudflareApi> {
  const changes: string[] = [];
  const migrations: string[] = [];
  const secrets: string[] = [];
  let database: string | null = null;
  let queue: string | null = null;
  let workerExists = false;
  let refusal: { part: string; message: string } | null = null;

  function answer(method: string, path: string, body: string): Answer {
    if (refusal !== null && path.includes(refusal.part)) {
      return { status: 403, code: 10_000, message: refusal.message };
    }
    const [area, kind, name, detail] = path.split('/').slice(3);
    if (area === 'd1') return answerDatabase(method, name, detail, body);
    if (area === 'queues') return answerQueue(method, name ?? kind, body);
    if (kind === 'subdomain') return { result: { subdomain: 'example' } };
    return answerWorker(method, kind, name, detail);
  }

  function answerDatabase(method: string, name: string | undefined, detail: string | undefined, body: string): Answer {
    if (name === undefined && method === 'POST') {
      database = JSON.parse(body).name;
      changes.push(`create database ${database}`);
    } else if (name === undefined) {
      return { result: database === null ? [] : [{ uuid: DATABASE_ID, name: database }] };
    }
    if (detail === 'query') return { result: [{ results: query(JSON.parse(body).sql), success: true, meta: {} }] };
    return database === null || (name !== undefined && name !== database && name !== DATABASE_ID)
      ? { status: 404, code: 7404, message: 'no such database' }
      : { result: { uuid: DATABASE_ID, name: database } };
  }

  function query(sql: string): unknown[] {
    if (sql.startsWith('SELECT')) return migrations.map((name) => ({ name }));
    const migration = /INSERT INTO "?d1_migrations"? \(name\)\s*values \('([^']+)'\)/i.exec(sql)?.[1];
    if (migration !== undefined) {
      migrations.push(migration);
      changes.push(`migrate ${migration}`);
    }
    return [];
  }

  function answerQueue(method: string, detail: string | undefined, body: string): Answer {
    if (detail === 'consumers') return { result: method === 'GET' ? [] : {} };
    if (method === 'POST') {
      queue = JSON.parse(body).queue_name;
      changes.push(`create queue ${queue}`);
    }
    const entry = { queue_name: queue, queue_id: QUEUE_ID, producers: [], consumers: [] };
    if (method === 'GET') return { result: queue === null ? [] : [entry] };
    return { result: entry };
  }

  function answerWorker(method: string, kind: string | undefined, name: string | undefined, detail?: string): Answer {
    if (kind === 'scripts' && method === 'PUT' && detail === undefined) {
      workerExists = true;
      changes.push(`deploy ${name}`);
      return { result: { id: name, etag: 'etag', deployment_id: DEPLOYMENT_ID } };
    }
    if (detail === 'schedules' || (detail === 'subdomain' && method === 'POST')) return { result: { schedules: [] } };
    if (workerExists && detail === 'secrets') {
      return { result: secrets.map((secret) => ({ name: secret, type: 'secret_text' })) };
    }
    if (!workerExists) return kind === 'scripts' && name === undefined ? { result: [] } : NOT_FOUND;
    if (kind === 'services') {
      return { result: { default_environment: { environment: 'production', script: { tag: 'tag', tags: [] } } } };
    }
    if (kind === 'workers') return { result: { subdomain: { enabled: true, previews_enabled: false } } };
    return kind === 'scripts' && name === undefined ? { result: [{ id: name, migration_tag: 'v1' }] } : NOT_FOUND;
  }

  const server = createServer((request, response) => void reply(request, response));
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const given = answer(request.method ?? 'GET', pathname, await textOf(request));
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
    migrations,
    secrets,
    refuse(part, message) {
      refusal = { part, message };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
