/** The response bodies. Amounts are the contract's decimal numbers, times are UTC with whole seconds. */
import type { ErrorCode } from './error-codes.ts';
import type { PaymentMethod } from './requests.ts';

export interface HealthResponse {
  status: 'healthy';
  service: 'payment-service';
  timestamp: string;
  /** Which gateway takes new payments by each method; null where the method is disabled. Left out until all is configured. */
  payment_gateways?: Record<PaymentMethod, string | null>;
}

export interface PaymentSuccessResponse {
  status: 'success';
  transaction_id: string;
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  processed_at: string;
  message: string;
}

/** The 202 of a payment whose payer has to authenticate or approve. */
export interface PaymentChallengeResponse {
  status: 'pending';
  transaction_id: string;
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  processed_at: null;
  message: string;
  next_action: {
    type: 'redirect_to_url';
    /** A secret of the payer's. */
    url: string;
    expires_at: string;
  };
}

/** The 200 of a payment whose money is held. */
export interface PaymentAuthorizedResponse {
  status: 'authorized';
  transaction_id: string;
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  processed_at: null;
  message: string;
  capture_before: string;
}

/** The 200 of `/payment/void`. */
export interface PaymentVoidedResponse {
  status: 'failed';
  transaction_id: string;
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  error_code: 'PAYMENT_VOIDED';
  error_message: string;
  processed_at: string;
  message: string;
}

/** The envelope that every error carries. */
export interface ErrorEnvelope {
  error: { code: ErrorCode; message: string; details: Record<string, unknown> };
  timestamp: string;
}

/**
 * Every 400 and 502 of `/payment/process`: the contract documents two shapes of failure, and a client that was written
 * for either one finds its own here. `pending` is the unknown outcome; `/payment/status` has it later.
 */
export interface PaymentFailureResponse extends ErrorEnvelope {
  status: 'failed' | 'pending';
  transaction_id?: string;
  booking_id: string | null;
  amount: number | null;
  payment_method: PaymentMethod | null;
  error_code: ErrorCode;
  error_message: string;
  processed_at: string | null;
}

export interface RefundSuccessResponse {
  status: 'success';
  refund_transaction_id: string;
  original_transaction_id: string;
  booking_id: string;
  refund_amount: number;
  processed_at: string;
  message: string;
}

export interface StatusResponse {
  transaction_id: string;
  /** `authorized`: only where the payment asked for `capture_method: "manual"`. */
  status: 'pending' | 'authorized' | 'completed' | 'failed' | 'refunded' | 'reversed';
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  created_at: string;
  processed_at: string | null;
  /** With `authorized`: until when it can be captured. */
  capture_before?: string;
  /** Of a payment, once something of it has been refunded. */
  refunded_amount?: number;
  /** With `refunded_amount`: what can still be refunded, without what pending refunds hold. */
  refundable_amount?: number;
  /** Only where the id is a refund's. */
  original_transaction_id?: string;
}

export interface PaymentMethodsResponse {
  payment_methods: { id: PaymentMethod; name: string; description: string; enabled: boolean }[];
}
