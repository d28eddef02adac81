/** Records how a payment or a refund has ended that the gateway cannot determine: what a person has found at the provider. */
import { ulid } from 'ulid';
import { type FoundById, idsOfReference } from '../core/ledger/by-hand/find-by-id.ts';
import { isUnpaidForGood } from '../core/ledger/by-hand/resolutions.ts';
import { recordByHand, type Verdict } from '../core/recovery/resolve-by-hand.ts';
import { type Case, factsOf, whyGatewayDecides } from './case.ts';
import type { Databases } from './ledger-access.ts';
import { printJson, showFacts } from './output.ts';
import { moneyText } from './output-of-payments.ts';
import { requireConfirmation } from './prompt.ts';

/** What a person has found, and where. */
interface Finding {
  verdict: Verdict;
  reason: string;
}

/** Shows it, asks, and records it for good. @throws Error where the gateway can still answer, or has answered */
export async function recordOutcome(
  databases: Databases,
  { db, subject, found }: Case,
  { verdict, reason }: Finding,
  { yes, json }: { yes?: true; json?: true },
): Promise<void> {
  if (found.kind === 'unbooked') throw new Error(`${subject} has an outcome: it is paid. Use --dealt-with`);
  refuseUnlessUndetermined(subject, found);
  if (verdict.as === 'completed') await refuseKnownReference(databases, verdict.reference);
  showFacts([...factsOf(subject, found), ['to record', recordedAs(found, verdict)]]);
  await requireConfirmation('Record this for good?', yes === true);
  const nowMs = Date.now();
  const recorded = await recordByHand(db, found, { verdict, reason, eventId: `evt_${ulid(nowMs)}`, nowMs });
  switch (recorded.kind) {
    case 'recorded': {
      const { status } = recorded.row;
      if (json) return printJson({ subject, status, event_id: recorded.eventId });
      console.log(`${subject} is ${status} now`);
      if (recorded.eventId !== null) console.log(`Its event ${recorded.eventId} is published by the next sweep`);
      else if (status === 'failed')
        console.log(NEXT_OF_FAILED_REFUND[found.kind === 'refund' ? found.refund.kind : 'requested'](subject));
      return;
    }
    case 'ended_before':
      throw new Error(`${subject} is ${recorded.row.status} by now: nothing was recorded`);
    case 'changed':
      throw new Error(`${subject} has changed in the meantime: nothing was recorded. Run this again`);
    case 'not_undetermined':
      throw new Error(`${subject} can be determined by the gateway again: nothing was recorded`);
  }
}

const NEXT_OF_FAILED_REFUND = {
  requested: () => 'Its amount can be refunded again: `payctl refund`',
  late_charge: (subject: string) =>
    `It is still owed: pay it back in another way, and then \`payctl resolve ${subject} --dealt-with --reason …\``,
} as const;

/** A gateway that can still answer decides, and no person. */
function refuseUnlessUndetermined(subject: string, found: Exclude<FoundById, { kind: 'unbooked' }>): void {
  const row = found.kind === 'payment' ? found.transaction : found.refund;
  if (row.status !== 'pending') {
    const hint =
      found.kind === 'refund' && isUnpaidForGood(found.refund) ? '. If you have paid it back, use --dealt-with' : '';
    throw new Error(`${subject} is ${row.status} already, and an outcome is recorded only once${hint}`);
  }
  const why = whyGatewayDecides(subject, found);
  if (why !== null) throw new Error(why);
}

/** Two charges have two names at the provider: the same one twice is a mistake in copying. */
async function refuseKnownReference(databases: Databases, reference: string): Promise<void> {
  const known = (await Promise.all(databases.map((db) => idsOfReference(db, reference)))).flat();
  if (known.length > 0)
    throw new Error(`${reference} is already the charge or the refund of ${known.join(', ')}: nothing was recorded`);
}

function recordedAs(found: FoundById, verdict: Verdict): string {
  const { transaction } = found;
  const isRefund = found.kind === 'refund';
  const amount = moneyText(isRefund ? found.refund.amountMinor : transaction.amountMinor, transaction.currency);
  if (verdict.as === 'completed') {
    return `exactly ${amount} was ${isRefund ? 'refunded' : 'charged'} at the provider, as ${verdict.reference}`;
  }
  if (!isRefund) return 'nothing was charged; the booking becomes free';
  return `nothing was refunded${found.refund.kind === 'requested' ? '; it can be refunded again' : ''}`;
}
