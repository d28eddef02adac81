/** Signals are the benchmark's own: it ends what it has started in order. Miniflare would end the process at once. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Makes something whose constructor listens to signals, and takes these listeners away again. */
export function withoutSignalListeners<Made>(make: () => Made): Made {
  const before = SIGNALS.map((signal) => process.listeners(signal));
  const made = make();
  for (const [index, signal] of SIGNALS.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.off(signal, listener);
    }
  }
  return made;
}
