/** What a page shows of the service: loaded, loaded again by itself while somebody can see it, and kept where that fails. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useConsole } from './console-context.ts';
import type { Problem } from './text/answer.ts';

export interface Loaded<T> {
  /** Null until it is there. */
  data: T | null;
  /** Why it could not be loaded the last time. */
  problem: Problem | null;
  /** Loads it now, instead of a request that is running. Resolves when it has been loaded again. */
  reload(): Promise<void>;
}

/**
 * @param path null: nothing is loaded
 * @param everyMs null: once. A page that nobody sees is not loaded again
 */
export function useLoaded<T>(path: string | null, everyMs: number | null = null): Loaded<T> {
  const { service } = useConsole();
  const [loaded, setLoaded] = useState<{ path: string | null; data: T | null; problem: Problem | null }>({
    path,
    data: null,
    problem: null,
  });
  const running = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
    if (path === null) return;
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const answer = await service.get<T>(path, controller.signal);
    if (controller.signal.aborted) return;
    running.current = null;
    setLoaded((former) =>
      answer.kind === 'ok'
        ? { path, data: answer.body, problem: null }
        : { path, data: former.path === path ? former.data : null, problem: answer },
    );
  }, [service, path]);

  useEffect(() => {
    void reload();
    return () => running.current?.abort();
  }, [reload]);

  useEffect(() => {
    if (everyMs === null) return undefined;
    // A request slower than the interval runs until its deadline. If each tick aborted it, the page would never show that the service hangs.
    const again = () => {
      if (document.visibilityState === 'visible' && running.current === null) void reload();
    };
    const timer = setInterval(again, everyMs);
    document.addEventListener('visibilitychange', again);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, [reload, everyMs]);

  // What was loaded for another address is not shown under this one.
  const isOurs = loaded.path === path;
  return { data: isOurs ? loaded.data : null, problem: isOurs ? loaded.problem : null, reload };
}
