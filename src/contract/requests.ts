/**
 * The request bodies. As tolerant as the FastAPI models that existing callers were written for: optional fields may
 * be null, unknown fields are ignored, and a numeric string is a number.
 */
import * as z from 'zod/mini';
import { Redacted } from './redacted.ts';
import { trimmed } from './typed-text.ts';

/** Identifiers, in UTF-16 code units. */
const TEXT_MAX_LENGTH = 255;
/** A reason, as free text. */
const REASON_MAX_LENGTH = 1000;
/** RFC 5321 allows 254 characters between the angle brackets; RFC 3696 erratum 1690 explains the older figure of 320. */
const EMAIL_MAX_LENGTH = 320;

/** True for text that SQLite, JSON and AMQP carry unchanged: no control characters, no half of a surrogate pair. */
function isStorable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed();
}

/** zod/mini has no messages of its own. A message never repeats a submitted value. */
const required = (what: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is required' : `must be ${what}`),
});
const tooLong = (maxLength: number) => `must not have more than ${maxLength} characters`;
const STORABLE = 'must not contain control characters or unpaired surrogates';

const string = z.string(required('a string'));
/** Ids of the caller: booking and user ids are opaque and kept unchanged. */
export const opaqueId = string.check(
  z.minLength(1, 'must not be empty'),
  z.maxLength(TEXT_MAX_LENGTH, tooLong(TEXT_MAX_LENGTH)),
  z.refine(isStorable, STORABLE),
);
/** Free text: line breaks and tabs are allowed, and so is an empty text. */
const reason = string.check(
  z.maxLength(REASON_MAX_LENGTH, tooLong(REASON_MAX_LENGTH)),
  z.refine((written) => isStorable(written.replace(/[\t\n\r]/g, '')), STORABLE),
);
/** Typed or pasted text, trimmed. It may be empty. */
const typedText = (maxLength: number) =>
  string.check(z.overwrite(trimmed), z.maxLength(maxLength, tooLong(maxLength)), z.refine(isStorable, STORABLE));
const email = typedText(EMAIL_MAX_LENGTH);
/** None at all, where it is empty. */
const token = typedText(TEXT_MAX_LENGTH);
const orderId = typedText(TEXT_MAX_LENGTH).check(z.minLength(1, 'must not be empty'));

/** Stripe's rules for a statement descriptor: Latin characters, none of these six, and at least one letter. */
const STATEMENT_SUFFIX_MAX_LENGTH = 22;
const statementSuffix = typedText(STATEMENT_SUFFIX_MAX_LENGTH).check(
  z.refine((typed) => /[a-z]/i.test(typed), 'must contain a letter'),
  z.refine(
    (typed) => !/\P{ASCII}|[<>\\'"*]/u.test(typed),
    'must contain only ASCII characters, and none of < > \\ \' " *',
  ),
);

/** What Python's `float()` accepts of a string, less the names of infinities and NaN. */
export const NUMERIC_STRING = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i;

/**
 * Checks only that a number was sent. Its exact value is taken from the digits of the raw body, because parsing a JSON
 * number rounds it: see `http/exact-amount.ts`. `1e400` arrives here as Infinity and is a number all the same.
 */
export const amount = z.custom<number | string>(
  (value) =>
    (typeof value === 'number' && !Number.isNaN(value)) || (typeof value === 'string' && NUMERIC_STRING.test(value)),
  required('a number'),
);

export const PAYMENT_METHODS = ['credit_card', 'debit_card', 'paypal', 'stripe'] as const;
export type PaymentMethod = (typeof PAYMENT_METHODS)[number];
export const paymentMethod = z.enum(PAYMENT_METHODS, required(`one of ${PAYMENT_METHODS.join(', ')}`));

/** From here on, it cannot be logged or stored by accident (invariant 5). */
const redacted = z.pipe(
  string,
  z.transform((value) => new Redacted(value)),
);

/** Any strings pass here: a card that can't be charged fails as a payment (INVALID_CARD), not as a request. */
export const cardDetails = z.object(
  { card_number: redacted, expiry_month: redacted, expiry_year: redacted, cvv: redacted, cardholder_name: redacted },
  required('an object'),
);

export const payPalDetails = z.object({ email, payment_id: orderId }, required('an object'));

export const CAPTURE_METHODS = ['automatic', 'manual'] as const;
export type CaptureMethod = (typeof CAPTURE_METHODS)[number];

const RETURN_URL_MAX_LENGTH = 2000;

/** An address that a browser can be sent to. Which ones an installation allows, its settings say. */
const returnUrl = typedText(RETURN_URL_MAX_LENGTH).check(
  z.refine((written) => isWebAddress(written), 'must be an absolute https address without a user name or a password'),
);

function isWebAddress(written: string): boolean {
  // As browsers and servers read it alike: a URL parser also takes backslashes, and an address without slashes.
  if (!/^https?:\/\/[^/\s\\@;,*]+([/?#][^\s\\]*)?$/i.test(written) || !URL.canParse(written)) return false;
  return new URL(written).href.length <= RETURN_URL_MAX_LENGTH;
}

const holdMinutes = z.int(required('a whole number of minutes')).check(z.minimum(1, 'must be 1 or more'));

export const paymentRequest = z.object(
  {
    user_id: opaqueId,
    booking_id: opaqueId,
    amount,
    payment_method: paymentMethod,
    card_details: z.nullish(cardDetails),
    /** In place of card_details: a token for a card that the payer's browser sent to the provider. */
    payment_method_token: z.nullish(token),
    paypal_details: z.nullish(payPalDetails),
    user_email: z.nullish(email),
    /** Where the payer comes back to after authenticating or approving. Without it, a payment that requires that is declined. */
    return_url: z.nullish(returnUrl),
    /** `manual`: the money is held until `/payment/capture` or `/payment/void`. */
    capture_method: z.nullish(z.enum(CAPTURE_METHODS, required(`one of ${CAPTURE_METHODS.join(', ')}`))),
    /** How long it is held at most. */
    hold_minutes: z.nullish(holdMinutes),
    /** Of the payer's bank statement. */
    statement_descriptor_suffix: z.nullish(statementSuffix),
    /** Where the provider sends its receipt; personal data, passed on and not kept. */
    receipt_email: z.nullish(email),
  },
  required('an object'),
);
export type PaymentRequest = z.infer<typeof paymentRequest>;

export const refundRequest = z.object(
  {
    booking_id: opaqueId,
    original_transaction_id: opaqueId,
    refund_amount: amount,
    reason,
    user_id: opaqueId,
  },
  required('an object'),
);
export type RefundRequest = z.infer<typeof refundRequest>;

/** Of `/payment/capture` and `/payment/void`. */
export const holdRequest = z.object(
  { booking_id: opaqueId, transaction_id: opaqueId, user_id: opaqueId },
  required('an object'),
);
export type HoldRequest = z.infer<typeof holdRequest>;
