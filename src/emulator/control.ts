/** The emulator's control API, below /emulator. */
import * as z from 'zod/mini';
import { type ApiAnswer, type ApiRequest, json, parsedJson } from './api.ts';
import { type Fault, senselessBecause } from './faults.ts';
import { OPERATION_NAMES, pathOf } from './operations.ts';
import type { PayPalEmulator } from './paypal.ts';
import type { StripeEmulator } from './stripe.ts';

const milliseconds = z.int().check(z.nonnegative(), z.maximum(600_000));
const status = z.int().check(z.minimum(200), z.maximum(599));
const text = z.string();

const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['normal', 'drop', 'commit_then_drop', 'conflict_409', 'forget_keys', 'pending']) }),
  z.strictObject({ kind: z.enum(['delay', 'commit_then_delay']), ms: milliseconds }),
  z.strictObject({ kind: z.literal('error_500'), committed: z.boolean(), cached: z.boolean() }),
  z.strictObject({ kind: z.literal('rate_limited_429'), retryAfterSeconds: z.int().check(z.nonnegative()) }),
  z.strictObject({
    kind: z.literal('decline'),
    code: text,
    declineCode: z.optional(text),
    message: z.optional(text),
  }),
  z.strictObject({ kind: z.literal('issue'), status, name: z.optional(text), issue: text }),
  z.strictObject({
    kind: z.literal('stripe_error'),
    status,
    type: text,
    code: z.optional(text),
    param: z.optional(text),
    message: text,
  }),
  z.strictObject({ kind: z.literal('refund_fails_later'), afterMs: milliseconds }),
  z.strictObject({ kind: z.literal('answer'), status, body: text, committed: z.optional(z.boolean()) }),
]);
const faultRequest = z.strictObject({ operation: z.enum(OPERATION_NAMES as [string]), fault });
const orderRequest = z.strictObject({
  value: text,
  currency: text,
  intent: z.optional(z.enum(['CAPTURE', 'AUTHORIZE'])),
  status: z.optional(z.enum(['CREATED', 'APPROVED'])),
  reference_id: z.optional(text),
  custom_id: z.optional(text),
  invoice_id: z.optional(text),
});
const tokenRequest = z.strictObject({ like: text });
const stripeRefund = z.strictObject({ intent: text, amount: z.optional(z.int().check(z.positive())) });
const authenticationRequest = z.strictObject({ intent: text, authentication: z.enum(['completed', 'failed']) });
const expiryRequest = z.strictObject({ intent: text });
const endRequest = z.strictObject({ id: text, end: z.enum(['succeeded', 'failed']) });
const disputeRequest = z.union([
  z.strictObject({ charge: text, reason: z.optional(text) }),
  z.strictObject({ dispute: text, status: z.enum(['under_review', 'won', 'lost']) }),
]);
const paypalOrder = z.strictObject({ order: text });
const paypalExpiry = z.union([paypalOrder, z.strictObject({ authorization: text })]);
const paypalRefund = z.strictObject({ capture: text, value: z.optional(text) });

/** zod/mini has no messages of its own. */
const { localeError: inEnglish } = z.locales.en();

export interface Controlled {
  stripe: StripeEmulator;
  paypal: PayPalEmulator;
  /** For the next call of the operation. */
  askFor(operation: string, fault: Fault): void;
  state(): unknown;
}

