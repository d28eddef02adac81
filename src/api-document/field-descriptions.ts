/** What each field means. A field has one meaning wherever it is, unless its schema gives it another. */
import type { ApiDocument } from './document.ts';

const FIELDS: Readonly<Record<string, string>> = {
  // A payment
  transaction_id: 'The id of the payment.',
  booking_id: 'The booking, by the caller’s own name for it: opaque, and kept as it was sent.',
  user_id: 'The user, by the caller’s own name: opaque, and kept as it was sent.',
  amount: 'The amount of the payment, in the currency of the installation.',
  currency: 'ISO 4217, such as `USD`.',
  payment_method: 'How it is paid.',
  status: 'How the payment stands.',
  created_at: 'When it was recorded.',
  processed_at: 'When it was completed, or failed; `null` while it is pending or authorized.',
  message: 'For people.',
  timestamp: 'When it was answered.',
  capture_method: '`automatic`: the money is taken at once. `manual`: it is held, and taken by a capture.',
  hold_minutes: 'How long the money is held.',
  capture_before: 'Only while authorized: until when the payment can be captured.',
  expires_at: 'Until when the payer can authenticate or approve.',
  refunded_amount: 'What of it has been refunded.',
  refundable_amount: 'What is left to refund, without what pending refunds hold.',
  pending_refund_amount: 'What pending refunds hold.',
  // A refund
  refund_transaction_id: 'The id of the refund.',
  original_transaction_id: 'The payment that is refunded.',
  refund_amount: 'The amount of the refund.',
  reason: 'Why, in a sentence.',
  // An error
  error: 'The envelope that every error has.',
  error_code: 'The cause of the failure.',
  error_message: 'The cause of the failure, for people.',
  code: 'What went wrong, for programs.',
  details: 'What is known beside it. Which fields there are depends on the code.',
  retry_possible: 'Whether another attempt may succeed.',
  next_step: 'What the caller or the payer can do.',
  archived: 'The payment has left the database for the archive, or may have.',
  issues: 'The fields that are not valid, at most 20.',
  path: 'The field, such as `card_details.cvv`.',
  needed_scope: 'The scope that the key or token lacks.',
  retry_after_seconds: 'The seconds to wait, as in `Retry-After`.',
  problems: 'What is missing or wrong in the settings.',
  // At a provider
  gateway: 'Who was asked to charge it, such as `sandbox` or `stripe`.',
  gateway_reference: 'The provider’s own id; `null` until there is one.',
  card_brand: 'Of a card: its brand.',
  card_last4: 'Of a card: its last four digits, all that is kept of its number.',
};

