/** A progress bar on standard error, for work that takes longer than two seconds and that somebody watches in a terminal. */

const APPEARS_AFTER_MS = 2_000;
const REDRAW_MS = 200;
const BAR_CELLS = 24;
const CLEAR_LINE = '\r\x1b[K';

export interface Progress {
  /** How much is done, and of how much where that is known. */
  at(done: number, total?: number): void;
  /** Prints a line above the bar, also where there is no terminal. */
  note(line: string): void;
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
  const draw = () => {
    isShown = true;
    const line = progressLine(label, done, total, Math.floor((performance.now() - startedMs) / 1000));
    screen.write(`${CLEAR_LINE}${line.slice(0, (screen.columns ?? 80) - 1)}`);
  };
  const clear = () => {
    if (isShown) screen.write(CLEAR_LINE);
    isShown = false;
  };
  let redrawing: NodeJS.Timeout | undefined;
  const appearing = setTimeout(() => {
    draw();
    redrawing = setInterval(draw, REDRAW_MS).unref();
  }, APPEARS_AFTER_MS).unref();
  if (!screen.isTTY) clearTimeout(appearing);
  try {
    return await work({
      at(nowDone, nowTotal) {
        [done, total] = [nowDone, nowTotal];
      },
      note(line) {
        const wasShown = isShown;
        clear();
        screen.write(`${line}\n`);
        if (wasShown) draw();
      },
    });
  } finally {
    clearTimeout(appearing);
    clearInterval(redrawing);
    clear();
  }
}

/** @param seconds since the start */
export function progressLine(label: string, done: number, total: number | undefined, seconds: number): string {
  if (total === undefined || total <= 0) {
    const count = done > 0 ? `  ${done.toLocaleString('en')}` : '';
    return `${label}${count}  ${seconds} s`;
  }
  const share = Math.min(1, done / total);
  const filled = Math.floor(share * BAR_CELLS);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
  const counts = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
  return `${label}  ${bar}  ${String(Math.floor(share * 100)).padStart(3)} %  ${counts}  ${seconds} s`;
}
