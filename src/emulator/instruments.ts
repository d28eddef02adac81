/** Stripe's published test cards, and how a charge of each of them ends. Of a card, its brand and last four digits are kept. */

export interface CardDecline {
  kind: 'declined';
  code: string;
  declineCode: string;
  message: string;
  blocked?: boolean;
}

export type ChargeOutcome = { kind: 'succeeds' } | CardDecline;

export type Outcome =
  | ChargeOutcome
  /** `end`: of the charge, once the payer has authenticated. */
  | { kind: 'needs_authentication'; end: ChargeOutcome }
  /** Needed too, but 3-D Secure fails before the payer is asked. */
  | { kind: 'authentication_unavailable'; end: CardDecline };

export interface Card {
  brand: string;
  last4: string;
  funding: 'credit' | 'debit' | 'prepaid';
  outcome: Outcome;
  /** Why the payer disputes the charge at once. */
  disputeReason?: string;
  /** Whether its refunds are pending, until they are ended. */
  refundsArePending?: boolean;
}

const SUCCEEDS: ChargeOutcome = { kind: 'succeeds' };

const declined = (declineCode: string, message = 'Your card was declined.', code = 'card_declined'): CardDecline => ({
  kind: 'declined',
  code,
  declineCode,
  message,
});

const OUTCOMES = {
  chargeDeclined: declined('generic_decline'),
  chargeDeclinedInsufficientFunds: declined('insufficient_funds', 'Your card has insufficient funds.'),
  chargeDeclinedLostCard: declined('lost_card'),
  chargeDeclinedStolenCard: declined('stolen_card'),
  chargeDeclinedExpiredCard: declined('expired_card', 'Your card has expired.', 'expired_card'),
  chargeDeclinedIncorrectCvc: declined('incorrect_cvc', "Your card's security code is incorrect.", 'incorrect_cvc'),
  chargeDeclinedProcessingError: declined(
    'processing_error',
    'An error occurred while processing your card. Try again in a little bit.',
    'processing_error',
  ),
  chargeDeclinedVelocityLimitExceeded: declined(
    'card_velocity_exceeded',
    'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
  ),
  chargeDeclinedFraudulent: declined('fraudulent'),
  radarBlock: { ...declined('fraudulent'), blocked: true },
} satisfies Record<string, CardDecline>;

const authenticated = (end: ChargeOutcome): Outcome => ({ kind: 'needs_authentication', end });
const NEEDS_AUTHENTICATION = authenticated(SUCCEEDS);

interface Published {
  /** What follows pm_card_ and tok_. */
  tokens: readonly string[];
  number: string;
  funding?: Card['funding'];
  outcome: Outcome;
  disputeReason?: string;
  refundsArePending?: boolean;
}