/** Where a field means something else, or more. */
const FIELDS_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PaymentRequest: {
    booking_id: 'The booking, by your own name for it: opaque, and kept as sent. A booking is paid once.',
    user_id: 'The user, by your own name: opaque, and kept as sent.',
    amount:
      'A decimal number, or a string with one: above 0, at most `PAYMENT_MAX_AMOUNT`, with no more decimals than the currency has.',
    card_details: 'For cards and `stripe`, unless there is a token.',
    payment_method_token:
      'In place of `card_details`: a token for a card that the payer’s browser has given to the provider, such as `pm_…`.',
    paypal_details: 'For `paypal`, unless there is a `return_url`: an order that the payer has approved.',
    user_email: 'Copied to the events.',
    return_url:
      'Where the payer returns after authentication or approval: an https address. Without it, a card that requires authentication is declined.',
    capture_method: '`automatic` (default), or `manual`: the money is held, and taken by a capture.',
    hold_minutes: 'With `manual`: how long the money is held at most, from 1 to `PAYMENT_HOLD_MINUTES` (the default).',
    statement_descriptor_suffix:
      'For the payer’s bank statement: 1 to 22 ASCII characters, one of them a letter, none of `< > \\ \' " *`.',
    receipt_email: 'Where the provider sends its receipt. It is passed on, and neither stored nor published.',
  },
  CardDetails: {
    card_number: '12 to 19 digits with a correct check digit. Spaces and dashes between them are ignored.',
    expiry_month: '`1` to `12`, with or without a leading zero.',
    expiry_year: 'Two digits or four: `30` or `2030`.',
    cvv: '3 digits; 3 or 4 for American Express.',
    cardholder_name: 'At most 255 characters.',
  },
  PayPalDetails: { email: 'The payer’s address.', payment_id: 'The id of the order that the payer has approved.' },
  HoldRequest: {
    booking_id: 'The booking of the payment.',
    transaction_id: 'The `TXN-…` of the payment.',
    user_id: 'The user of the payment.',
  },
  RefundRequest: {
    booking_id: 'The booking of the payment.',
    original_transaction_id: 'The `TXN-…` of the payment.',
    refund_amount: 'As an `amount`, and not more than is left to refund.',
    reason: 'Free text. It may be empty.',
    user_id: 'The user of the payment.',
  },
  PaymentSuccessResponse: { status: 'The payment is completed.', processed_at: 'When it was completed.' },
  PaymentAuthorizedResponse: { status: 'The money is held.', processed_at: 'Nothing is taken yet.' },
  PaymentChallengeResponse: {
    status: 'The payment waits for its payer.',
    processed_at: 'Nothing is taken yet.',
    next_action: 'What the payer has to do.',
  },
  NextAction: {
    type: 'Send the payer’s browser there, by a redirect or a link.',
    url: 'For this payer alone: it is a secret.',
    expires_at: 'When the payment fails with `AUTHENTICATION_EXPIRED`, if the payer has done nothing.',
  },
  PaymentVoidedResponse: {
    status: 'The payment has ended, and no money is taken.',
    processed_at: 'When it was voided.',
  },
  PaymentFailureResponse: {
    status:
      '`failed`; with a 502 also `pending`: the outcome is not known yet, or the provider is still processing it.',
    transaction_id: 'The id of the payment; missing if none was recorded.',
    booking_id: 'The booking; `null` if the body cannot be read.',
    amount: 'The amount; `null` if it cannot be read.',
    payment_method: 'How it was to be paid; `null` if the body cannot be read.',
    error_code: 'The cause. Read it here: in `error.code` it is `PAYMENT_FAILED` for all declines.',
  },
  RefundSuccessResponse: { status: 'The refund is completed.', processed_at: 'When it was completed.' },
  StatusResponse: {
    transaction_id: 'The id that was asked for: of a payment, or of a refund.',
    status:
      'Of a payment: `pending`, `authorized`, `completed`, `failed` or `refunded` (all of it). Of a refund: `pending`, `completed`, `failed` or `reversed` (the payer’s bank returned the money).',
    amount: 'Of the payment, or of the refund.',
    refunded_amount: 'Only once something has been refunded: what of it.',
    refundable_amount: 'With `refunded_amount`: what is left to refund, without what pending refunds hold.',
    original_transaction_id: 'Only of a refund: its payment.',
  },
  ErrorDetails: {
    status: 'How the payment or the refund stands.',
    transaction_id: 'The payment; `null` if none was recorded, or if it is archived.',
    reason: 'Why, in a sentence; `null` if the gateway gave none.',
  },
  Issue: { message: 'What it has to be. A value that was sent is never repeated.' },
  HealthResponse: {
    status: 'The Worker runs.',
    service: 'The name of the service.',
    payment_gateways: 'Which gateway takes new payments by each method. Missing until the service is configured.',
    credit_card: 'A gateway, or `null`: the method is disabled.',
    debit_card: 'A gateway, or `null`: the method is disabled.',
    paypal: 'A gateway, or `null`: the method is disabled.',
    stripe: 'A gateway, or `null`: the method is disabled.',
  },
  ReadyResponse: {
    status: '`not_ready` if payments or events do not get through.',
    problems: 'All problems. With `ready`, each of them can wait.',
  },
  ReadyProblem: {
    alert: 'The name of the alert.',
    since: 'When the problem began.',
    message: 'The problem in a sentence. The figures are in the alert.',
  },
  PaymentMethodsResponse: { payment_methods: 'All methods.' },
  PaymentMethodDescription: {
    id: 'The `payment_method` of a request.',
    name: 'For people.',
    description: 'For people.',
    enabled: 'Whether a payment by this method is accepted.',
  },
  SearchResponse: {
    transactions: 'Newest first.',
    next_cursor: 'The `cursor` of the next page; `null` if there are no more.',
  },
  FoundTransaction: { refunded_amount: 'What of it has been refunded.' },
  StoryResponse: {
    transaction: 'The payment.',
    refunds: 'Its refunds.',
    events: 'Its events, and whether RabbitMQ has them.',
    disputes: 'Its disputes.',
    history: 'What happened to it, in order of time.',
    is_complete: 'Whether all of it is shown: of each kind, up to 200.',
    expires_at: 'Of a payment that waits for its payer, or is held: until when.',
    hold_minutes: 'Of a payment whose money is held: how long at most.',
    gateway_intent: 'What the provider calls the payment before money moves: an order, an intent.',
    next_look_up_at: 'When the gateway is asked next; `null` if it is not going to be asked.',
    look_ups: 'How often the gateway has been asked since the outcome became unknown.',
    kind: '`requested`; or `late_charge`: of a charge that turned up after its payment had failed; or `external`: made at the provider.',
    reason: 'Why it was refunded, or disputed.',
    event_id: 'The id of the event.',
    event_type: 'What the event says.',
    delivered_at: 'When RabbitMQ confirmed it; `null` while it waits.',
    attempts: 'How often it was sent.',
    last_error: 'Why it was not delivered the last time.',
    provider: 'Whose dispute it is.',
    dispute_id: 'The provider’s id of the dispute.',
    opened_at: 'When the dispute was opened.',
    reported_at: 'When the provider reported this status.',
    at: 'When it happened, to the millisecond.',
    type: 'What happened.',
    id: 'The payment, refund, dispute, event or webhook that it happened to.',
    actor:
      'Who did it: `key:…`, `jwt:…`, `webhook:stripe`, `cron`, `operator:…`; `null` where the audit log does not say.',
    request_id: 'The request that did it, as in the log.',
    audit_entry: 'The number of the entry in the audit log.',
    detail: 'What is known beside it.',
  },
  WebhookResponse: { received: 'It need not be sent again.' },
};

