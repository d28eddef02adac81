/** The contract's times: UTC, whole seconds, `Z`. */
export function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

export function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : isoSeconds(timeMs);
}
