/** Defects of payments that wait at Stripe or PayPal: of the adapters, and of what they say of an answer. */
import type { Mutation } from './mutate.ts';

const STRIPE_OUTCOMES = 'src/core/gateways/stripe/stripe-outcomes.ts';
const STRIPE_INTENTS = 'src/core/gateways/stripe/stripe-intents.ts';
const STRIPE_HOLDS = 'src/core/gateways/stripe/stripe-holds.ts';
const PAYPAL_OUTCOMES = 'src/core/gateways/paypal/paypal-outcomes.ts';
const PAYPAL_HOLDS = 'src/core/gateways/paypal/paypal-holds.ts';

type Defect = Omit<Mutation, 'gateway' | 'waitsAtProvider'>;

const at = (gateway: 'stripe' | 'paypal', one: Defect): Mutation => ({ gateway, waitsAtProvider: true, ...one });
const atStripe = (one: Defect) => at('stripe', one);
const atPayPal = (one: Defect) => at('paypal', one);

export const MUTATIONS_AT_PROVIDERS: readonly Mutation[] = [
  atStripe({
    name: 'a challenge that has been voided is not cancelled, because its payer had failed',
    breaks: 'invariant 1',
    edits: [
      {
        file: 'src/core/recovery/resolve-payment.ts',
        find: `const isEnding = transaction.substate === 'challenged' &&`,
        replace: `const isEnding = transaction.substate === 'challenged' && transaction.step === null &&`,
      },
    ],
  }),
  atStripe({
    name: 'money that Stripe holds is taken for paid',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_OUTCOMES,
        find: `      return { kind: 'authorized', reference: intent.id, expiresAtMs: heldUntilMs(intent) };`,
        replace: `      return { kind: 'approved', reference: intent.id };`,
      },
    ],
  }),
  atStripe({
    name: 'a payer whom Stripe has to authenticate has declined',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_OUTCOMES,
        find: `      return { kind: 'challenged', url: intent.next_action?.redirect_to_url?.url ?? null, intent: intent.id };`,
        replace: `      return declinedBecause('authentication_required');`,
      },
    ],
  }),
  atStripe({
    name: 'an intent whose payer never came is not cancelled',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_INTENTS,
        find: `  if (found?.status === 'requires_capture') return stateOfIntent(found, transaction);`,
        replace: `  if (found?.status === 'requires_capture') return stateOfIntent(found, transaction);
  if (found?.status === 'requires_action') return { kind: 'cancelled' };`,
      },
    ],
  }),
  atStripe({
    name: 'a hold is released by what leaves holds as they are',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_HOLDS,
        find: `return intentId === undefined ? NOT_FOUND : endIntent(stripe, intentId, transaction);`,
        replace: `return intentId === undefined ? NOT_FOUND : stateOfIntent(await retrieveIntent(stripe, intentId, transaction), transaction);`,
      },
    ],
  }),
  atPayPal({
    name: 'money that PayPal holds is taken for paid',
    breaks: 'invariant 3',
    edits: [
      {
        file: PAYPAL_OUTCOMES,
        find: `? { kind: 'authorized', reference: id, expiresAtMs }`,
        replace: `? { kind: 'approved', reference: id }`,
      },
    ],
  }),
  atPayPal({
    name: 'any 200 is a released hold',
    breaks: 'invariant 3',
    edits: [
      {
        file: PAYPAL_HOLDS,
        find: `  if (!isOk(answer)) return false;\n`,
        replace: `  if (answer.kind === 'answered' && answer.status === 200) return true;\n  if (!isOk(answer)) return false;\n`,
      },
    ],
  }),
  atPayPal({
    name: 'an authorization that PayPal denied is still being worked on',
    breaks: 'invariant 3',
    edits: [
      {
        file: PAYPAL_OUTCOMES,
        find: `      return declinedBecause('capture_declined', 'AUTHORIZATION_DENIED');`,
        replace: `      return { kind: 'in_progress' };`,
      },
    ],
  }),
];