/** Of a search. */
const QUERY: Readonly<Record<string, string>> = {
  booking_id: 'Payments of this booking.',
  user_id: 'Payments of this user.',
  status: 'Payments with this status; `refunded` is all of it.',
  payment_method: 'Payments by this method.',
  gateway: 'Payments by this kind of gateway, such as `stripe`.',
  reference:
    'The payment with this id at the provider: of the charge or of a refund; also of the order or intent, unless the payment has failed.',
  created_from:
    'From this time on: ISO 8601, such as `2026-11-22` or `2026-11-22T18:30:00Z`. Without a zone it is UTC.',
  created_to: 'Up to and without this time.',
  limit: 'How many payments a page has at most.',
  cursor: 'The `next_cursor` of the page before. The filters have to be the same.',
};

interface Described {
  properties?: Record<string, Described>;
  items?: Described;
  anyOf?: Described[];
  description?: string;
}

/** @throws Error where a field or a parameter has no description */
export function describeFields({ components, paths }: ApiDocument): void {
  for (const [name, schema] of Object.entries(components?.schemas ?? {})) describe(name, schema as Described);
  for (const { get } of Object.values(paths ?? {})) {
    for (const parameter of get?.parameters ?? []) {
      if ('in' in parameter && parameter.in === 'query') {
        parameter.description ??= found(QUERY[parameter.name], 'the query', parameter.name);
      }
    }
  }
}

function describe(component: string, schema: Described): void {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    field.description ??= found(FIELDS_OF[component]?.[name] ?? FIELDS[name], component, name);
    describe(component, field);
  }
  for (const part of [schema.items, ...(schema.anyOf ?? [])]) if (part !== undefined) describe(component, part);
}

function found(description: string | undefined, where: string, name: string): string {
  if (description === undefined) throw new Error(`field-descriptions.ts has none for ${name} of ${where}`);
  return description;
}
