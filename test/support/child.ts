/** A process of a test: its output goes to a file, and it is ended by its id, with all that it started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { endGroupWithThisProcess } from '../../scripts/processes.ts';
import { forgetGroup, rememberGroup } from './groups.ts';

export interface Child {
  readonly pid: number;
  /** Whether the process has ended and all of its output can be read. */
  hasEnded(): boolean;
  /** All that it has printed so far. */
  output(): string;
  /** SIGTERM, and SIGKILL if it does not end in time; resolves with the exit code, when all of its output can be read. */
  stop(): Promise<number | null>;
  /** SIGKILL to the whole group. */
  kill(): Promise<void>;
}

const STOP_DEADLINE_MS = 30_000;
const LAST_OUTPUT_WITHIN_MS = 2_000;

export function startChild(
  command: string,
  args: string[],
  options: { env: NodeJS.ProcessEnv; logFile: string; cwd?: string },
): Child {
  // A group of its own: what the process starts is ended with it.
  const child = spawn(command, args, {
    env: options.env,
    ...(options.cwd && { cwd: options.cwd }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(options.logFile, { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  rememberGroup(pid);
  const release = endGroupWithThisProcess(pid);
  const written = new Promise((resolve) => child.once('close', () => log.end(resolve)));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve)).then(async (code) => {
    forgetGroup(pid);
    release();
    // What it has started may hold its output open.
    await Promise.race([written, sleep(LAST_OUTPUT_WITHIN_MS, undefined, { ref: false })]);
    return code;
  });

  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });

  async function kill(): Promise<void> {
    if (!hasEnded(child)) process.kill(-(pid as number), 'SIGKILL');
    await exited;
  }
  return {
    pid,
    hasEnded: () => isOver,
    output: () => readFileSync(options.logFile, 'utf8'),
    kill,
    async stop() {
      if (!hasEnded(child)) process.kill(pid, 'SIGTERM');
      const late = sleep(STOP_DEADLINE_MS, 'late' as const, { ref: false });
      if ((await Promise.race([exited, late])) === 'late') await kill();
      return exited;
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Asks until the answer is yes. Fails at the deadline, or when the child has ended, with what was hoped for, and the last words of the child or of
 * whatever else is asked.
 */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  options: { deadlineMs?: number; everyMs?: number; child?: Child; lastWords?: () => string } = {},
): Promise<void> {
  const deadlineMs = Date.now() + (options.deadlineMs ?? 60_000);
  for (;;) {
    const isOver = options.child?.hasEnded() ?? false;
    if (await holds()) return;
    if (isOver || Date.now() > deadlineMs) {
      throw new Error(
        `${what}: ${isOver ? 'it has ended' : 'not in time'}\n${options.child?.output().slice(-2000) ?? options.lastWords?.() ?? ''}`,
      );
    }
    await sleep(options.everyMs ?? 50);
  }
}

/** Whether a URL answers with 200, to the end of its body. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
