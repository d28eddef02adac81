/** Rows as the ledger has them, and cards, for adapters that are tried without a ledger. */
import { type Card, readCard } from '../../src/core/domain/card.ts';
import { redactedDetails, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';

export { paidTransaction, pendingRefund, pendingTransaction } from '../../src/cli/gateway-check/rows.ts';

export function card(
  number: string = TEST_CARDS.visa,
  { expiry_month = '11', expiry_year = TEST_EXPIRY_YEAR }: { expiry_month?: string; expiry_year?: string } = {},
): Card {
  const details = { expiry_month, expiry_year, cvv: TEST_CVV, cardholder_name: 'John Doe' };
  const read = readCard(redactedDetails({ card_number: number, ...details }));
  if (read === null) throw new Error('a card of a test is none');
  return read;
}
