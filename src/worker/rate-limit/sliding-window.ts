/**
 * Exact sliding windows. An admission is remembered until the longest window has passed it, and a request is admitted
 * if every window that ends with it stays within its limit, itself included.
 *
 * Windows are closed at both ends: stamps are whole milliseconds, so that two of them may be further apart on paper
 * than they were in truth, and "never more in any ten seconds" has to hold in truth.
 */

export interface Window {
  limit: number;
  windowMs: number;
}

export interface Admission {
  admitted: boolean;
  /** How many more would be admitted right now. */
  remaining: number;
  /** When `remaining` next grows, in milliseconds since 1970. */
  resetAtMs: number;
  /** The same for each window, in the order in which they were given. */
  windows: { limit: number; windowMs: number; remaining: number; resetAtMs: number }[];
}

/**
 * Judges one request, and answers with the admissions to remember from now on: ascending, at most the largest limit.
 *
 * @param admissions earlier admissions in milliseconds, ascending
 * @param nowMs not before the last of them
 */
export function admit(
  admissions: readonly number[],
  nowMs: number,
  windows: readonly Window[],
): { admission: Admission; admissions: number[] } {
  const longestMs = Math.max(...windows.map(({ windowMs }) => windowMs));
  const kept = admissions.filter((atMs) => nowMs - atMs <= longestMs);
  const admitted = windows.every((window) => counted(kept, nowMs, window).length < window.limit);
  if (admitted) kept.push(nowMs);

  const states = windows.map((window) => {
    const inWindow = counted(kept, nowMs, window);
    // The admission whose leaving makes room: the oldest, or a later one where the limit has been lowered meanwhile.
    const nextToLeaveAtMs = inWindow[Math.max(0, inWindow.length - window.limit)] ?? nowMs;
    return {
      ...window,
      remaining: Math.max(0, window.limit - inWindow.length),
      resetAtMs: nextToLeaveAtMs + window.windowMs + 1,
    };
  });
  const remaining = Math.min(...states.map((state) => state.remaining));
  const tightest = states.filter((state) => state.remaining === remaining);
  return {
    admission: {
      admitted,
      remaining,
      resetAtMs: Math.max(...tightest.map((state) => state.resetAtMs)),
      windows: states,
    },
    admissions: kept,
  };
}

function counted(admissions: readonly number[], nowMs: number, { windowMs }: Window): readonly number[] {
  return admissions.filter((atMs) => nowMs - atMs <= windowMs);
}
