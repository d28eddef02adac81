/** The addresses of a challenge, which are stored encrypted and only while it lasts. */

import type { Transaction } from '../../domain/transaction.ts';
import type { Database } from '../database.ts';

/** What each is sealed for: neither can be read in place of the other. */
export const actionUrlOf = (transactionId: string) => `${transactionId}:action_url`;
export const returnUrlOf = (transactionId: string) => `${transactionId}:return_url`;

export interface ChallengeUrls {
  /** Where the payer authenticates or approves; relative where it is a page of this service. Null where it is not known. */
  actionUrl: string | null;
  /** Where the payer comes back to. */
  returnUrl: string | null;
}

/** Both are null of a payment that has ended. @throws CannotOpen */
export async function challengeUrls(
  { cipher }: Database,
  { transactionId, sealedActionUrl, sealedReturnUrl }: Transaction,
): Promise<ChallengeUrls> {
  const open = (sealed: string | null, place: string) => (sealed === null ? null : cipher.open(sealed, place));
  return {
    actionUrl: await open(sealedActionUrl, actionUrlOf(transactionId)),
    returnUrl: await open(sealedReturnUrl, returnUrlOf(transactionId)),
  };
}
