/** `payctl show`: one payment with all that has happened to it, in order of time. */
import type { Command } from 'commander';
import { currencyExponent } from '../../core/domain/money.ts';
import { timeOrNull } from '../../core/domain/timestamp.ts';
import { isWaiting, shownStatus } from '../../core/domain/transaction.ts';
import { mayHaveLeft } from '../../core/ledger/archive/archive-transactions.ts';
import { unpack } from '../../core/ledger/audit/packed-lines.ts';
import { type HistoryEntry, type PaymentStory, readStory } from '../../core/payments/payment-story.ts';
import { DEFAULT_TENANT } from '../../core/security/credential.ts';
import { documented } from '../../local/command.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  type PlaceOptions,
  placeOf,
  readPaymentOrRefundId,
} from '../arguments.ts';
import { disputeFacts, refundableText } from '../dispute-facts.ts';
import { type Databases, databaseOfId, withLedger } from '../ledger-access.ts';
import { inSnakeCase, printFacts, printJson, printTable } from '../output.ts';
import { forPrograms, moneyText } from '../output-of-payments.ts';

export function addShow(program: Command): void {
  const command: Command = program
    .command('show')
    .summary('Shows one payment, and all that has happened to it.')
    .description(
      'Shows one payment, with its refunds, events and disputes, and all that has happened to it in order of time: who did it, and the id of the request, which is in the Worker’s log.',
    )
    .argument('<id>', 'of the payment, TXN-…, or of a refund, REF-…', readPaymentOrRefundId)
    .action(async (id: string, options: PlaceOptions & { json?: true }) => {
      await withLedger(placeOf(options, command), async ({ databases }) => {
        const story = await storyOf(databases, id);
        if (options.json) printStoryAsJson(story);
        else printStoryAsText(story);
      });
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['show TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'a payment of the local database'],
      ['show REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD --remote --json', 'the payment of a refund on Cloudflare, as JSON'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

async function storyOf(databases: Databases, id: string): Promise<PaymentStory> {
  const db = databaseOfId(databases, id);
  const story = await readStory(db, id, { tenant: null, nowMs: Date.now(), unpack });
  if (story !== null) return story;
  const isArchived = await mayHaveLeft(db, id);
  throw new Error(
    isArchived
      ? `${id} is not in the database. Payments of its time are in the archive: see \`payctl archive list\``
      : `There is no payment or refund ${id}`,
  );
}

function printStoryAsJson({ payment, history, ...rest }: PaymentStory): void {
  const { otherAttempts, refunds, events, disputes, unbookedRefunds } = rest;
  printJson({
    transaction: forPrograms(payment),
    other_attempts: otherAttempts.map(forPrograms),
    ...(inSnakeCase({ refunds, unbookedRefunds, events, disputes }) as object),
    history: history.map(({ atMs, requestId, auditEntry, ...entry }) => ({
      at: new Date(atMs).toISOString(),
      ...entry,
      request_id: requestId,
      audit_entry: auditEntry,
    })),
  });
}

function printStoryAsText(story: PaymentStory): void {
  const { payment, events, disputes } = story;
  const { currency } = payment;
  const money = (minor: number) => moneyText(minor, currency);
  const waiting = events.filter(({ deliveredAtMs }) => deliveredAtMs === null);
  printFacts([
    ['payment', payment.transactionId],
    ['status', shownStatus(payment)],
    ...fact('why', payment.failureReason),
    ['booking', payment.bookingId],
    ['user', payment.userId],
    ...fact('organisation', payment.tenant === DEFAULT_TENANT ? null : payment.tenant),
    ['amount', money(payment.amountMinor)],
    ...fact('refunded', payment.refundedMinor === 0 ? null : money(payment.refundedMinor)),
    ...fact('pending refunds', payment.reservedMinor === 0 ? null : money(payment.reservedMinor)),
    ...disputeFacts(disputes),
    ...fact('can be refunded', payment.status === 'completed' ? refundableText(payment, disputes) : null),
    ['method', [payment.paymentMethod, payment.cardBrand, payment.cardLast4].filter(Boolean).join(' ')],
    ['gateway', payment.gateway],
    ...fact('reference', payment.gatewayReference),
    ...fact('order or intent', payment.gatewayIntent),
    ...fact('waits until', isWaiting(payment) ? timeOrNull(payment.expiresAtMs) : null),
    ...fact('next look-up', payment.status === 'pending' ? timeOrNull(payment.nextLookupAtMs) : null),
    ...fact('events that wait', waiting.length === 0 ? null : waiting.map(({ eventId }) => eventId).join(' ')),
  ]);
  console.log();
  printTable(
    ['TIME', 'WHAT', 'WHO', 'REQUEST', 'DETAIL'],
    story.history.map((entry) => [
      new Date(entry.atMs).toISOString(),
      entry.type,
      entry.actor ?? '',
      entry.requestId ?? '',
      shownDetail(entry, story),
    ]),
  );
}

function fact(name: string, value: string | null): [string, string][] {
  return value === null ? [] : [[name, value]];
}

function shownDetail({ id, detail }: HistoryEntry, { payment, disputes }: PaymentStory): string {
  const currency = disputes.find(({ disputeId }) => disputeId === id)?.currency ?? payment.currency;
  const fields = Object.entries(detail).flatMap(([name, value]) => {
    if (value === null) return [];
    return name === 'amount' && typeof value === 'number'
      ? `amount=${value.toFixed(currencyExponent(currency) ?? 0)}`
      : `${name}=${value}`;
  });
  return [...(id === payment.transactionId ? [] : [id]), ...fields].join(' ');
}
