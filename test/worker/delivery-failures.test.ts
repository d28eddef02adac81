/** What the bridge does not take waits in D1, and is tried again without end. */
import { describe, expect, it } from 'vitest';
import { deliverEvents } from '../../src/core/outbox/deliver.ts';
import { sweepEvents } from '../../src/core/outbox/sweep.ts';
import type { BridgeStep } from '../data/scripted-bridge.ts';
import { byId, consume, delivery, eventRow, newBridge, successEvent } from './bridge.ts';
import { paymentRequest } from './operation.ts';

const UNROUTABLE = 'returned by the broker: NO_ROUTE';
const tooMany = JSON.stringify({ results: Array(101).fill({ event_id: 'evt_x', delivered: true }) });

const refusals: [string, BridgeStep, RegExp][] = [
  ['answers 503', { kind: 'answer', status: 503, body: 'the broker is down' }, /^the bridge answered 503$/],
  [
    'answers 503 with its own reason',
    { kind: 'answer', status: 503, body: '{"error":"the broker is not connected"}' },
    /^the bridge answered 503: the broker is not connected$/,
  ],
  ['answers 401', { kind: 'answer', status: 401, body: '{"error":"signature"}' }, /^the bridge answered 401$/],
  ['answers with nothing', { kind: 'answer', status: 200, body: '' }, /no results/],
  ['answers with a web page', { kind: 'answer', status: 200, body: '<html>' }, /no results/],
  ['answers with other JSON', { kind: 'answer', status: 200, body: '{"ok":true}' }, /no results/],
  ['answers with more results than events', { kind: 'answer', status: 200, body: tooMany }, /no results/],
  [
    'answers 500 at great length',
    { kind: 'answer', status: 500, body: 'x'.repeat(300_000) },
    /^the bridge answered 500$/,
  ],
  ['sends elsewhere', { kind: 'answer', status: 302, body: '' }, /302/],
  ['breaks the connection', { kind: 'break' }, /./],
];

