/**
 * How long after the answer to a payment its event is at a consumer of RabbitMQ. The Worker runs in workerd without `wrangler dev`,
 * whose proxy would delay each answer and which Cloudflare does not have either; its D1 and queue, the bridge, the broker and the
 * consumer are on this machine, so the network's share is missing.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { TEST_CARDS } from '../../test/data/cards.ts';
import type { Listener } from '../../test/support/exchange.ts';
import { card, newAddress, newBooking } from '../../test/support/stack.ts';
import type { Figure, Line, Measuring } from '../figure.ts';
import { httpPost } from '../http-post.ts';
import type { LocalWorker } from '../local-worker.ts';
import { quantile } from '../statistics.ts';
import { withWholeService } from '../whole-service.ts';

const RATES_PER_SECOND = [20, 100];
const WARM_UP_PER_SECOND = 100;
const MAX_P50_MS = 50;
const MAX_P99_MS = 300;
/** Locally, each limiter is a file: so few that making them is over after the warm-up, so many that none reaches its limit. */
const ADDRESSES = 200;
const ARRIVE_WITHIN_MS = 30_000;

export const latency: Figure = {
  name: 'latency',
  title: 'latency: from the answer to a payment to its event at a consumer',
  async measure(measuring) {
    return withWholeService('latency', measuring, async ({ worker, listener }) => {
      const payAt = (rate: number, count: number) => payAtRate(worker, listener, { rate, count, measuring });
      await payAt(WARM_UP_PER_SECOND, ADDRESSES);
      const lines: Line[] = [];
      const details: Record<string, unknown> = {};
      for (const rate of RATES_PER_SECOND) {
        const count = rate * (measuring.quick ? 3 : 15);
        const { answersMs, eventsMs } = await payAt(rate, count);
        lines.push(...linesOf(rate, answersMs, eventsMs));
        details[`at_${rate}_per_second`] = { answers_ms: quantiles(answersMs), events_ms: quantiles(eventsMs) };
      }
      return { lines, details };
    });
  },
};

interface Latencies {
  answersMs: number[];
  /** From the answer on. */
  eventsMs: number[];
}

/** Begins a payment each time that one is due, however long the others take. */
async function payAtRate(
  service: LocalWorker,
  listener: Listener,
  { rate, count, measuring: { signal, progress } }: { rate: number; count: number; measuring: Measuring },
): Promise<Latencies> {
  const answeredAtMs = new Map<string, number>();
  const answersMs: number[] = [];
  const payments: Promise<void>[] = [];
  const arrivedBefore = listener.received.length;
  const startedMs = performance.now();
  for (let n = 0; n < count && !signal.aborted; n += 1) {
    const dueInMs = startedMs + (n * 1_000) / rate - performance.now();
    if (dueInMs > 0) await sleep(dueInMs);
    const payment = payOnce(n);
    payment.catch(() => {}); // waited for below; until then a failure must not end the process
    payments.push(payment);
    progress.at(n + 1, count);
  }
  await Promise.all(payments);
  if (!signal.aborted) {
    await listener.waitFor(arrivedBefore + count, ARRIVE_WITHIN_MS).catch(async () => {
      // What could not be delivered waits for the sweep.
      await service.runCron();
      await listener.waitFor(arrivedBefore + count, ARRIVE_WITHIN_MS);
    });
  }
  const eventsMs = listener.received.slice(arrivedBefore).map(({ body, atMs }) => {
    const answered = answeredAtMs.get(body.booking_id);
    if (answered === undefined) throw new Error('an event arrived twice, or of a payment that was not made');
    answeredAtMs.delete(body.booking_id);
    return atMs - answered;
  });
  return { answersMs, eventsMs };

  async function payOnce(n: number): Promise<void> {
    const booking = newBooking();
    const beganMs = Date.now();
    const headers = { 'content-type': 'application/json', 'cf-connecting-ip': addressOf(n) };
    const { status } = await httpPost(`${service.url}/payment/process`, paymentOf(booking), { agent, headers });
    const nowMs = Date.now();
    if (status !== 200) throw new Error(`a payment was answered with ${status}`);
    answeredAtMs.set(booking, nowMs);
    answersMs.push(nowMs - beganMs);
  }
}

const agent = new Agent({ keepAlive: true });

function paymentOf(booking: string): string {
  return JSON.stringify({
    user_id: 'user_123',
    booking_id: booking,
    amount: 25.5,
    payment_method: 'credit_card',
    card_details: CARD,
  });
}

const CARD = card(TEST_CARDS.visa);
const addresses = Array.from({ length: ADDRESSES }, newAddress);
const addressOf = (n: number) => addresses[n % ADDRESSES] ?? newAddress();

const quantiles = (values: readonly number[]) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });

function linesOf(rate: number, answersMs: readonly number[], eventsMs: readonly number[]): Line[] {
  const { p50, p99 } = quantiles(eventsMs);
  const answers = quantiles(answersMs);
  const note = `${eventsMs.length} payments, answered in ${Math.round(answers.p50)} ms (p50), ${Math.round(answers.p99)} ms (p99)`;
  return [
    { what: `p50 at ${rate} payments a second`, value: p50, unit: 'ms', target: { atMost: MAX_P50_MS }, note },
    { what: `p99 at ${rate} payments a second`, value: p99, unit: 'ms', target: { atMost: MAX_P99_MS } },
  ];
}
