/** What a person has to be told of is logged as an error once: by whoever wrote it, however often a provider tells of it. */
import { describe, expect, it, vi } from 'vitest';
import type { ExternalRefund } from '../../src/core/gateways/gateway.ts';
import type { Notice } from '../../src/core/gateways/webhook.ts';
import { findRefund } from '../../src/core/ledger/refunds/find-refund.ts';
import { recordRefund } from '../../src/core/outcomes/record-refund.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { database, paymentRequest } from './operation.ts';
import {
  APPROVED,
  DECLINED,
  loggedErrors,
  newWorld,
  paidPayment,
  paidRefund,
  pendingRefund,
  type Script,
  type TestWorld,
} from './scripted-gateway.ts';
import { refundsOf } from './stored.ts';
import { type Fate, watchedDatabase } from './watched-database.ts';

// Each lost answer costs a pause of the ledger's.
vi.setConfig({ testTimeout: 30_000 });

/** Round trips that lose their answer: everything was done, and the batch is sent again. */
const losing: { fate: (roundTrip: number) => Fate } = { fate: () => 'answer' };

function worldThat(script: Partial<Script>, properties = {}): TestWorld {
  const watched = watchedDatabase((roundTrip) => losing.fate(roundTrip));
  losing.fate = () => 'answer';
  return newWorld(script, { gateway: properties, db: { ...database, d1: watched.d1 } });
}

/** Every answer of D1 is lost once. */
function loseEveryOther(): void {
  let lost = false;
  losing.fate = () => {
    lost = !lost;
    return lost ? 'lose' : 'answer';
  };
}

let lastEvent = 0;
async function tellThreeTimes(world: TestWorld, notice: Notice): Promise<void> {
  for (let time = 0; time < 3; time += 1) {
    lastEvent += 1;
    const event = { provider: 'stripe', eventId: `evt_alarm_${lastEvent}`, type: 'any', notice } as const;
    await handleWebhook(world.context, world.gateway, event);
  }
}

const alarms = (world: TestWorld) => loggedErrors(world).map(({ event }) => event);

describe.each([
  ['', () => {}],
  [', and where every answer of D1 is lost once', loseEveryOther],
])('three webhooks of one thing raise one alarm%s', (_, break_) => {
  it('of a refund that the bank has sent back', async () => {
    const world = worldThat({ lookUpRefund: DECLINED });
    const refundId = await paidRefund(world, await paidPayment(world));
    break_();
    await tellThreeTimes(world, { about: 'refund', refundId });
    expect(alarms(world)).toEqual(['refund.reversed']);
  });

  it('of a charge that turned up after its payment had failed', async () => {
    const world = worldThat({ charge: DECLINED, lookUpCharge: APPROVED });
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'failed') throw new Error('the payment of a test did not fail');
    break_();
    await tellThreeTimes(world, { about: 'payment', transactionId: answer.transaction.transactionId, charged: true });
    expect(alarms(world)).toEqual(['payment.charged_late']);
  });

  it('of an external refund for which the payment has no room', async () => {
    const found: { refund?: ExternalRefund } = {};
    const world = worldThat(
      {},
      {
        findExternalRefund: async () =>
          found.refund ? { kind: 'found', refund: found.refund } : { kind: 'not_found' },
      },
    );
    const { transactionId } = await paidPayment(world);
    found.refund = {
      ...{ reference: 're_1', refundId: null, chargeReference: 'reference', transactionId, amountMinor: 9_999 },
      ...{ currency: 'USD', state: 'moved', reason: 'Refunded at Stripe', movedAtMs: world.clock.nowMs },
    };
    break_();
    await tellThreeTimes(world, { about: 'external_refund', reference: 're_1' });
    expect(alarms(world)).toEqual(['refund.external_does_not_fit']);
  });

  it('of a dispute, and another one when its status changes', async () => {
    const world = worldThat({});
    const { transactionId } = await paidPayment(world);
    const dispute = {
      ...{ disputeId: `du_${transactionId}`, chargeReference: 'reference', transactionId, reason: 'fraudulent' },
      ...{ amountMinor: 2550, currency: 'USD', openedAtMs: 1_000, reportedAtMs: 2_000 },
    };
    break_();
    // As Stripe tells of it: as created and as funds that were withdrawn, in the same second, and then as updated.
    await tellThreeTimes(world, { about: 'dispute', dispute: { ...dispute, status: 'needs_response' } });
    await tellThreeTimes(world, {
      about: 'dispute',
      dispute: { ...dispute, status: 'needs_response', reportedAtMs: 3_000 },
    });
    expect(alarms(world)).toEqual(['payment.disputed']);
    await tellThreeTimes(world, {
      about: 'dispute',
      dispute: { ...dispute, status: 'under_review', reportedAtMs: 4_000 },
    });
    expect(alarms(world)).toEqual(['payment.disputed', 'payment.disputed']);
  });

  it('of a refund that failed here, and that the gateway says it has paid', async () => {
    const world = worldThat({});
    const made = await paidPayment(world);
    const found = await findRefund(world.context.db, world.context.tenant, await pendingRefund(world, made));
    if (found === null) throw new Error('the refund of a test is not there');
    const { refund: pending } = found;
    const failure = { code: 'REFUND_NOT_ALLOWED', reason: 'no', cause: 'refund_not_allowed' } as const;
    await recordRefund(world.context, pending, { status: 'failed', failure });
    break_();
    for (let time = 0; time < 3; time += 1) {
      await recordRefund(world.context, pending, { status: 'completed', gatewayReference: 're_1' });
    }
    expect(alarms(world)).toEqual(['refund.failed']);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'failed', gateway_reference: 're_1' }]);
  });
});

it('two webhooks at once raise one alarm, also where the answer to the one that wrote is lost', async () => {
  const world = worldThat({ lookUpRefund: DECLINED });
  const refundId = await paidRefund(world, await paidPayment(world));
  loseEveryOther();
  const tell = (eventId: string) => {
    const notice = { about: 'refund', refundId } as const;
    return handleWebhook(world.context, world.gateway, { provider: 'stripe', eventId, type: 'refund.failed', notice });
  };
  await Promise.all([tell(`evt_one_${refundId}`), tell(`evt_two_${refundId}`)]);
  expect(alarms(world)).toEqual(['refund.reversed']);
});
