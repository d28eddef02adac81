/** The shop of docs/booking-service.md, as the page has it, with the service and Stripe's emulator; and killed at its capture. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { type Child, startChild, until } from '../support/child.ts';
import { ANYBODY, type ProviderStack, startProviderStack } from '../support/provider-stack.ts';

let service: ProviderStack;
let shop: Child;
let port: number;

beforeAll(async () => {
  const unlimited = { RATE_LIMIT_PER_MINUTE: '1000', RATE_LIMIT_BURST: '1000' };
  service = await startProviderStack('booking-service', { variables: unlimited, webhooks: true });
  port = await freePort();
  const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(readFileSync('docs/booking-service.md', 'utf8')) ?? [];
  writeFileSync(join(service.stack.directory, 'shop.mts'), code);
  await openShop();
});
afterEach(() => expect(service.unstruck()).toEqual([]));
afterAll(async () => {
  await shop?.stop();
  await service?.stop();
});

async function openShop(): Promise<void> {
  const { directory, worker } = service.stack;
  const env = { ...process.env, PAYMENT_SERVICE: worker.url, PORT: String(port) };
  shop = startChild(process.execPath, ['shop.mts'], { env, logFile: join(directory, 'shop.log'), cwd: directory });
  await until('the shop answers', async () => (await visit('/').catch(() => null))?.status === 404);
}

const visit = (path: string, cookie = '') =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie }, redirect: 'manual' });
const buy = (seat: string, token: string) => visit(`/buy?seat=${seat}&token=${token}`);

/** How the payments of the shop have ended, by the booking. */
function endings(): Map<string, string> {
  return new Map(service.payments().map(({ bookingId, status, errorCode }) => [bookingId, errorCode ?? status]));
}
const bookingOf = (answer: Response) => /booking=([\w-]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '';

describe('the shop of docs/booking-service.md', () => {
  it('takes the money of the payer who got the seat, and releases that of the other', async () => {
    const first = await buy('A1', 'pm_card_visa');
    expect(await first.text()).toBe('Seat A1: paid\n');
    const second = await buy('A1', 'pm_card_visa');
    expect(await second.text()).toBe('Seat A1: failed\n');
    expect(endings().get(bookingOf(first))).toBe('completed');
    expect(endings().get(bookingOf(second))).toBe('PAYMENT_VOIDED');
  });

  it('sends a payer to authenticate, and recognises the one who returns', async () => {
    const away = await buy('A2', 'pm_card_authenticationRequired');
    expect(away.status).toBe(303);
    const page = away.headers.get('location') ?? '';
    const authenticated = await fetch(page, {
      method: 'POST',
      body: new URLSearchParams({ authentication: 'completed' }),
      redirect: 'manual',
    });
    const { pathname, search } = new URL(authenticated.headers.get('location') ?? '');
    expect((await visit(`${pathname}${search}`)).status).toBe(404);
    const cookie = `booking=${bookingOf(away)}`;
    await until('the seat is paid', async () => {
      return (await (await visit(`${pathname}${search}`, cookie)).text()) === 'Seat A2: paid\n';
    });
    expect((await visit('/paid?transaction_id=TXN-OF-ANOTHER', cookie)).status).toBe(404);
    expect(endings().get(bookingOf(away))).toBe('completed');
  });

  it('captures once, although it is killed while it captures', async () => {
    service.strike(ANYBODY, 'payment_intents.capture', { kind: 'commit_then_delay', ms: 2_000 });
    const paid = () => [...endings().values()].filter((ending) => ending === 'completed').length;
    const before = paid();
    const lost = buy('A3', 'pm_card_visa').catch(() => 'lost');
    await until('the provider is asked to capture', () => service.unstruck().length === 0);
    await shop.kill();
    expect(await lost).toBe('lost');
    await openShop();
    await until('the shop has gone on', () => shop.output().trimEnd().endsWith('issued -> paid'));
    expect(paid()).toBe(before + 1);
    expect(service.emulator.stripe.intents().filter(({ status }) => status === 'succeeded')).toHaveLength(before + 1);
  });
});
