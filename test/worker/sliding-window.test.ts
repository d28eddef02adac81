/** The limiter's arithmetic against a model that is too simple to be wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit, type Window } from '../../src/worker/rate-limit/sliding-window.ts';

const anyWindow = fc.record({ limit: fc.integer({ min: 1, max: 6 }), windowMs: fc.integer({ min: 1, max: 50 }) });
const anyWindows = fc.array(anyWindow, { minLength: 1, maxLength: 3 });
/** Milliseconds between requests: often none, as in a burst. */
const anyGaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })), { minLength: 1, maxLength: 60 });

const CONTRACT: Window[] = [
  { limit: 20, windowMs: 10_000 },
  { limit: 100, windowMs: 60_000 },
];

function timesOf(gaps: number[]): number[] {
  let nowMs = 1_000_000;
  return gaps.map((gap) => {
    nowMs += gap;
    return nowMs;
  });
}

/** Admissions in the closed window that ends at `nowMs`; nothing is ever forgotten. */
const countIn = (admitted: readonly number[], nowMs: number, { windowMs }: Window) =>
  admitted.filter((atMs) => atMs >= nowMs - windowMs && atMs <= nowMs).length;

/** How many requests the limiter would admit one after the other at that moment. */
function admittedAt(admissions: readonly number[], nowMs: number, windows: readonly Window[]): number {
  let state = admissions;
  for (let count = 0; ; count += 1) {
    const { admission, admissions: next } = admit(state, nowMs, windows);
    if (!admission.admitted) return count;
    state = next;
  }
}

/** Every request of a run, as it was judged. */
function* run(gaps: number[], windows: Window[]) {
  let admissions: number[] = [];
  const admitted: number[] = [];
  for (const nowMs of timesOf(gaps)) {
    const before = [...admitted];
    const judged = admit(admissions, nowMs, windows);
    admissions = judged.admissions;
    if (judged.admission.admitted) admitted.push(nowMs);
    yield { nowMs, before, admitted, ...judged };
  }
}

describe('admit', () => {
  it('admits exactly what the naive model admits', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        for (const { nowMs, before, admission } of run(gaps, windows)) {
          expect(admission.admitted).toBe(windows.every((window) => countIn(before, nowMs, window) < window.limit));
        }
      }),
    );
  });

  it('never admits more than the limit in any closed window, wherever it begins', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        const admitted = [...run(gaps, windows)].at(-1)?.admitted ?? [];
        for (const window of windows) {
          for (const endMs of admitted) expect(countIn(admitted, endMs, window)).toBeLessThanOrEqual(window.limit);
        }
      }),
    );
  });

  it('returns how many more would be admitted right now', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        for (const { nowMs, admissions, admission } of run(gaps, windows)) {
          expect(admission.remaining).toBe(admittedAt(admissions, nowMs, windows));
        }
      }),
    );
  });

  it('returns when more is admitted: not a millisecond earlier, and not one later', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        for (const { nowMs, admissions, admission } of run(gaps, windows)) {
          const { remaining, resetAtMs } = admission;
          expect(resetAtMs).toBeGreaterThan(nowMs);
          expect(admittedAt(admissions, resetAtMs - 1, windows)).toBe(remaining);
          expect(admittedAt(admissions, resetAtMs, windows)).toBeGreaterThan(remaining);
        }
      }),
    );
  });

  it('returns the same of each window by itself', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        for (const { nowMs, admitted, admission } of run(gaps, windows)) {
          for (const [index, window] of windows.entries()) {
            const state = admission.windows[index];
            const left = (atMs: number) => window.limit - countIn(admitted, atMs, window);
            expect(state).toMatchObject({ ...window, remaining: left(nowMs) });
            if (state === undefined || left(nowMs) === window.limit) continue;
            // Nothing has been admitted since, so what is counted later is what is counted now.
            expect(window.limit - countIn(admitted, state.resetAtMs - 1, window)).toBe(state.remaining);
            expect(window.limit - countIn(admitted, state.resetAtMs, window)).toBeGreaterThan(state.remaining);
          }
        }
      }),
    );
  });

  it('remembers no more than the largest limit, ascending, and changes nothing that it was given', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, (gaps, windows) => {
        for (const { admissions } of run(gaps, windows)) {
          expect(admissions.length).toBeLessThanOrEqual(Math.max(...windows.map(({ limit }) => limit)));
          expect(admissions).toEqual(admissions.toSorted((a, b) => a - b));
        }
        const given = Object.freeze([1, 2, 3]);
        expect(() => admit(given, 3, windows)).not.toThrow();
      }),
    );
  });

  it('copes with limits that were lowered after the fact', () => {
    fc.assert(
      fc.property(anyGaps, anyWindows, anyWindows, (gaps, before, after) => {
        const last = [...run(gaps, before)].at(-1);
        if (last === undefined) return;
        const { admission, admissions } = admit(last.admissions, last.nowMs, after);
        expect(admission.remaining).toBe(admittedAt(admissions, last.nowMs, after));
        expect(admittedAt(admissions, admission.resetAtMs - 1, after)).toBe(admission.remaining);
        expect(admittedAt(admissions, admission.resetAtMs, after)).toBeGreaterThan(admission.remaining);
      }),
    );
  });

  it('holds the contract’s limits against a client that never stops', () => {
    const admitted = [...run(Array(2000).fill(65), CONTRACT)].at(-1)?.admitted ?? [];
    for (const endMs of admitted) {
      for (const window of CONTRACT) expect(countIn(admitted, endMs, window)).toBeLessThanOrEqual(window.limit);
    }
    // 130 seconds: all that the limits allow, and not less.
    expect(admitted.length).toBeGreaterThanOrEqual(200);
  });

  it('counts both ends of a window', () => {
    const window = [{ limit: 1, windowMs: 10 }];
    expect(admit([1000], 1010, window).admission.admitted).toBe(false);
    expect(admit([1000], 1011, window).admission.admitted).toBe(true);
  });
});
