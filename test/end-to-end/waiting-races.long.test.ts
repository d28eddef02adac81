/**
 * Whoever comes first decides how a payment that waits ends, and nobody else. Many payments at once, on the real Worker and its database,
 * held against the gateway's own books and the events.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raceFigures } from '../data/figures.ts';
import { until } from '../support/child.ts';
import { inLanes } from '../support/in-lanes.ts';
import { type LocalDatabase, localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { newBooking, pay, statusOf } from '../support/stack.ts';
import {
  type Begun,
  begin,
  capture,
  hold,
  httpShop,
  paypalShop,
  release,
  type WaitingShop,
} from '../support/waiting-shop.ts';

const RACES = 100;
const SPREAD_MS = 400;
const DEADLINE_MS = 240_000;

const soon = () => sleep(randomInt(SPREAD_MS));
/** So many at a time are begun as one isolate answers well within a gateway's deadline. */
const AT_ONCE = 20;

async function made(count: number, make: () => Promise<Begun>): Promise<Begun[]> {
  const all: Begun[] = [];
  while (all.length < count) all.push(...(await times(Math.min(AT_ONCE, count - all.length), make)));
  for (const { answer } of all) expect([200, 202]).toContain(answer.code);
  return all;
}

const times = <T>(count: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

let shop: WaitingShop;
let database: LocalDatabase;

async function open(start: () => Promise<WaitingShop>): Promise<void> {
  shop = await start();
  database = localDatabase(shop.stack.directory);
}
async function close(): Promise<void> {
  database?.close();
  await shop?.stop();
}

/** The clock of all that waits, and of what is looked up, so far from now. */
function setClocks(expiresInMs: number): void {
  const atMs = Date.now() + expiresInMs;
  const set = `UPDATE transactions SET expires_at_ms = ?, next_lookup_at_ms = ? WHERE status = 'pending' AND step IS NULL`;
  writeLocalDatabase(shop.stack.directory, set, atMs, atMs);
}

/** Ends what is still open, as the cron does in time, and waits for all events. */
async function drained(payments: readonly Begun[]): Promise<void> {
  const ids = payments.map(({ id }) => `'${id}'`).join(',');
  const open = () =>
    database.count(`SELECT count(*) FROM transactions WHERE status = 'pending' AND transaction_id IN (${ids})`);
  await until(
    'all payments have ended',
    async () => {
      if (open() === 0) return true;
      await shop.stack.worker.sweep();
      return open() === 0;
    },
    { deadlineMs: 120_000 },
  );
  const told = () => payments.filter(({ booking }) => shop.stack.listener.of(booking).length > 0).length;
  await until(
    'all events have arrived',
    async () => {
      if (told() < payments.length) await shop.stack.worker.sweep();
      return told() === payments.length;
    },
    { deadlineMs: 60_000 },
  );
}

/** Each ended once, and ledger, gateway and events say the same of it. Returns how many were paid. */
function agreed(payments: readonly Begun[]): number {
  let paid = 0;
  for (const { id, booking } of payments) {
    const [status] = database.column(`SELECT status FROM transactions WHERE transaction_id = '${id}'`);
    const events = new Set(
      shop.stack.listener.of(booking).map(({ routingKey, body }) => `${routingKey} ${body.event_id}`),
    );
    const isPaid = status === 'completed';
    expect(
      [...events].map((event) => event.split(' ')[0]),
      id,
    ).toEqual([isPaid ? 'payment.success' : 'payment.failed']);
    expect(shop.money(id), id).toBe(isPaid ? 'taken' : 'none');
    if (isPaid) paid += 1;
  }
  return paid;
}

describe('at an HTTP gateway', () => {
  beforeAll(() => open(httpShop));
  afterAll(close);

  it(
    '200 captures and 200 voids at once of 40 authorized payments: each ends once',
    async () => {
      const payments = await made(40, () => hold(shop));
      const answers = await times(400, async (index) => {
        const payment = payments[index % 40] as Begun;
        await soon();
        const isCapture = Math.floor(index / 40) % 2 === 0;
        const { code } = await (isCapture ? capture : release)(shop, payment);
        return { id: payment.id, isCapture, code };
      });
      await drained(payments);
      const captured = agreed(payments);
      for (const { id } of payments) {
        // Whoever got a 200 has asked for what the payment became.
        const isCaptured = shop.money(id) === 'taken';
        const served = answers.filter((answer) => answer.id === id && answer.code === 200);
        expect(served.every((answer) => answer.isCapture === isCaptured)).toBe(true);
      }
      for (const payment of payments) {
        const isCaptured = shop.money(payment.id) === 'taken';
        expect((await capture(shop, payment)).code).toBe(isCaptured ? 200 : 409);
        expect((await release(shop, payment)).code).toBe(isCaptured ? 409 : 200);
      }
      console.log(
        raceFigures('200 captures and 200 voids of 40 payments', `${captured} captured, ${40 - captured} voided`),
      );
    },
    DEADLINE_MS,
  );

  it(
    `a payer who completes while the challenge expires, ${RACES} times`,
    async () => {
      const payments = await made(RACES, () => begin(shop, shop.challenged));
      setClocks(0);
      await Promise.all([
        shop.stack.worker.sweep(),
        ...payments.map(async ({ url }) => {
          await sleep(randomInt(2_500));
          await shop.authenticate(url).catch(() => null); // it is cancelled by then
        }),
      ]);
      await drained(payments);
      console.log(
        raceFigures(
          'a payer completes while the challenge expires',
          `of ${RACES}, ${agreed(payments)} paid, the others expired`,
        ),
      );
    },
    DEADLINE_MS,
  );

  it(
    `a payer who completes while the payment is voided, ${RACES} times`,
    async () => {
      const payments = await made(RACES, () => begin(shop, shop.challenged));
      await Promise.all(
        payments.flatMap((payment) => [
          soon().then(() => shop.authenticate(payment.url).catch(() => null)),
          soon().then(async () => {
            const { code } = await release(shop, payment);
            expect([200, 400, 409, 502, 503]).toContain(code);
          }),
        ]),
      );
      setClocks(0);
      await drained(payments);
      console.log(
        raceFigures('a payer completes while it is voided', `of ${RACES}, ${agreed(payments)} paid, the others voided`),
      );
    },
    DEADLINE_MS,
  );

  it(
    `a capture while the hold expires, ${RACES} times`,
    async () => {
      const payments = await made(RACES, () => hold(shop));
      setClocks(600);
      await Promise.all([
        sleep(600).then(() => shop.stack.worker.sweep()),
        ...payments.map(async (payment) => {
          await sleep(randomInt(1_600));
          const { code } = await capture(shop, payment);
          if (code === 200) expect(shop.money(payment.id)).toBe('taken');
        }),
      ]);
      await drained(payments);
      console.log(
        raceFigures(
          'a capture while the hold expires',
          `of ${RACES}, ${agreed(payments)} captured, the others expired`,
        ),
      );
    },
    DEADLINE_MS,
  );

  it(
    `a double click on pay, ${RACES} times with an Idempotency-Key and ${RACES} times without`,
    async () => {
      const clicks = await inLanes(AT_ONCE / 2, Array(2 * RACES).keys(), async (index) => {
        const booking = newBooking();
        const headers: Record<string, string> = index % 2 === 0 ? { 'Idempotency-Key': booking } : {};
        const request = { booking_id: booking, ...shop.challenged };
        const answers = await times(2, () => pay(shop.stack.worker.url, request, headers));
        return { booking, codes: answers.map(({ code }) => code).toSorted() };
      });
      for (const { booking, codes } of clicks) {
        expect(codes[0]).toBe(202);
        expect([202, 409]).toContain(codes[1]);
        expect(database.count(`SELECT count(*) FROM transactions WHERE booking_id = '${booking}'`)).toBe(1);
      }
    },
    DEADLINE_MS,
  );
});

describe('at PayPal', () => {
  beforeAll(() => open(paypalShop));
  afterAll(close);

  it(
    `webhook, status read and clock capture one approved order, ${RACES} times`,
    async () => {
      const payments = await made(RACES, () => begin(shop, shop.challenged));
      setClocks(0);
      await Promise.all([
        shop.stack.worker.sweep(),
        ...payments.map(async ({ url, id }) => {
          await soon();
          await shop.authenticate(url); // which has PayPal send its webhook
          await times(3, () => statusOf(shop.stack.worker.url, id));
        }),
      ]);
      await drained(payments);
      console.log(
        raceFigures(
          'webhook, status read and clock at PayPal',
          `of ${RACES}, ${agreed(payments)} paid, the others had expired before their payer approved`,
        ),
      );
    },
    DEADLINE_MS,
  );
});
