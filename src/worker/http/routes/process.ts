/** POST /payment/process */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { paymentRequest } from '../../../contract/requests.ts';
import type { PaymentAuthorizedResponse, PaymentChallengeResponse } from '../../../contract/responses.ts';
import { adviceOn, failureBecause } from '../../../core/domain/failure.ts';
import { withoutFloatError } from '../../../core/domain/money.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { isWaiting, type Transaction } from '../../../core/domain/transaction.ts';
import { type PaymentAnswer, processPayment } from '../../../core/payments/process-payment.ts';
import { optInProblems } from '../../../core/payments/read-opt-in.ts';
import { contextOfBooking } from '../../../core/shards.ts';
import {
  errorResponse,
  GATEWAY_DOWN,
  idempotencyInProgress,
  idempotencyKeyReused,
  ledgerFull,
  retryAfter,
  tooManyAttempts,
} from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { idempotencyKey, REPLAYED_HEADER } from '../middleware/idempotency-key.ts';
import { BODY_MAX_BYTES, jsonBody } from '../middleware/json-body.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { onError } from '../middleware/on-error.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { requireScope } from '../middleware/require-scope.ts';
import { isUnreadable } from '../middleware/unreadable-request.ts';
import { invalidRequest, validate } from '../middleware/validate.ts';
import { exactAmount } from './exact-amount.ts';
import {
  type Asked,
  failedPayment,
  paymentFailure,
  paymentFields,
  paymentSuccess,
  recorded,
} from './payment-bodies.ts';

export const processRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('payments:write'),
  idempotencyKey(),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(paymentRequest),
  async function process(c) {
    const request = c.req.valid('json');
    const problems = optInProblems(c.get('settings'), request);
    if (problems.length > 0) return invalidRequest(c, problems);
    const amount = withoutFloatError(exactAmount(c.get('bodyText'), 'amount'));
    const context = await contextOfBooking(c.get('shards'), c.get('caller').tenant, request.booking_id);
    const idempotencyKey = c.get('idempotencyKey');
    const answer = await outliveClient(c, processPayment(context, request, amount, idempotencyKey), () => context);
    return respond(c, answer, {
      bookingId: request.booking_id,
      amount: finite(Number(amount)),
      method: request.payment_method,
    });
  },
);

processRoute.onError(function onProcessError(error, c) {
  return isUnreadable(error) ? unreadablePayment(c, error.message) : onError(error, c);
});

