/**
 * The examples of the API's documentation, copied letter for letter: requests as the curl lines and JSON blocks have
 * them, and the answers that are documented for them.
 */

export interface ContractExample {
  name: string;
  method: 'GET' | 'POST';
  path: string;
  /** The body's text. */
  request: string | null;
  status: number;
  /** The documented answer. Identifiers, times and, for the error envelope, details are examples of their kind. */
  response: Record<string, unknown>;
}

/** Stands in requests and paths for a payment that was made before. */
export const EXAMPLE_TRANSACTION_ID = 'TXN-456789';

const PAYMENT_SUCCESS = {
  status: 'success',
  transaction_id: 'TXN-456789',
  booking_id: 'BOOK-789012',
  amount: 25.5,
  payment_method: 'credit_card',
  processed_at: '2024-12-15T10:30:45Z',
  message: 'Payment processed successfully',
};

const REFUND_SUCCESS = {
  status: 'success',
  refund_transaction_id: 'REF-123456',
  original_transaction_id: 'TXN-456789',
  booking_id: 'BOOK-789012',
  refund_amount: 25.5,
  processed_at: '2024-12-15T10:35:00Z',
  message: 'Refund processed successfully',
};

export const PROCESS_JSON: ContractExample = {
  name: 'Process Payment, request body',
  method: 'POST',
  path: '/payment/process',
  request: `{
  "user_id": "user_123",
  "booking_id": "BOOK-789012",
  "amount": 25.5,
  "payment_method": "credit_card",
  "card_details": {
    "card_number": "4111111111111111",
    "expiry_month": "12",
    "expiry_year": "2025",
    "cvv": "123",
    "cardholder_name": "John Doe"
  }
}`,
  status: 200,
  response: PAYMENT_SUCCESS,
};

export const PROCESS_CURL: ContractExample = {
  name: 'Process Credit Card Payment, curl',
  method: 'POST',
  path: '/payment/process',
  request: `{
    "user_id": "user_123",
    "booking_id": "BOOK-789012",
    "amount": 25.50,
    "payment_method": "credit_card",
    "card_details": {
      "card_number": "4111111111111111",
      "expiry_month": "12",
      "expiry_year": "2025",
      "cvv": "123",
      "cardholder_name": "John Doe"
    }
  }`,
  status: 200,
  response: PAYMENT_SUCCESS,
};

/** "Test payment (will fail with test data)". The flat failure and the envelope are both documented, so both come. */
export const PROCESS_TEST_CURL: ContractExample = {
  name: 'Test payment, curl',
  method: 'POST',
  path: '/payment/process',
  request: '{"user_id":"test","booking_id":"TEST-123","amount":10.00,"payment_method":"credit_card"}',
  status: 400,
  response: {
    status: 'failed',
    booking_id: 'TEST-123',
    amount: 10,
    payment_method: 'credit_card',
    error_code: 'INVALID_CARD',
    error_message: 'Invalid card details',
    processed_at: '2024-12-15T10:30:45Z',
    error: {
      code: 'PAYMENT_FAILED',
      message: 'Payment could not be processed',
      details: { reason: 'Invalid card details', transaction_id: null, retry_possible: true },
    },
    timestamp: '2024-12-15T10:30:45Z',
  },
};

export const REFUND_JSON: ContractExample = {
  name: 'Refund Payment, request body',
  method: 'POST',
  path: '/payment/refund',
  request: `{
  "booking_id": "BOOK-789012",
  "original_transaction_id": "TXN-456789",
  "refund_amount": 25.5,
  "reason": "Customer cancellation",
  "user_id": "user_123"
}`,
  status: 200,
  response: REFUND_SUCCESS,
};

export const REFUND_CURL: ContractExample = {
  name: 'Process Refund, curl',
  method: 'POST',
  path: '/payment/refund',
  request: `{
    "booking_id": "BOOK-789012",
    "original_transaction_id": "TXN-456789",
    "refund_amount": 25.50,
    "reason": "Customer cancellation",
    "user_id": "user_123"
  }`,
  status: 200,
  response: REFUND_SUCCESS,
};

