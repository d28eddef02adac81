/** The first step of a payment: its booking is claimed, or the answer says why not. No money has moved. */
import type { PaymentRequest } from '../../contract/requests.ts';
import type { Permit } from '../circuit-breaker.ts';
import type { Context } from '../context.ts';
import { minorUnits } from '../domain/money.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { Gateway, Instrument } from '../gateways/gateway.ts';
import { isFull } from '../ledger/fill-level.ts';
import type { KeyClaim } from '../ledger/idempotency-keys/claim-key.ts';
import { claimBooking } from '../ledger/payments/claim-booking.ts';
import { findKeyedTransaction, type ReplayedPayment } from '../ledger/payments/find-payment.ts';
import type { VelocityCount } from '../ledger/velocity/count-attempt.ts';
import { logUnknownAccount } from '../outcomes/ask-gateway.ts';
import { firstLookUpAtMs } from '../outcomes/look-up-schedule.ts';
import { answerByRow } from './answer-by-row.ts';
import type { PaymentAnswer } from './process-payment.ts';
import { type InvalidInstrument, keptOfCard } from './read-instrument.ts';
import { readOptIn } from './read-opt-in.ts';
import { isSameRequest } from './replay.ts';
import { countsOf } from './velocity-check.ts';

export interface Attempt {
  request: PaymentRequest;
  /** As it was sent. */
  amount: string;
  gateway: Gateway | null;
  permit: Permit;
  instrument: Instrument | InvalidInstrument;
  key: KeyClaim | null;
}

export interface Claimed {
  kind: 'claimed';
  transaction: Transaction;
  gateway: Gateway;
  /** Where the payer can be sent back to. */
  returnUrl: string | null;
  /** What the attempt counts towards. */
  counts: VelocityCount[];
}

/** Makes the booking's live payment this attempt, or answers why not. */
export async function claimPayment(context: Context, attempt: Attempt): Promise<Claimed | PaymentAnswer> {
  const { request, instrument, key } = attempt;
  const { settings, log, db } = context;
  const ready = await readyToClaim(context, attempt);
  if (ready.kind !== 'ready') {
    // An earlier answer under the key outranks the settings and the gateway's health of now.
    const known = key === null ? null : await findKeyedTransaction(db, key, context.nowMs());
    if (known !== null) return answerReplay(context, known, key);
    log('info', 'payment.refused', { booking_id: request.booking_id, reason: ready.kind });
    return ready;
  }
  const { gateway, amountMinor } = ready;
  // Without a card there is nothing to try out, and such attempts must not lock anybody out.
  const counts = instrument.kind === 'invalid' ? [] : await countsOf(context, request, instrument);
  const transactionId = context.newId('TXN-');
  const optIn = readOptIn(settings, request, transactionId);
  const claimed = await claimBooking(
    db,
    {
      transactionId,
      tenant: context.tenant,
      bookingId: request.booking_id,
      userId: request.user_id,
      userEmail: request.user_email || request.paypal_details?.email || null,
      currency: settings.currency,
      amountMinor,
      paymentMethod: request.payment_method,
      ...keptOfCard(instrument),
      gateway: ready.gatewayName,
      gatewayIntent: instrument.kind === 'invalid' ? null : (gateway.intentOf?.(instrument) ?? null),
      ...optIn,
      createdAtMs: context.nowMs(),
      nextLookupAtMs: firstLookUpAtMs(context),
    },
    key,
    counts,
  );
  switch (claimed.kind) {
    case 'replayed':
      return answerReplay(context, claimed, key);
    case 'duplicate': {
      const { standing } = claimed;
      log('info', 'payment.duplicate', { booking_id: request.booking_id, transaction_id: standing?.transactionId });
      return { ...claimed, isOfSameUser: standing?.userId === request.user_id };
    }
    case 'paid_by_archived':
      log('info', 'payment.duplicate', { booking_id: request.booking_id, archived: true });
      return claimed;
    case 'too_many':
      log('warn', 'payment.too_many', { booking_id: request.booking_id, of: claimed.subject.split(':')[0] });
      return { kind: 'too_many', retryAfterMs: claimed.untilMs - context.nowMs() };
    case 'claimed':
      return { ...claimed, gateway, returnUrl: optIn.returnUrl, counts };
  }
}

/** After a provider could not say whose account its key is of. */
const ACCOUNT_RETRY_MS = 5_000;

/** What a claim needs, or why nothing is claimed. */
async function readyToClaim(
  context: Context,
  { request, amount, gateway, permit }: Attempt,
): Promise<
  | { kind: 'ready'; amountMinor: number; gateway: Gateway; gatewayName: string }
  | Extract<
      PaymentAnswer,
      {
        kind:
          | 'raw_card'
          | 'invalid_amount'
          | 'method_disabled'
          | 'holds_not_supported'
          | 'gateway_down'
          | 'ledger_full'
          | 'gateway_not_configured';
      }
    >
> {
  const { settings, gateways } = context;
  if (await isFull(context.db)) return { kind: 'ledger_full' };
  if (request.card_details && !settings.rawCardsAllowed) return { kind: 'raw_card' };
  const amountMinor = minorUnits(amount, settings.currency);
  if (amountMinor === null || amountMinor > settings.maxAmountMinor) return { kind: 'invalid_amount' };
  if (gateway === null) return { kind: 'method_disabled', method: request.payment_method };
  if (request.capture_method === 'manual' && gateway.holds === undefined) {
    return { kind: 'holds_not_supported', method: request.payment_method };
  }
  if (permit.kind === 'refused') return { kind: 'gateway_down', retryAfterMs: permit.retryAfterMs };
  const named = await gateways.nameInLedger(gateway);
  if (named.kind === 'named') return { kind: 'ready', amountMinor, gateway, gatewayName: named.name };
  logUnknownAccount(context, gateway.name, named);
  return named.cause === 'gateway_not_configured'
    ? { kind: 'gateway_not_configured' }
    : { kind: 'gateway_down', retryAfterMs: ACCOUNT_RETRY_MS };
}

/** The answer that an earlier request with this key got, or would get now, rendered from its row. */
function answerReplay(
  context: Context,
  { fingerprint, transaction }: ReplayedPayment,
  key: KeyClaim | null,
): Promise<PaymentAnswer> | PaymentAnswer {
  context.log('info', 'payment.replayed', { transaction_id: transaction.transactionId, status: transaction.status });
  if (key === null || !isSameRequest(fingerprint, key.fingerprint)) return { kind: 'key_reused' };
  return answerByRow(context, transaction, true);
}
