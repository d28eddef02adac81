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
  status: 'pending' | 'completed' | 'failed' | 'refunded' | 'reversed';
  booking_id: string;
  amount: number;
  payment_method: PaymentMethod;
  created_at: string;
  processed_at: string | null;
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