export const STATUS_CURL: ContractExample = {
  name: 'Check Payment Status, curl',
  method: 'GET',
  path: '/payment/status/TXN-456789',
  request: null,
  status: 200,
  response: {
    transaction_id: 'TXN-456789',
    status: 'completed',
    booking_id: 'BOOK-789012',
    amount: 25.5,
    payment_method: 'credit_card',
    created_at: '2024-12-15T10:30:45Z',
    processed_at: '2024-12-15T10:30:47Z',
  },
};

export const HEALTH_CURL: ContractExample = {
  name: 'Health check, curl',
  method: 'GET',
  path: '/health',
  request: null,
  status: 200,
  response: { status: 'healthy', service: 'payment-service', timestamp: '2024-12-15T10:30:00Z' },
};

export const METHODS_CURL: ContractExample = {
  name: 'Get payment methods, curl',
  method: 'GET',
  path: '/payment/methods',
  request: null,
  status: 200,
  response: {
    payment_methods: [
      { id: 'credit_card', name: 'Credit Card', description: 'Visa, MasterCard, American Express', enabled: true },
      { id: 'debit_card', name: 'Debit Card', description: 'Bank debit cards', enabled: true },
      { id: 'paypal', name: 'PayPal', description: 'Pay with your PayPal account', enabled: true },
      { id: 'stripe', name: 'Stripe', description: 'Secure online payments', enabled: false },
    ],
  },
};

/** The documented failure of a card without funds. */
export const INSUFFICIENT_FUNDS = {
  error_message: 'Insufficient funds in account',
  reason: 'Insufficient funds',
};

export const TEST_CARDS_TABLE = [
  { type: 'Visa', number: '4111111111111111', result: 'Success' },
  { type: 'Visa', number: '4000000000000002', result: 'Declined' },
  { type: 'MasterCard', number: '5555555555554444', result: 'Success' },
  { type: 'Amex', number: '378282246310005', result: 'Success' },
] as const;

/** Common error codes: their HTTP statuses, and which codes they belong to. */
export const ERROR_STATUSES = {
  INVALID_CARD: 400,
  INSUFFICIENT_FUNDS: 400,
  CARD_EXPIRED: 400,
  CARD_DECLINED: 400,
  PAYMENT_GATEWAY_ERROR: 502,
  DUPLICATE_TRANSACTION: 409,
  INVALID_AMOUNT: 400,
  REFUND_NOT_ALLOWED: 400,
} as const;

/** The three events, field for field. */
export const EVENTS = {
  'payment.success': {
    event_id: 'evt_payment_001',
    event_type: 'payment.success',
    user_id: 'user_123',
    user_email: 'user@example.com',
    booking_id: 'BOOK-789012',
    transaction_id: 'TXN-456789',
    amount: 25.5,
    payment_method: 'credit_card',
    timestamp: '2024-12-15T10:30:45Z',
  },
  'payment.failed': {
    event_id: 'evt_payment_002',
    event_type: 'payment.failed',
    user_id: 'user_123',
    user_email: 'user@example.com',
    booking_id: 'BOOK-789012',
    amount: 25.5,
    payment_method: 'credit_card',
    failure_reason: 'Insufficient funds',
    error_code: 'INSUFFICIENT_FUNDS',
    timestamp: '2024-12-15T10:30:45Z',
  },
  'payment.refund': {
    event_id: 'evt_payment_003',
    event_type: 'payment.refund',
    user_id: 'user_123',
    user_email: 'user@example.com',
    booking_id: 'BOOK-789012',
    original_transaction_id: 'TXN-456789',
    refund_transaction_id: 'REF-123456',
    refund_amount: 25.5,
    reason: 'Customer cancellation',
    timestamp: '2024-12-15T10:35:00Z',
  },
} as const;
