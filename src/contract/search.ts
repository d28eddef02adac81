/** The query of the search of payments, `GET /payment/transactions`. */
import * as z from 'zod/mini';
import { isoTimeMs } from './iso-time.ts';
import { opaqueId, PAYMENT_METHODS } from './requests.ts';

/** What a status answer can have; `refunded` is all of it. */
export const SHOWN_STATUSES = ['pending', 'authorized', 'completed', 'failed', 'refunded'] as const;
export type ShownStatus = (typeof SHOWN_STATUSES)[number];

/** So that a page reads no more than a hundred rows. */
export const PAGE_MAX_PAYMENTS = 40;
const PAGE_PAYMENTS = 20;
/** A provider's names, and those of gateways. */
const NAME_MAX_LENGTH = 255;
const CURSOR_MAX_LENGTH = 1000;

const name = z.string().check(z.minLength(1, 'must not be empty'), z.maxLength(NAME_MAX_LENGTH, 'is too long'));

const time = z
  .string()
  .check(
    z.refine((text) => !Number.isNaN(queryTimeMs(text)), 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z'),
  );

const limit = z
  .string()
  .check(
    z.refine(
      (text) => /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= PAGE_MAX_PAYMENTS,
      `must be a whole number from 1 to ${PAGE_MAX_PAYMENTS}`,
    ),
  );

const oneOf = <const Values extends readonly string[]>(values: Values) =>
  z.enum(values, { error: () => `must be one of ${values.join(', ')}` });

/** The query of a search. All filters have to match. A misspelled one would list everything, and is refused. */
export const searchQuery = z.strictObject({
  booking_id: z.optional(opaqueId),
  user_id: z.optional(opaqueId),
  status: z.optional(oneOf(SHOWN_STATUSES)),
  payment_method: z.optional(oneOf(PAYMENT_METHODS)),
  /** Its kind, such as `stripe`. */
  gateway: z.optional(name),
  /** The provider's name for the charge, the order, or a refund. */
  reference: z.optional(name),
  /** From this time on. */
  created_from: z.optional(time),
  /** Up to and without this time. */
  created_to: z.optional(time),
  limit: z.optional(limit),
  /** `next_cursor` of the page before, with the same filters. */
  cursor: z.optional(
    z.string().check(z.minLength(1, 'must not be empty'), z.maxLength(CURSOR_MAX_LENGTH, 'is too long')),
  ),
});
export type SearchQuery = z.infer<typeof searchQuery>;

export function limitOf({ limit }: SearchQuery): number {
  return limit === undefined ? PAGE_PAYMENTS : Number(limit);
}

/** Milliseconds; NaN where it is no time. The `+` of a zone that was not encoded arrives as a space. */
export function queryTimeMs(text: string): number {
  return isoTimeMs(text.replace(/(?<=T[\d:.]+) (?=\d\d:\d\d$)/, '+')) ?? Number.NaN;
}
