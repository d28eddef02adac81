/** Load on one server: so many connections, each of which sends its next request when the last is answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { BenchRequest } from './requests.ts';

export interface Answer {
  status: number;
  body: string;
}

export interface Load {
  /** An origin, without a path. */
  url: string;
  connections: number;
  seconds: number;
  next(): BenchRequest;
  /** @throws Error for an answer that is not the right one */
  check(answer: Answer, request: BenchRequest): void;
}

export interface LoadResult {
  /** Right answers. */
  answers: number;
  perSecond: number;
  /** Of this process while it sent them, in cores: near 1, it is what limits. */
  clientCores: number;
}

const HEAD_END = '\r\n\r\n';
/** After the last request was sent, for its answer. */
const ANSWER_DEADLINE_MS = 10_000;

export async function drive(load: Load): Promise<LoadResult> {
  const { hostname, port } = new URL(load.url);
  const sockets = await Promise.all(
    Array.from({ length: load.connections }, async () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      await once(socket, 'connect');
      return socket;
    }),
  );
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const untilMs = startedMs + load.seconds * 1_000;
  try {
    const counts = await Promise.all(sockets.map((socket) => exchangeUntil(socket, untilMs, load)));
    const seconds = (performance.now() - startedMs) / 1_000;
    const { user, system } = process.cpuUsage(cpuBefore);
    const answers = counts.reduce((sum, count) => sum + count, 0);
    return { answers, perSecond: answers / seconds, clientCores: (user + system) / 1e6 / seconds };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Node's own client would need several times as long for an answer as the server. */
function exchangeUntil(socket: Socket, untilMs: number, { url, next, check }: Load): Promise<number> {
  const host = new URL(url).host;
  return new Promise((resolve, reject) => {
    let answers = 0;
    let received = '';
    let request = next();
    const send = () => socket.write(requestText(host, request));
    const late = setTimeout(
      () => reject(new Error(`${request.path} was not answered in time`)),
      untilMs - performance.now() + ANSWER_DEADLINE_MS,
    );
    const end = (settle: () => void) => {
      clearTimeout(late);
      settle();
    };
    // One byte is one character, so that lengths are those of the head.
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
      try {
        const answer = answerIn(received);
        if (answer === null) return;
        received = '';
        check(answer, request);
        answers += 1;
      } catch (error) {
        end(() => reject(error));
        return;
      }
      if (performance.now() >= untilMs) {
        end(() => resolve(answers));
        return;
      }
      request = next();
      send();
    });
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => reject(new Error(`${url} has closed a connection`))));
    send();
  });
}

function requestText(host: string, { method, path, headers, body = '' }: BenchRequest): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === 'POST' ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : '';
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}${length}\r\n${body}`;
}

/** The whole answer, or null while some of it is missing. @throws Error where its length is not in its head */
function answerIn(received: string): Answer | null {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = received.slice(0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head}`);
  const bodyStart = headEnd + HEAD_END.length;
  if (received.length < bodyStart + Number(length)) return null;
  return { status: Number(head.slice(9, 12)), body: received.slice(bodyStart) };
}
