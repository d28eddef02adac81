/** How far work is that takes longer than two seconds, on standard error: a bar in a terminal, else a line now and then. */

const APPEARS_AFTER_MS = 2_000;
const REDRAW_MS = 200;
/** Where there is no terminal: a log should not be full of it. */
const LINE_EVERY_MS = 10_000;
const BAR_CELLS = 24;
const CLEAR_LINE = '\r\x1b[K';

export interface Progress {
  /** How much is done, and of how much where that is known. */
  at(done: number, total?: number): void;
  /** Prints a line above the bar, also where there is no terminal. */
  note(line: string): void;
  /** Takes the bar away while something is printed. */
  pause(print: () => void): void;
}

type Screen = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>;

/** Does the work, and shows how far it is. The bar is gone when the work has ended, however it ended. */
export async function withProgress<Result>(
  label: string,
  work: (progress: Progress) => Promise<Result>,
  screen: Screen = process.stderr,
): Promise<Result> {
  const startedMs = performance.now();
  let [done, total]: [number, number | undefined] = [0, undefined];
  let isShown = false;
  const line = () =>
    progressLine(label, done, total, Math.floor((performance.now() - startedMs) / 1000), screen.isTTY ?? false);
  const draw = () => {
    isShown = true;
    screen.write(`${CLEAR_LINE}${line().slice(0, (screen.columns ?? 80) - 1)}`);
  };
  const clear = () => {
    if (isShown) screen.write(CLEAR_LINE);
    isShown = false;
  };
  const pause = (print: () => void) => {
    const wasShown = isShown;
    clear();
    print();
    if (wasShown) draw();
  };
  const timers: NodeJS.Timeout[] = [];
  const appear = () => {
    draw();
    timers.push(setInterval(draw, REDRAW_MS).unref());
  };
  timers.push(
    screen.isTTY
      ? setTimeout(appear, APPEARS_AFTER_MS).unref()
      : setInterval(() => screen.write(`${line()}\n`), LINE_EVERY_MS).unref(),
  );
  try {
    return await work({
      at(nowDone, nowTotal) {
        [done, total] = [nowDone, nowTotal];
      },
      note: (line) => pause(() => screen.write(`${line}\n`)),
      pause,
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    clear();
  }
}

/** @param seconds since the start */
export function progressLine(
  label: string,
  done: number,
  total: number | undefined,
  seconds: number,
  withBar = true,
): string {
  if (total === undefined || total <= 0) {
    const count = done > 0 ? `  ${done.toLocaleString('en')}` : '';
    return `${label}${count}  ${seconds} s`;
  }
  const share = Math.min(1, done / total);
  const counts = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
  if (!withBar) return `${label}  ${counts}  ${seconds} s`;
  const filled = Math.floor(share * BAR_CELLS);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
  return `${label}  ${bar}  ${String(Math.floor(share * 100)).padStart(3)} %  ${counts}  ${seconds} s`;
}
