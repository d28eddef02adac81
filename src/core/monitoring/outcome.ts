import type { Labels } from './measured-sums.ts';

export type Outcome = 'completed' | 'failed' | 'voided';

/** How a payment that is counted has ended. A shop voids a payment on purpose: it neither failed nor counts for the success rate. */
export function outcomeOf({ status, error_code }: Labels<'payments'>): Outcome {
  if (status === 'completed') return 'completed';
  return error_code === 'PAYMENT_VOIDED' ? 'voided' : 'failed';
}
