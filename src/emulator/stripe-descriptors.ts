/** Stripe's rules for the text on a card's statement. The published description limits its length. */
import { invalid } from './stripe-errors.ts';

/** @throws {Refused} */
export function checkDescriptorSuffix(suffix: string | undefined): void {
  if (suffix === undefined) return;
  const refused = (message: string) => invalid(message, { param: 'statement_descriptor_suffix' });
  if (!/[a-z]/i.test(suffix)) {
    throw refused('The statement descriptor suffix must contain at least one alphabetic character.');
  }
  if (/[<>\\'"*]/.test(suffix)) {
    throw refused('The statement descriptor suffix may not contain any of the characters <, >, \\, \', ", *.');
  }
}
