/** Records how a payment or a refund has ended that the gateway cannot determine: what a person has found at the provider. */
import { ulid } from 'ulid';
import { type Case, recordCase, whyNotRecord } from '../core/by-hand/cases.ts';
import type { FoundById } from '../core/ledger/by-hand/find-by-id.ts';
import type { Verdict } from '../core/recovery/resolve-by-hand.ts';
import { factsOf, notAllowedText } from './case.ts';
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
  one: Case,
  { verdict, reason }: Finding,
  { yes, json }: { yes?: true; json?: true },
): Promise<void> {
  const { subject, found } = one;
  const why = await whyNotRecord(databases, one, verdict);
  if (why !== null) throw new Error(notAllowedText(one, why, 'record'));
  showFacts([...factsOf(one), ['to record', recordedAs(found, verdict)]]);
  await requireConfirmation('Record this for good?', yes === true);
  const nowMs = Date.now();
  const recorded = await recordCase(one, { verdict, reason, eventId: `evt_${ulid(nowMs)}`, nowMs });
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