/** As docs.stripe.com/testing lists them. */
const PUBLISHED: readonly Published[] = [
  { tokens: ['visa'], number: '4242424242424242', outcome: SUCCEEDS },
  { tokens: [], number: '4111111111111111', outcome: SUCCEEDS },
  { tokens: ['visa_debit'], number: '4000056655665556', funding: 'debit', outcome: SUCCEEDS },
  { tokens: ['mastercard'], number: '5555555555554444', outcome: SUCCEEDS },
  { tokens: ['mastercard_debit'], number: '5200828282828210', funding: 'debit', outcome: SUCCEEDS },
  { tokens: ['mastercard_prepaid'], number: '5105105105105100', funding: 'prepaid', outcome: SUCCEEDS },
  { tokens: ['amex'], number: '378282246310005', outcome: SUCCEEDS },
  { tokens: ['discover'], number: '6011111111111117', outcome: SUCCEEDS },
  { tokens: ['unionpay'], number: '6200000000000005', outcome: SUCCEEDS },
  { tokens: ['diners'], number: '3056930009020004', outcome: SUCCEEDS },
  { tokens: ['jcb'], number: '3566002020360505', outcome: SUCCEEDS },
  { tokens: ['visa_chargeDeclined', 'chargeDeclined'], number: '4000000000000002', outcome: OUTCOMES.chargeDeclined },
  {
    tokens: ['visa_chargeDeclinedInsufficientFunds', 'chargeDeclinedInsufficientFunds'],
    number: '4000000000009995',
    outcome: OUTCOMES.chargeDeclinedInsufficientFunds,
  },
  { tokens: ['visa_chargeDeclinedLostCard'], number: '4000000000009987', outcome: OUTCOMES.chargeDeclinedLostCard },
  { tokens: ['visa_chargeDeclinedStolenCard'], number: '4000000000009979', outcome: OUTCOMES.chargeDeclinedStolenCard },
  { tokens: ['chargeDeclinedExpiredCard'], number: '4000000000000069', outcome: OUTCOMES.chargeDeclinedExpiredCard },
  { tokens: ['chargeDeclinedIncorrectCvc'], number: '4000000000000127', outcome: OUTCOMES.chargeDeclinedIncorrectCvc },
  {
    tokens: ['chargeDeclinedProcessingError'],
    number: '4000000000000119',
    outcome: OUTCOMES.chargeDeclinedProcessingError,
  },
  {
    tokens: ['visa_chargeDeclinedVelocityLimitExceeded'],
    number: '4000000000006975',
    outcome: OUTCOMES.chargeDeclinedVelocityLimitExceeded,
  },
  { tokens: ['chargeDeclinedFraudulent'], number: '4100000000000019', outcome: OUTCOMES.chargeDeclinedFraudulent },
  { tokens: ['radarBlock'], number: '4100000000000019', outcome: OUTCOMES.radarBlock },
  { tokens: ['chargeCustomerFail'], number: '4000000000000341', outcome: OUTCOMES.chargeDeclined },
  // Of these the bank wants an authentication of each payment with a payer who is there, whatever has been set up before.
  { tokens: ['authenticationRequiredOnSetup'], number: '4000002500003155', outcome: NEEDS_AUTHENTICATION },
  { tokens: ['authenticationRequired'], number: '4000002760003184', outcome: NEEDS_AUTHENTICATION },
  { tokens: ['authenticationRequiredSetupForOffSession'], number: '4000003800000446', outcome: NEEDS_AUTHENTICATION },
  {
    tokens: ['authenticationRequiredChargeDeclinedInsufficientFunds'],
    number: '4000008260003178',
    outcome: authenticated(OUTCOMES.chargeDeclinedInsufficientFunds),
  },
  { tokens: ['threeDSecure2Required'], number: '4000000000003220', outcome: NEEDS_AUTHENTICATION },
  { tokens: ['threeDSecureRequired'], number: '4000000000003063', outcome: NEEDS_AUTHENTICATION },
  {
    tokens: ['threeDSecureRequiredChargeDeclined'],
    number: '4000008400001629',
    outcome: authenticated(OUTCOMES.chargeDeclined),
  },
  {
    tokens: ['threeDSecureRequiredProcessingError'],
    number: '4000008400001280',
    outcome: { kind: 'authentication_unavailable', end: OUTCOMES.chargeDeclined },
  },
  // Of these it can be had and is not needed.
  { tokens: ['threeDSecureOptional'], number: '4000000000003055', outcome: SUCCEEDS },
  { tokens: ['threeDSecureOptionalProcessingError'], number: '4000000000003097', outcome: SUCCEEDS },
  { tokens: ['createDispute'], number: '4000000000000259', outcome: SUCCEEDS, disputeReason: 'fraudulent' },
  {
    tokens: ['createDisputeProductNotReceived'],
    number: '4000000000002685',
    outcome: SUCCEEDS,
    disputeReason: 'product_not_received',
  },
  { tokens: ['pendingRefund'], number: '4000000000007726', outcome: SUCCEEDS, refundsArePending: true },
];

/** @param token `pm_card_…` or `tok_…` */
export function cardOfToken(token: string): Card | null {
  const name = /^(?:pm_card_|tok_)(\w+)$/.exec(token)?.[1];
  const published = PUBLISHED.find(({ tokens }) => name !== undefined && tokens.includes(name));
  return published === undefined ? null : cardOf(published.number, published);
}

/** @returns null where the number can be no card's */
export function cardOfNumber(number: string): Card | null {
  if (!/^\d{12,19}$/.test(number) || !passesLuhn(number)) return null;
  // Of two that share a number the later one is the stricter.
  return cardOf(number, PUBLISHED.findLast((published) => published.number === number) ?? { outcome: SUCCEEDS });
}

function cardOf(number: string, published: Omit<Published, 'tokens' | 'number'>): Card {
  const { funding = 'credit', outcome, disputeReason, refundsArePending } = published;
  return {
    ...{ brand: brandOf(number), last4: number.slice(-4), funding, outcome },
    ...(disputeReason !== undefined && { disputeReason }),
    ...(refundsArePending !== undefined && { refundsArePending }),
  };
}

function brandOf(number: string): string {
  if (number.startsWith('4')) return 'visa';
  if (/^(5[1-5]|2[2-7])/.test(number)) return 'mastercard';
  if (/^3[47]/.test(number)) return 'amex';
  if (/^(6011|65|64[4-9])/.test(number)) return 'discover';
  if (/^3(0|6|8|9)/.test(number)) return 'diners';
  if (/^35/.test(number)) return 'jcb';
  return /^62/.test(number) ? 'unionpay' : 'unknown';
}

function passesLuhn(number: string): boolean {
  const sum = [...number].reverse().reduce((total, character, index) => {
    const digit = Number(character) * (index % 2 === 0 ? 1 : 2);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return sum % 10 === 0;
}