describe('a batch that the bridge does not take', () => {
  it.each(refusals)('is written down and acknowledged where the bridge %s', async (_, step, error) => {
    const bridge = newBridge();
    await bridge.play(step);
    const events = [await successEvent(), await successEvent()];
    const beforeMs = Date.now();

    expect(await consume(bridge, events)).toEqual(['acknowledged', 'acknowledged']);
    expect(await bridge.posts()).toHaveLength(1);
    for (const { event_id } of events) {
      const row = await eventRow(event_id);
      expect(row).toMatchObject({ attempts: 1, leased_until_ms: null, delivered_at_ms: null });
      expect(row?.last_error).toMatch(error);
      expect(Number(row?.next_attempt_at_ms)).toBeGreaterThanOrEqual(beforeMs + 10_000);
      expect(Number(row?.next_attempt_at_ms)).toBeLessThanOrEqual(Date.now() + 10_000);
    }
  });

  it('is not sent on to where the bridge points', async () => {
    const [bridge, elsewhere] = [newBridge(), newBridge()];
    await bridge.play({ kind: 'answer', status: 307, body: '', location: `${elsewhere.url}events` });
    const event = await successEvent();
    await consume(bridge, [event]);
    expect(await elsewhere.posts()).toEqual([]);
    expect(await eventRow(event.event_id)).toMatchObject({ attempts: 1, delivered_at_ms: null });
  });

  it('keeps no more of a long refusal than a line', async () => {
    const bridge = newBridge();
    await bridge.play({ kind: 'answer', status: 500, body: 'x'.repeat(100_000) });
    const event = await successEvent();
    await consume(bridge, [event]);
    expect(String((await eventRow(event.event_id))?.last_error).length).toBeLessThan(300);
  });

  it('is tried again after 10, 20, 40, … seconds, not before, and never later than after 5 minutes', async () => {
    const bridge = newBridge();
    await bridge.play({ kind: 'answer', status: 503, body: '' });
    const event = await successEvent();
    let nowMs = Date.now() + 1000;
    const context = delivery(bridge, { nowMs: () => nowMs });
    await deliverEvents(context, byId([event]));

    const waitedSeconds: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      const dueAtMs = Number((await eventRow(event.event_id))?.next_attempt_at_ms);
      waitedSeconds.push((dueAtMs - nowMs) / 1000);
      nowMs = dueAtMs - 1;
      await deliverEvents(context, byId([event]));
      expect(await eventRow(event.event_id)).toMatchObject({ attempts: attempt });
      nowMs = dueAtMs;
      await deliverEvents(context, byId([event]));
      expect(await eventRow(event.event_id)).toMatchObject({ attempts: attempt + 1 });
    }
    expect(waitedSeconds).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('is sent by a sweep when its time has come, and its error is forgotten', async () => {
    const bridge = newBridge();
    await bridge.play({ kind: 'answer', status: 503, body: '' }, { kind: 'confirm' });
    const event = await successEvent();
    let nowMs = Date.now();
    const context = delivery(bridge, { nowMs: () => nowMs });
    await deliverEvents(context, byId([event]));
    nowMs += 10_000;
    await sweepEvents(context);
    expect(await eventRow(event.event_id)).toMatchObject({ attempts: 2, last_error: null, delivered_at_ms: nowMs });
  });
});

describe('what answers in place of the bridge, and repeats the request,', () => {
  const ADDRESS = 'payer.of.a.test@example.com';
  const echo = `Bad gateway. Request was: {"user_email":"${ADDRESS}"}`;

  it.each<[string, (eventId: string) => BridgeStep, string]>([
    ['as text', () => ({ kind: 'answer', status: 502, body: echo }), 'the bridge answered 502'],
    [
      'as an error in JSON',
      () => ({ kind: 'answer', status: 502, body: JSON.stringify({ error: echo }) }),
      'the bridge answered 502',
    ],
    [
      'as the reason of a result',
      (eventId) => ({ kind: 'confirm', except: { [eventId]: echo } }),
      'the bridge gave a reason that is not known',
    ],
    [
      'behind a reason of the bridge',
      (eventId) => ({ kind: 'confirm', except: { [eventId]: `not an event of the contract ${ADDRESS}` } }),
      'the bridge gave a reason that is not known',
    ],
    [
      'as results that are none',
      () => ({ kind: 'answer', status: 200, body: echo }),
      'the bridge answered 200, and no results',
    ],
  ])('%s, leaves nothing of it in the log or the database', async (_, stepFor, reason) => {
    const bridge = newBridge();
    const event = await successEvent(paymentRequest({ user_email: ADDRESS }));
    await bridge.play(stepFor(event.event_id));
    const lines: unknown[] = [];
    const log = (...line: unknown[]) => void lines.push(line);
    await deliverEvents(delivery(bridge, { log }), byId([event]));
    const row = await eventRow(event.event_id);
    expect(row).toMatchObject({ attempts: 1, last_error: reason });
    expect(lines).toContainEqual(['warn', 'events.relayed', { delivered: 0, undelivered: 1, reason }]);
    expect(JSON.stringify([row, lines])).not.toContain(ADDRESS);
  });
});

describe('a batch that the bridge takes in part', () => {
  it('is delivered in that part only', async () => {
    const bridge = newBridge();
    const [confirmed, refused, silent] = [await successEvent(), await successEvent(), await successEvent()];
    await bridge.play({
      kind: 'confirm',
      except: { [refused.event_id]: UNROUTABLE },
      silentAbout: [silent.event_id],
    });
    expect(await consume(bridge, [confirmed, refused, silent])).toEqual(Array(3).fill('acknowledged'));

    expect((await eventRow(confirmed.event_id))?.delivered_at_ms).not.toBeNull();
    expect(await eventRow(refused.event_id)).toMatchObject({ delivered_at_ms: null, last_error: UNROUTABLE });
    expect(await eventRow(silent.event_id)).toMatchObject({ delivered_at_ms: null, attempts: 1 });
    expect((await eventRow(silent.event_id))?.last_error).toMatch(/no result/);
  });

  it('says nothing of events that were not in it', async () => {
    const bridge = newBridge();
    const [sent, other] = [await successEvent(), await successEvent()];
    await bridge.play({ kind: 'confirm', alsoConfirm: [other.event_id] });
    await consume(bridge, [sent]);
    expect(await eventRow(other.event_id)).toMatchObject({ delivered_at_ms: null, attempts: 0 });
  });
});
