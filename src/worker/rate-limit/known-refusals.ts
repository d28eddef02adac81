/**
 * Refusals that an isolate remembers. A refused request changes nothing in the limiter, and until one of its windows makes room it answers
 * each the same: so it is not asked again before.
 */
import type { Admission } from './sliding-window.ts';

/** Under a flood from more addresses than that, some are asked about again. */
const MAX_REMEMBERED = 10_000;

export interface KnownRefusals {
  /** What the limiter of this name would answer now; null where only it knows. */
  find(limiter: string, nowMs: number): Admission | null;
  keep(limiter: string, admission: Admission): void;
}

export function knownRefusals(): KnownRefusals {
  const refusals = new Map<string, { admission: Admission; untilMs: number }>();
  return {
    find(limiter, nowMs) {
      const known = refusals.get(limiter);
      if (known === undefined) return null;
      if (nowMs < known.untilMs) return known.admission;
      refusals.delete(limiter);
      return null;
    },
    keep(limiter, admission) {
      if (admission.admitted) return;
      if (refusals.size >= MAX_REMEMBERED) refusals.clear();
      // A window that has room may get more of it before the one that is full has any.
      const untilMs = Math.min(...admission.windows.map(({ resetAtMs }) => resetAtMs));
      refusals.set(limiter, { admission, untilMs });
    },
  };
}
