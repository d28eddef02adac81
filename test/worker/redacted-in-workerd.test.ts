/** Card data inside workerd, whose console, clones and queues are its own. */
import { env } from 'cloudflare:workers';
// @ts-expect-error Node's types stay out of the Worker's code; workerd's console.log is made of this module's own.
import { format, inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Redacted } from '../../src/contract/redacted.ts';
import { createLog } from '../../src/core/log.ts';
import worker from '../../src/worker/index.ts';

const SECRET = 'zq7x-4111';
const redacted = new Redacted(SECRET);
const holder = { card: { number: redacted }, list: [redacted] };

describe('a redacted value', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each<[string, () => string | Promise<string>]>([
    ['a template', () => `card ${redacted}`],
    ['JSON', () => JSON.stringify(holder)],
    ['console.log', () => format(redacted, holder)],
    ['console.log with %s', () => format('%s', redacted)],
    ['console.log with %o', () => format('%o', holder)],
    ['inspect that shows what is hidden', () => inspect(holder, { showHidden: true, depth: null })],
    ['the cause of an error', () => inspect(new Error('failed', { cause: redacted }))],
    ['the body of an answer', () => Response.json(holder).text()],
  ])('is [redacted] in %s', async (_, show) => {
    const shown = await show();
    expect(shown).toContain('[redacted]');
    expect(shown).not.toContain(SECRET);
  });

  it('is no field of the log by its type, and would be [redacted] there', () => {
    const write = vi.spyOn(console, 'log').mockReturnValue();
    // @ts-expect-error a field is a text, a number or a truth
    createLog({})('info', 'test', { number: redacted });
    expect(write).toHaveBeenCalledWith('{"level":"info","event":"test","number":"[redacted]"}');
  });

  it('leaves nothing in a clone', () => {
    expect(structuredClone(redacted)).toStrictEqual({});
  });

  it.each(['json', 'v8'] as const)('does not come out of the queue, sent as %s', async (contentType) => {
    const received: unknown[] = [];
    vi.spyOn(worker, 'queue').mockImplementation(async ({ messages }) => {
      // Those of other tests may still be in it.
      received.push(...messages.map(({ body }) => body).filter((body) => (body as { kind?: unknown }).kind === 'test'));
    });
    await env.PAYMENT_EVENTS.send({ kind: 'test', holder }, { contentType });
    await vi.waitFor(() => expect(received).toHaveLength(1), 10_000);
    expect(JSON.stringify(received)).toContain('"kind":"test"');
    expect(JSON.stringify(received)).not.toContain(SECRET);
  });

  it('is nothing that D1 takes, whose error repeats values', () => {
    const bind = () => env.DB.prepare('SELECT ?1').bind(redacted as unknown as string);
    expect(bind).toThrow("not supported for value '[redacted]'");
  });
});