function respond(c: Context<HttpEnv>, answer: PaymentAnswer, asked: Asked): Response {
  const isReplayed = 'replayed' in answer && answer.replayed;
  if (isReplayed) c.header(REPLAYED_HEADER, 'true');
  switch (answer.kind) {
    case 'completed':
      return c.json(paymentSuccess(answer.transaction), 200);
    case 'failed':
      return failedPayment(c, answer.transaction);
    case 'challenged':
      return c.json(paymentChallenge(c, answer.transaction, answer.actionUrl), 202);
    case 'authorized':
      return c.json(paymentAuthorized(answer.transaction), 200);
    case 'pending':
      return paymentFailure(c, 502, {
        ...recorded(answer.transaction),
        code: 'PAYMENT_GATEWAY_ERROR',
        message: answer.accepted ? BEING_PROCESSED : OUTCOME_UNKNOWN,
        reason: answer.accepted
          ? 'The payment provider has accepted the payment and is still processing it: ask for the status of the transaction'
          : 'The outcome is not known yet: ask for the status of the transaction',
        retryPossible: false,
        nextStep: `GET /payment/status/${answer.transaction.transactionId} returns the outcome${answer.accepted ? '' : ', within some minutes'}; the booking is kept until then.`,
      });
    case 'duplicate':
      return errorResponse(c, 409, 'DUPLICATE_TRANSACTION', 'Transaction already processed', {
        transaction_id: answer.standing?.transactionId ?? null,
        status: answer.standing?.status ?? null,
        ...(answer.standing && answer.isOfSameUser && wayOut(answer.standing)),
      });
    case 'paid_by_archived':
      return errorResponse(c, 409, 'DUPLICATE_TRANSACTION', 'Transaction already processed', {
        transaction_id: null,
        status: 'completed',
        archived: true,
      });
    case 'in_progress':
      return idempotencyInProgress(c, { transaction_id: answer.transaction.transactionId, status: 'pending' });
    case 'key_reused':
      return idempotencyKeyReused(c);
    case 'gateway_down':
      retryAfter(c, answer.retryAfterMs);
      return paymentFailure(c, 502, {
        ...asked,
        code: 'PAYMENT_GATEWAY_ERROR',
        reason: GATEWAY_DOWN,
        retryPossible: true,
        nextStep: 'Try again when the seconds of the Retry-After header have passed, or pay in another way.',
      });
    case 'ledger_full':
      return ledgerFull(c);
    case 'gateway_not_configured': {
      const { code, reason, cause } = failureBecause('gateway_not_configured');
      return paymentFailure(c, 502, { ...asked, code, reason, ...adviceOn(cause, code) });
    }
    case 'too_many':
      return tooManyAttempts(c, answer.retryAfterMs);
    case 'invalid_amount':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'INVALID_AMOUNT',
        reason: 'Invalid payment amount',
        retryPossible: false,
        nextStep: 'Send an amount above 0, with no more decimals than the currency has, and not beyond the maximum.',
      });
    case 'holds_not_supported':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'PAYMENT_METHOD_DISABLED',
        reason: `Payment method ${answer.method} cannot be authorized and captured later`,
        retryPossible: false,
        nextStep: 'Pay with capture_method automatic, or by another method.',
      });
    case 'raw_card':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'INVALID_CARD',
        reason: 'This service accepts no card numbers: a payment_method_token takes the place of card_details',
        retryPossible: false,
        nextStep: "Send a payment_method_token, and no card_details: the payer's browser gets it from the provider.",
      });
    case 'method_disabled':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'PAYMENT_METHOD_DISABLED',
        reason: `Payment method ${answer.method} is not enabled`,
        retryPossible: false,
        nextStep: 'GET /payment/methods lists those that are.',
      });
  }
}

/** The 202: the payer is to be sent to `next_action.url`, which is in no other answer. */
function paymentChallenge(c: Context, transaction: Transaction, actionUrl: string): PaymentChallengeResponse {
  return {
    status: 'pending',
    ...paymentFields(transaction),
    processed_at: null,
    message: 'The payer has to authenticate or approve the payment',
    next_action: {
      type: 'redirect_to_url',
      // A page of this service has an address relative to that of the request.
      url: new URL(actionUrl, c.req.url).href,
      expires_at: isoSeconds(transaction.expiresAtMs ?? transaction.createdAtMs),
    },
  };
}

function paymentAuthorized(transaction: Transaction): PaymentAuthorizedResponse {
  return {
    status: 'authorized',
    ...paymentFields(transaction),
    processed_at: null,
    message: 'Payment authorized: capture it before capture_before, or void it',
    capture_before: isoSeconds(transaction.expiresAtMs ?? transaction.createdAtMs),
  };
}

/** How a user whose payment waits for them gets to pay in another way. */
function wayOut(standing: Transaction): Record<string, string> {
  if (!isWaiting(standing) || standing.substate !== 'challenged' || standing.sealedReturnUrl === null) return {};
  return {
    expires_at: isoSeconds(standing.expiresAtMs ?? standing.createdAtMs),
    next_step: 'Send the payer to the next_action of the first answer, or end that payment with POST /payment/void.',
  };
}

const OUTCOME_UNKNOWN = 'It is not known yet whether the payment was processed';
const BEING_PROCESSED = 'Payment is still being processed';

/** The 400 for a body that can't be read, in the two shapes that every 400 of this path has. */
function unreadablePayment(c: Context, reason: string): Response {
  return paymentFailure(c, 400, {
    bookingId: null,
    amount: null,
    method: null,
    code: 'INVALID_REQUEST',
    reason,
    retryPossible: false,
    nextStep: 'Correct the request, and send it again.',
  });
}

/** JSON has no infinity; such an amount is answered as null. */
function finite(amount: number): number | null {
  return Number.isFinite(amount) ? amount : null;
}
