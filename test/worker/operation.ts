/** Operations without HTTP: with a gateway of the test's own, on the real database unless the test says otherwise. */

import { env } from 'cloudflare:workers';
import { ulid } from 'ulid';
import { type PaymentRequest, type RefundRequest, paymentRequest as validated } from '../../src/contract/requests.ts';
import { newBreakersOf } from '../../src/core/circuit-breaker.ts';
import type { Context } from '../../src/core/context.ts';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import { createSandbox } from '../../src/core/gateways/sandbox/sandbox-gateway.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import { createCipher } from '../../src/core/security/cipher.ts';
import { fingerprinter } from '../../src/core/security/fingerprint.ts';
import { readSettings, type Settings } from '../../src/core/settings/settings.ts';
import type { Shards } from '../../src/core/shards.ts';
import { oneDatabase } from '../data/one-database.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { UNUSED_PARTS } from '../data/unused-parts.ts';
import { payment } from './request.ts';

export const database: Database = {
  d1: env.DB,
  log: () => {},
  cipher: createCipher({ key: env.ENCRYPTION_KEY, previousKeys: [] }),
  author: { actor: 'test', requestId: null, address: null, isAdmin: false },
};

export function settings(variables: Record<string, string> = {}): Settings {
  const read = readSettings({ ...env, ...variables });
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return read.settings;
}

export const newId = (prefix: string) => `${prefix}${ulid()}`;

/** All payments are the one gateway's, unless the test says otherwise. */
export function operation({
  gateway = createSandbox(),
  ...overrides
}: Partial<Context> & { gateway?: Gateway } = {}): Context & Shards {
  return oneDatabase({
    ...UNUSED_PARTS,
    db: database,
    gateways: oneGateway(gateway),
    breakersOf: newBreakersOf(),
    settings: settings(),
    log: () => {},
    tenant: 'default',
    network: null,
    nowMs: Date.now,
    newId,
    fingerprint: fingerprinter(env.FINGERPRINT_KEY),
    velocityHash: fingerprinter(env.CARD_FINGERPRINT_KEY),
    ...overrides,
  });
}

/** The sandbox, except for what the test replaces. */
export const gateway = (overrides: Partial<Gateway>): Gateway => ({ ...createSandbox(), ...overrides });

/** As validation hands it on. */
export const paymentRequest = (overrides: Record<string, unknown> = {}): PaymentRequest =>
  validated.parse(payment(overrides));

export function refundRequest(
  paid: { transactionId: string; bookingId: string },
  overrides: Partial<RefundRequest> = {},
): RefundRequest {
  return {
    booking_id: paid.bookingId,
    original_transaction_id: paid.transactionId,
    refund_amount: 25.5,
    reason: 'Customer cancellation',
    user_id: 'user_123',
    ...overrides,
  };
}
