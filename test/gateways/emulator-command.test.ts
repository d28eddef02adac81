/** `npx gateway-emulator`, as somebody uses it from another folder, for an application of their own with Stripe's own package. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';

const LAUNCHER = resolve('src/emulator/launch.mjs');
const DEADLINE_MS = 30_000;

describe('gateway-emulator', { timeout: DEADLINE_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'));
  const webhooks: { url: string | undefined; type: string }[] = [];
  const { stripeSecretKey, stripeWebhookSecret } = EMULATOR_CREDENTIALS;
  let url: string;
  let emulator: ChildProcess;
  let output = '';

  const shop = createServer((request, response) => {
    void text(request).then((body) => {
      const { webhooks: signed } = stripeClientOf({ url, stripeSecretKey });
      const event = signed.constructEvent(body, String(request.headers['stripe-signature']), stripeWebhookSecret);
      webhooks.push({ url: request.url, type: event.type });
      response.end();
    });
  });

  beforeAll(async () => {
    await once(shop.listen(0, '127.0.0.1'), 'listening');
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const webhooksTo = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/api/stripe`;
    const args = [LAUNCHER, '--port', String(port), '--stripe-webhooks-to', webhooksTo];
    emulator = spawn(process.execPath, args, { cwd: folder });
    for (const stream of [emulator.stdout, emulator.stderr]) stream?.on('data', (chunk) => (output += chunk));
    await vi.waitFor(() => expect(output).toContain('what there is'), DEADLINE_MS);
  }, DEADLINE_MS);
  afterAll(async () => {
    emulator.kill('SIGKILL');
    shop.close();
    rmSync(folder, { recursive: true });
  });

  it('processes a payment, signs its webhooks, and posts them to the configured address', async () => {
    const intent = await stripeClientOf({ url, stripeSecretKey }).paymentIntents.create({
      ...{ amount: 2550, currency: 'usd', payment_method: 'pm_card_visa', confirm: true },
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    });
    expect(intent.status).toBe('succeeded');
    const paid = { url: '/api/stripe', type: 'payment_intent.succeeded' };
    await vi.waitFor(() => expect(webhooks).toContainEqual(paid), DEADLINE_MS);
    expect(output).toMatch(/^POST \/v1\/payment_intents 200 \d+ ms$/m);
    await vi.waitFor(() => expect(output).toMatch(/^webhook payment_intent\.succeeded 200$/m), DEADLINE_MS);
  });

  it('ends with its parent process', async () => {
    emulator.kill('SIGTERM');
    await once(emulator, 'exit');
    await expect(fetch(url)).rejects.toThrow();
  });
});

it('gateway-emulator refuses an argument that it does not know, with the nearest one', async () => {
  const failed = promisify(execFile)(process.execPath, [LAUNCHER, '--prot', '9000']);
  await expect(failed).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('(Did you mean --port?)') });
});