export function control(request: ApiRequest, controlled: Controlled): ApiAnswer {
  const call = `${request.method} ${pathOf(request)}`;
  switch (call) {
    case 'GET /emulator/state':
      return json(200, controlled.state());
    case 'POST /emulator/faults':
      return answered(request, faultRequest, ({ operation, fault: asked }) => {
        const senseless = senselessBecause(asked as Fault, operation);
        if (senseless !== null) throw new Error(senseless);
        controlled.askFor(operation, asked as Fault);
        return { next: operation, fault: asked };
      });
    case 'POST /emulator/orders':
      return answered(
        request,
        orderRequest,
        ({ value, currency, intent = 'CAPTURE', status: asked = 'APPROVED', ...names }) => ({
          order: controlled.paypal.createOrder({
            value,
            currency,
            intent,
            status: asked,
            ...(names.reference_id !== undefined && { referenceId: names.reference_id }),
            ...(names.custom_id !== undefined && { customId: names.custom_id }),
            ...(names.invoice_id !== undefined && { invoiceId: names.invoice_id }),
          }),
        }),
      );
    case 'POST /emulator/stripe/tokens':
      return answered(request, tokenRequest, ({ like }) => ({ token: controlled.stripe.createToken(like) }));
    case 'POST /emulator/stripe/refund':
      return answered(request, stripeRefund, ({ intent, amount }) => ({
        refund: controlled.stripe.refundInDashboard(intent, amount),
      }));
    case 'POST /emulator/stripe/authentication':
      return answered(request, authenticationRequest, ({ intent, authentication }) => ({
        intent,
        redirect: controlled.stripe.authenticate(intent, authentication),
      }));
    case 'POST /emulator/stripe/expiry':
      return answered(request, expiryRequest, ({ intent }) => {
        controlled.stripe.expireAuthorization(intent);
        return { intent };
      });
    case 'POST /emulator/paypal/approve':
      return answered(request, paypalOrder, ({ order }) => ({ payer_sent_to: controlled.paypal.approveOrder(order) }));
    case 'POST /emulator/paypal/cancel':
      return answered(request, paypalOrder, ({ order }) => ({ payer_sent_to: controlled.paypal.cancelOrder(order) }));
    case 'POST /emulator/paypal/expire':
      return answered(request, paypalExpiry, (input) => {
        if ('order' in input) controlled.paypal.expireOrder(input.order);
        else controlled.paypal.expireAuthorization(input.authorization);
        return input;
      });
    case 'POST /emulator/paypal/refund':
      return answered(request, paypalRefund, ({ capture, value }) => ({
        refund: controlled.paypal.refundInDashboard(capture, value),
      }));
    case 'POST /emulator/end':
      return answered(request, endRequest, ({ id, end }) => {
        endPending(controlled, id, end);
        return { id, end };
      });
    case 'POST /emulator/disputes':
      return answered(request, disputeRequest, (input) => {
        if ('charge' in input) return { dispute: openDispute(controlled, input.charge, input.reason) };
        changeDispute(controlled, input.dispute, input.status);
        return input;
      });
    default:
      return json(404, { error: `there is no ${call} here` });
  }
}

/** Of an intent that is processing, a capture that is pending, or a refund of either that is. A refund that succeeded can fail, too. */
function endPending({ stripe, paypal }: Controlled, id: string, end: 'succeeded' | 'failed'): void {
  const isCapture = paypal.captures().some(({ captureId }) => captureId === id);
  if (id.startsWith('pi_')) stripe.finishIntent(id, end);
  else if (end === 'succeeded') {
    if (id.startsWith('re_')) stripe.succeedRefund(id);
    else if (isCapture) paypal.completeCapture(id);
    else paypal.completeRefund(id);
  } else if (id.startsWith('re_')) stripe.failRefund(id);
  else if (isCapture) paypal.denyCapture(id);
  else paypal.failRefund(id);
}

function openDispute({ stripe, paypal }: Controlled, charge: string, reason?: string): string {
  return charge.startsWith('pi_') ? stripe.openDispute(charge, reason) : paypal.openDispute(charge, reason);
}

function changeDispute({ stripe, paypal }: Controlled, id: string, status: 'under_review' | 'won' | 'lost'): void {
  if (id.startsWith('du_')) {
    if (status === 'under_review') stripe.reviewDispute(id);
    else stripe.closeDispute(id, status);
  } else if (status === 'under_review') paypal.updateDispute(id);
  else paypal.closeDispute(id, status === 'won' ? 'RESOLVED_SELLER_FAVOUR' : 'RESOLVED_BUYER_FAVOUR');
}

function answered<Input>(
  { body }: ApiRequest,
  schema: z.ZodMiniType<Input>,
  act: (input: Input) => unknown,
): ApiAnswer {
  const parsed = parsedJson(body);
  if (parsed === null) return json(400, { error: 'the body is not JSON' });
  const input = schema.safeParse(parsed.value, { error: inEnglish });
  if (!input.success) return json(400, { error: z.prettifyError(input.error) });
  try {
    return json(200, act(input.data));
  } catch (error) {
    return json(400, { error: (error as Error).message });
  }
}
