/** Operations without HTTP: with a gateway of the test's own, on the real database unless the test says otherwise. */
import { env } from 'cloudflare:workers';
import { ulid } from 'ulid';
import { type PaymentRequest, type RefundRequest, paymentRequest as validated } from '../../src/contract/requests.ts';
import { createCipher } from '../../src/worker/cipher.ts';
import { fingerprinter } from '../../src/worker/fingerprint.ts';
import { newBreakersOf } from '../../src/worker/gateways/circuit-breaker.ts';
import type { Gateway } from '../../src/worker/gateways/gateway.ts';
import { createSandbox } from '../../src/worker/gateways/sandbox.ts';
import type { Database } from '../../src/worker/ledger/database.ts';
import type { OperationContext } from '../../src/worker/operations/context.ts';
import { readSettings, type Settings } from '../../src/worker/settings.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { payment } from './request.ts';

export const database: Database = {
  d1: env.DB,
  log: () => {},
  cipher: createCipher({ key: env.ENCRYPTION_KEY, previousKeys: [] }),
  author: { actor: 'test', requestId: null, address: null, isAdmin: false },
};

export function settings(variables: Record<string, string> = {}): Settings {
  const read = readSettings({ ...env, ...variables });
  if ('problems' in read) throw new Error(read.problems.join('; '));
  return read.settings;
}

export const newId = (prefix: string) => `${prefix}${ulid()}`;

/** All payments are the one gateway's, unless the test says otherwise. */
export function operation({
  gateway = createSandbox(),
  ...overrides
}: Partial<OperationContext> & { gateway?: Gateway } = {}): OperationContext {
  return {
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
  };
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
