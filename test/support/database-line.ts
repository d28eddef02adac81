/**
 * The line between the Worker of test/worker/stalled-worker.ts and its D1. While it stalls, batches wait; each is carried out in the
 * order of its arrival, whether or not anybody still waits for it.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** D1 has been seen to answer so late. */
const HELD_MAX_MS = 80_000;
const LOOK_AGAIN_MS = 20;
/** Handed on in their order, and the database carries out one after the other: so it never waits for the next one. */
const ON_THEIR_WAY_MAX = 16;

export interface DatabaseLine {
  /** Where the Worker sends its batches. */
  readonly url: string;
  /** The path at which the Worker carries them out. */
  readonly path: string;
  /** Answers of the database that are errors. */
  readonly errors: readonly string[];
  /** Batches that have arrived and are not carried out yet. */
  readonly waiting: number;
  /** Batches that were carried out after their caller had given up. */
  readonly abandoned: number;
  /** The longest that a batch has waited. */
  readonly longestMs: number;
  /** From now on, batches go to the Worker at this address. */
  leadTo(workerUrl: string): void;
  stall(): void;
  /** Carries out what has gathered, and then each batch at once. */
  goOn(): void;
  /** Ends when no batch waits any more. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

interface Batch {
  text: string;
  arrivedAtMs: number;
  response: ServerResponse;
}

export async function startDatabaseLine(): Promise<DatabaseLine> {
  const path = '/carried-out-batches';
  const batches: Batch[] = [];
  const errors: string[] = [];
  const onTheirWay = new Set<Promise<void>>();
  const counts = { abandoned: 0, longestMs: 0 };
  let address: string | null = null;
  let isStalled = false;
  let isRunning = false;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      const isHeld = isStalled && performance.now() - batch.arrivedAtMs < HELD_MAX_MS;
      if (isHeld || onTheirWay.size >= ON_THEIR_WAY_MAX) {
        await Promise.race([sleep(LOOK_AGAIN_MS), ...onTheirWay]);
        continue;
      }
      batches.shift();
      const carriedOut = carryOut(batch).finally(() => onTheirWay.delete(carriedOut));
      onTheirWay.add(carriedOut);
    }
    isRunning = false;
  }

  async function carryOut({ text, arrivedAtMs, response }: Batch): Promise<void> {
    if (address === null) throw new Error('a batch has come before the line led anywhere');
    counts.longestMs = Math.max(counts.longestMs, performance.now() - arrivedAtMs);
    if (response.destroyed) counts.abandoned += 1;
    const answer = await fetch(`${address}${path}`, { method: 'POST', body: text }).then(
      (done) => done.text(),
      (error: unknown) => JSON.stringify({ error: `D1_ERROR: ${error}` }),
    );
    if (answer.startsWith('{"error"')) errors.push(answer);
    if (!response.destroyed) response.end(answer);
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      batches.push({ text: Buffer.concat(chunks).toString(), arrivedAtMs: performance.now(), response });
      void run();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    path,
    errors,
    get waiting() {
      return batches.length + onTheirWay.size;
    },
    get abandoned() {
      return counts.abandoned;
    },
    get longestMs() {
      return counts.longestMs;
    },
    leadTo(workerUrl) {
      address = workerUrl;
    },
    stall() {
      isStalled = true;
    },
    goOn() {
      isStalled = false;
    },
    async caughtUp() {
      while (batches.length > 0 && server.listening) await sleep(LOOK_AGAIN_MS);
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
