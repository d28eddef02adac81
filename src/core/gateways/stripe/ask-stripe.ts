/** Asks Stripe for a state, within a deadline. Whatever prevents an answer is a value, and says whether it is about the row. */
import { isGatewayTrouble, type NoOutcome } from '../gateway.ts';
import { beforeDeadline, stripeFailure, stripeWhy } from './stripe-client.ts';
import { NotToBeFound } from './stripe-intents.ts';

export async function askStripe<Found>(signal: AbortSignal, asking: () => Promise<Found>): Promise<Found | NoOutcome> {
  try {
    return await beforeDeadline(signal, asking());
  } catch (error) {
    if (error instanceof NotToBeFound) return { kind: 'undetermined', reason: error.message };
    const failed = stripeFailure(error);
    const isUnreachable = failed.status === undefined || isGatewayTrouble(failed.status);
    return { kind: isUnreachable ? 'unreachable' : 'undetermined', ...stripeWhy(failed) };
  }
}
