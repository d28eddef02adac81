/**
 * Child processes that leave nothing behind. Each is a Node script in a process group of its own: a Ctrl-C in the terminal
 * reaches only this process, which ends the others in order, and what a child has started ends with the child. Should this
 * process be killed, its children end too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a process may take to end in order before it is killed. */
const STOP_DEADLINE_MS = 3_000;

export interface Running {
  /** Resolves with how it ended, such as "exit code 1". Never rejects. */
  ended: Promise<string>;
  /** Ends it and all that it started: asked first, killed after three seconds. */
  stop(): Promise<void>;
}

export interface StartOptions {
  cwd: string;
  /** Added to this process's own. */
  env?: Record<string, string>;
  /** Each line of its standard output and error. */
  onLine: (line: string) => void;
  /** As of nice(1), for it and for what it starts: the higher, the more it gives way to others. */
  niceness?: number;
}

/** Starts a Node script with this process's Node. */
export function startProcess(args: string[], { cwd, env, onLine, niceness = 0 }: StartOptions): Running {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined && niceness > 0) setPriority(child.pid, niceness);
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
  const release = endGroupWithThisProcess(child.pid);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      release();
      resolve(signal ?? `exit code ${code}`);
    });
  });

  return {
    ended,
    async stop() {
      child.kill('SIGTERM');
      await Promise.race([ended, delay(STOP_DEADLINE_MS, undefined, { ref: false })]);
      killGroup(child.pid);
      await ended;
    },
  };
}

/** Asks the group's leader to end, waits up to three seconds, then kills what is left of the group. */
const END_GROUP = `
kill -TERM "$1"
tries=0
while kill -0 "$1" && [ $tries -lt ${STOP_DEADLINE_MS / 100} ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "-$1"`;

/** Ends a process group when this process is gone, however it went; the returned function takes that back. */
export function endGroupWithThisProcess(leader: number | undefined): () => void {
  return leader === undefined ? () => {} : whenThisProcessIsGone(END_GROUP, [String(leader)]);
}

/**
 * Has /bin/sh run a script once this process is gone, also by SIGKILL, unless the returned function was called before. The shell
 * waits on a pipe, which the kernel closes with this process on Linux and on macOS.
 */
export function whenThisProcessIsGone(script: string, args: string[]): () => void {
  const shell = spawn('/bin/sh', ['-c', `read -r _\n${script}`, 'sh', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a Ctrl-C in the terminal, or whatever kills our group, is not for it
  });
  shell.on('error', () => {}); // without a shell, nothing watches
  shell.unref();
  if ('unref' in shell.stdin) (shell.stdin as Socket).unref();
  return () => shell.kill('SIGKILL');
}

const NPM_POLL_MS = 1_000;

/** Calls `end` when the npm that runs this script is gone: a killed npm sends no signal. Without npm, it does nothing. */
export function whenNpmIsGone(end: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    end();
  }, NPM_POLL_MS);
  timer.unref();
}

/** Aborted when this process is ended: by a signal, which then does not end it at once, or by the end of its npm. */
export function endedByPerson(): AbortSignal {
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ended.abort());
  whenNpmIsGone(() => ended.abort());
  return ended.signal;
}

export interface Finished {
  ended: string;
  succeeded: boolean;
  output: string;
}

/** Runs a Node script to its end; `signal` ends it early. */
export async function runProcess(
  args: string[],
  { cwd, env = {}, signal }: { cwd: string; env?: Record<string, string>; signal: AbortSignal },
): Promise<Finished> {
  const lines: string[] = [];
  const running = startProcess(args, { cwd, env, onLine: (line) => lines.push(line) });
  const stop = () => void running.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const ended = await running.ended;
  signal.removeEventListener('abort', stop);
  return { ended, succeeded: ended === 'exit code 0', output: lines.join('\n') };
}

/** Why no server can be started on this port of this machine, or null. One on either loopback address is in the way. */
export async function whyPortIsTaken(port: number): Promise<string | null> {
  for (const host of ['127.0.0.1', '::1', '0.0.0.0']) {
    const code = await listenOnce(port, host);
    if (code === 'EADDRINUSE') return 'is in use';
    if (code === 'EACCES') return 'is not allowed to this user';
    // Anything else, such as a machine without IPv6, is for the server itself to find.
  }
  return null;
}

async function listenOnce(port: number, host: string): Promise<string | undefined> {
  const server = createServer();
  try {
    await once(server.listen({ port, host }), 'listening');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    server.close();
  }
}

/** Kills a child and what it started, where any of it is left. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
