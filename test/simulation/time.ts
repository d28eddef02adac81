/**
 * Time that passes only when nothing is left to do at the present moment. Whatever would take time in production is a
 * task here, and one task runs after the other, to the end of all that it sets off: so a history is the same each time.
 */
import { createHash } from 'node:crypto';

/** What runs, and can die: a request, a batch of the queue, a run of the cron. What is dead gets no answer any more. */
export interface Process {
  readonly name: string;
  alive: boolean;
}

interface Task {
  atMs: number;
  order: number;
  /** Null: of the world outside, which goes on when a process dies. */
  process: Process | null;
  run: () => void;
}

/** Of one history. Each has some thousands; only one that goes round in circles has more. */
const MAX_TASKS = 100_000;

/** Thrown where a history does not come to its end. */
export class EndlessHistory extends Error {
  override name = 'EndlessHistory';
}

// The real ones, before they are replaced below.
const { setImmediate: realSetImmediate } = globalThis;

/** All that a task has set off is done when the event loop comes round again. */
const nextTurn = () => new Promise<void>((resolve) => realSetImmediate(resolve));

export class SimulatedTime {
  nowMs: number;
  /** Whose code is running. */
  current: Process | null = null;
  #tasks: Task[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Runs the task later, unless its process is dead by then. */
  after(delayMs: number, run: () => void, process: Process | null): Task {
    const task = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, process, run };
    this.#order += 1;
    this.#push(task);
    return task;
  }

  cancel(task: Task): void {
    task.run = () => {};
  }

  /** Lets time pass until this moment. */
  async runUntil(untilMs: number): Promise<void> {
    for (let task = this.#tasks[0]; task !== undefined && task.atMs <= untilMs; task = this.#tasks[0]) {
      if (this.#order > MAX_TASKS) throw new EndlessHistory(`${MAX_TASKS} tasks, and more to come`);
      this.#pop();
      this.nowMs = task.atMs;
      if (task.process !== null && !task.process.alive) continue;
      this.current = task.process;
      task.run();
      await nextTurn();
    }
    this.current = null;
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #push(task: Task): void {
    const heap = this.#tasks;
    let index = heap.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent] as Task, task)) break;
      heap[index] = heap[parent] as Task;
      index = parent;
    }
    heap[index] = task;
  }

  #pop(): void {
    const heap = this.#tasks;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Task, heap[child] as Task)) child += 1;
      if (before(last, heap[child] as Task)) break;
      heap[index] = heap[child] as Task;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The time that timers, signals and clocks of the code under test see. */
let time = new SimulatedTime(0);

export function useTime(simulated: SimulatedTime): void {
  time = simulated;
}

/**
 * Puts simulated timers in the place of the runtime's, in this whole thread: the code under test, and the libraries that
 * it uses, have no other way to wait. What reads a clock by itself, or asks for chance, gets what is the same each time.
 */
export function replaceTimers(): void {
  const setTimer = <Values extends unknown[]>(run: (...values: Values) => void, delayMs = 0, ...values: Values) =>
    time.after(delayMs, () => run(...values), time.current);
  const clearTimer = (task: Task | undefined) => task && time.cancel(task);
  Object.assign(globalThis, { setTimeout: setTimer, clearTimeout: clearTimer });
  performance.now = () => time.nowMs;
  Date.now = () => time.nowMs;
  AbortSignal.timeout = (delayMs) => {
    const controller = new AbortController();
    time.after(delayMs, () => controller.abort(new DOMException('too late', 'TimeoutError')), time.current);
    return controller.signal;
  };
}

/** Web Crypto answers from another thread, at no simulated time: here a digest is there at once. */
export function replaceDigest(): void {
  crypto.subtle.digest = async (algorithm, data) => {
    const bytes = createHash(String(algorithm))
      .update(new Uint8Array(data as ArrayBuffer))
      .digest();
    return Uint8Array.from(bytes).buffer;
  };
}

/** `Math.random` for the libraries: the pauses of a retry vary by it. */
export function replaceChance(next: () => number): void {
  Math.random = next;
}
