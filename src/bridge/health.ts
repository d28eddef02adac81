/** What the bridge answers whichever way its events come: whether it runs, and whether it can publish. */
import { Hono } from 'hono';
import type { Logger } from 'pino';
import type { RelayRefusal } from '../contract/relay.ts';

/** @param state `ready`, or why not */
export function createHealthApp(state: () => string, log: Logger): Hono {
  const app = new Hono();
  app.notFound((c) => c.json<RelayRefusal>({ error: 'there is nothing at this path' }, 404));
  app.onError((error, c) => {
    if (c.req.raw.signal.aborted) {
      log.warn(errorPlace(error), 'relay.sender_gone');
      return c.json<RelayRefusal>({ error: 'the batch did not arrive whole' }, 400); // the client has disconnected
    }
    log.error(errorPlace(error), 'relay.bug');
    return c.json<RelayRefusal>({ error: 'internal error' }, 500);
  });
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    const status = state();
    return c.json({ status }, status === 'ready' ? 200 : 503);
  });
  return app;
}

/** The stack without the message, because the message can quote the request. */
export function errorPlace(error: unknown): { error: string; at: string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const at = (error.stack ?? '').split('\n').filter((line) => /^ +at .*:\d+:\d+\)?$/.test(line));
  return { error: error.name, at: at.map((line) => line.trim()) };
}
