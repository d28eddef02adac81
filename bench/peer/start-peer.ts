/** The FastAPI peer on this machine: uvicorn, its PostgreSQL and its part of a RabbitMQ. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../../scripts/free-port.ts';
import { answers, type Child, startChild, until } from '../../test/support/child.ts';
import { removeTopology } from '../../test/support/exchange.ts';
import { PYTHON } from './peer-packages.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';

const DIRECTORY = import.meta.dirname;
const DATABASE_DEADLINE_MS = 20_000;
/** Where Debian's PostgreSQL answers, unless PEER_DATABASE_URL names another. */
const DEFAULT_DATABASE_URL = 'postgresql://postgres@127.0.0.1:5432/postgres';

export interface Peer {
  /** Without limits that the benchmark would reach. */
  url: string;
  /** With the contract's limits. */
  limitedUrl: string;
  stop(): Promise<void>;
}

export async function startPeer(options: {
  logs: string;
  rabbitmqUrl: string;
  print: (line: string) => void;
}): Promise<Peer> {
  const name = `bench_peer_${randomBytes(4).toString('hex')}`;
  const [exchange, queue] = [`${name}_events`, `${name}_queue`];
  const [defaultUrl, own] = await databaseFor(name, options.print);
  const env = {
    PATH: process.env.PATH,
    PEER_SCHEMA: name,
    PEER_DATABASE_URL: defaultUrl,
    PEER_RABBITMQ_URL: options.rabbitmqUrl,
    PEER_EXCHANGE: exchange,
    PEER_QUEUE: queue,
  };
  const children: Child[] = [];
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    await removeTopology(options.rabbitmqUrl, exchange, queue);
    if (own === null) database('drop', name, defaultUrl);
    else own.stop();
  };
  const start = async (limits: { perMinute: number; burst: number }) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const child = startChild(
      PYTHON,
      [
        ...['-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', String(port)],
        // As it would be deployed: the fast loop and parser, behind a proxy that names the client, no line a request.
        ...['--loop', 'uvloop', '--http', 'httptools', '--proxy-headers', '--no-access-log', '--log-level', 'warning'],
      ],
      {
        cwd: DIRECTORY,
        env: {
          ...env,
          PYTHONDONTWRITEBYTECODE: '1',
          PEER_RATE_PER_MINUTE: String(limits.perMinute),
          PEER_RATE_BURST: String(limits.burst),
        },
        logFile: join(options.logs, `peer-${port}.log`),
      },
    );
    children.push(child);
    await until('the peer answers', () => answers(`${url}/health`), { child });
    return url;
  };
  try {
    const unlimited = 1_000_000_000;
    const url = await start({ perMinute: unlimited, burst: unlimited });
    return { url, limitedUrl: await start({ perMinute: 100, burst: 20 }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where the peer's tables are, and the PostgreSQL that was started for them. */
async function databaseFor(schema: string, print: (line: string) => void): Promise<[string, Postgresql | null]> {
  const url = process.env.PEER_DATABASE_URL ?? DEFAULT_DATABASE_URL;
  try {
    database('create', schema, url);
    return [url, null];
  } catch (error) {
    if (process.env.PEER_DATABASE_URL !== undefined) throw error;
  }
  const own = await startPostgresql(print);
  try {
    database('create', schema, own.url);
    return [own.url, own];
  } catch (error) {
    own.stop();
    throw error;
  }
}

function database(command: 'create' | 'drop', schema: string, url: string): void {
  execFileSync(PYTHON, ['database.py', command], {
    cwd: DIRECTORY,
    env: { PATH: process.env.PATH, PEER_SCHEMA: schema, PEER_DATABASE_URL: url },
    timeout: DATABASE_DEADLINE_MS,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
