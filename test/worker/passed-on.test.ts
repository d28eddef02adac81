/** What of a payment is for the provider alone: the suffix of the bank statement and the address for the receipt. */
import { describe, expect, it } from 'vitest';
import type { ChargeRequest } from '../../src/core/gateways/gateway.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { gateway, operation, paymentRequest } from './operation.ts';
import { allCells } from './stored.ts';

const SUFFIX = 'SEAT qx81';
const ADDRESS = 'receipt-qx81@example.com';

/** What the gateway was given, and all that was logged meanwhile. */
async function charged(overrides: Record<string, unknown>): Promise<{ sent: ChargeRequest; logged: string }> {
  const sent: ChargeRequest[] = [];
  const logged: unknown[] = [];
  const context = operation({
    gateway: gateway({
      async charge(request) {
        sent.push(request);
        return { kind: 'approved', reference: 'reference' };
      },
    }),
    log: (...line) => logged.push(line),
  });
  const answer = await processPayment(context, paymentRequest(overrides), '25.50', crypto.randomUUID());
  expect(answer.kind).toBe('completed');
  return { sent: sent[0] as ChargeRequest, logged: JSON.stringify([answer, logged]) };
}

describe('a payment', () => {
  it('passes both on, and they are neither stored, nor logged, nor in its answer and event', async () => {
    const { sent, logged } = await charged({ statement_descriptor_suffix: ` ${SUFFIX} `, receipt_email: ADDRESS });
    expect(sent).toMatchObject({ statementDescriptorSuffix: SUFFIX, receiptEmail: ADDRESS });
    expect(logged).not.toContain('qx81');
    const cells = (await allCells()).filter(({ value }) => String(value).includes('qx81'));
    expect(cells).toEqual([]);
  });

  it.each([
    ['neither', {}],
    ['null', { statement_descriptor_suffix: null, receipt_email: null }],
    ['an empty address', { receipt_email: '' }],
  ])('with %s passes neither on', async (_, overrides) => {
    const { sent } = await charged(overrides);
    expect(sent).toMatchObject({ statementDescriptorSuffix: null, receiptEmail: null });
  });
});
