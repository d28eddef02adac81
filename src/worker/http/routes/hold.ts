/** POST /payment/capture and POST /payment/void: how a payment ends that is authorized, or that waits for its payer. */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { holdRequest } from '../../../contract/requests.ts';
import type { PaymentVoidedResponse } from '../../../contract/responses.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { shownStatus, type Transaction } from '../../../core/domain/transaction.ts';
import { capturePayment } from '../../../core/payments/capture-payment.ts';
import type { HoldAnswer } from '../../../core/payments/end-hold.ts';
import { voidPayment } from '../../../core/payments/void-payment.ts';
import { contextOfId } from '../../../core/shards.ts';
import { errorResponse, transactionNotFound } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { BODY_MAX_BYTES, jsonBody } from '../middleware/json-body.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { requireScope } from '../middleware/require-scope.ts';
import { validate } from '../middleware/validate.ts';
import { failedPayment, paymentFailure, paymentFields, paymentSuccess, recorded } from './payment-bodies.ts';

export const captureRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('payments:write'),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(holdRequest),
  async function capture(c) {
    const request = c.req.valid('json');
    const context = contextOfId(c.get('shards'), request.transaction_id);
    const answer = await outliveClient(c, capturePayment(context, request), () => context);
    if (answer.kind !== 'ended') return unfinished(c, answer, CAPTURE);
    const { transaction } = answer;
    return transaction.errorCode === null
      ? c.json(paymentSuccess(transaction, 'Payment captured successfully'), 200)
      : failedPayment(c, transaction);
  },
);

export const voidRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('payments:write'),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(holdRequest),
  async function voidHeld(c) {
    const request = c.req.valid('json');
    const context = contextOfId(c.get('shards'), request.transaction_id);
    const answer = await outliveClient(c, voidPayment(context, request), () => context);
    if (answer.kind !== 'ended') return unfinished(c, answer, VOID);
    const { transaction } = answer;
    // The payer was faster, or the gateway took the money all the same.
    return transaction.errorCode === 'PAYMENT_VOIDED'
      ? c.json(paymentVoided(transaction), 200)
      : conflict(c, transaction);
  },
);

function paymentVoided(transaction: Transaction): PaymentVoidedResponse {
  return {
    status: 'failed',
    ...paymentFields(transaction),
    error_code: 'PAYMENT_VOIDED',
    error_message: transaction.failureReason ?? 'The payment was voided',
    processed_at: isoSeconds(transaction.processedAtMs ?? transaction.createdAtMs),
    message: 'Payment voided successfully',
  };
}

interface Wording {
  notAllowed: 'CAPTURE_NOT_ALLOWED' | 'VOID_NOT_ALLOWED';
  message: string;
  unknown: string;
}

const CAPTURE: Wording = {
  notAllowed: 'CAPTURE_NOT_ALLOWED',
  message: 'Capture not permitted',
  unknown: 'It is not known yet whether the payment was captured',
};
const VOID: Wording = {
  notAllowed: 'VOID_NOT_ALLOWED',
  message: 'Void not permitted',
  unknown: 'It is not known yet whether the payment was voided',
};

function unfinished(c: Context, answer: Exclude<HoldAnswer, { kind: 'ended' }>, wording: Wording): Response {
  switch (answer.kind) {
    case 'pending':
      return paymentFailure(c, 502, {
        ...recorded(answer.transaction),
        code: 'PAYMENT_GATEWAY_ERROR',
        message: wording.unknown,
        reason: 'The outcome is not known yet: ask for the status of the transaction',
        retryPossible: false,
        nextStep: `GET /payment/status/${answer.transaction.transactionId} returns the outcome, within some minutes. The service asks the gateway until it is known.`,
      });
    case 'conflict':
      return conflict(c, answer.transaction);
    case 'not_allowed':
      return errorResponse(c, 400, wording.notAllowed, wording.message, {
        reason: answer.reason,
        ...(answer.transaction && { status: shownStatus(answer.transaction) }),
      });
    case 'not_found':
      return transactionNotFound(c, answer.archived);
  }
}

/** The 409 for a payment that is being ended in another way, or has been. */
function conflict(c: Context, transaction: Transaction): Response {
  const { transactionId, errorCode } = transaction;
  return errorResponse(c, 409, 'DUPLICATE_TRANSACTION', 'Transaction already processed', {
    transaction_id: transactionId,
    status: shownStatus(transaction),
    ...(errorCode !== null && { error_code: errorCode }),
  });
}
