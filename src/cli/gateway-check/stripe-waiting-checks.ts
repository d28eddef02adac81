/** Checks of payments that wait at Stripe: to be captured, or for a payer who has to authenticate. */
import type { Transaction } from '../../core/domain/transaction.ts';
import type { Fence, Gateway, GatewayOutcome, Instrument, LookUp } from '../../core/gateways/gateway.ts';
import { type Check, check } from './check.ts';
import { newTransaction } from './rows.ts';

const VISA: Instrument = { kind: 'token', token: 'pm_card_visa' };
const NEEDS_AUTHENTICATION: Instrument = { kind: 'token', token: 'pm_card_threeDSecure2Required' };
/** Nobody goes there. */
const RETURN_URL = 'https://example.com/';

export async function* stripeHoldChecks(gateway: Gateway, signal: () => AbortSignal): AsyncGenerator<Check> {
  const { holds } = gateway;
  if (holds === undefined) return;
  for (const end of ['captured', 'released'] as const) {
    let held: Transaction | undefined;
    const hold = () => {
      held = newTransaction({ captureMethod: 'manual' });
      return gateway.charge({ transaction: held, instrument: VISA, signal: signal() });
    };
    let reference = '';
    yield await check(`a hold, to be ${end}`, 'authorized, until a time', hold, (got: GatewayOutcome) => {
      if (got.kind === 'authorized') reference = got.reference;
      return got.kind === 'authorized' && got.expiresAtMs !== null && got.expiresAtMs > Date.now();
    });
    if (held === undefined || reference === '') return;
    const transaction = { ...held, authorizationReference: reference };
    const isThat = (got: GatewayOutcome) => got.kind === 'approved' && got.reference === reference;
    const isReleased = (got: Fence) => got.kind === 'cancelled';
    const capture = () => holds.capture({ transaction, signal: signal() });
    const release = () => holds.release(transaction, signal());
    if (end === 'captured') {
      yield await check('the capture of the hold', 'approved', capture, isThat);
      yield await check('the same capture again', 'the same charge', capture, isThat);
    } else {
      yield await check('the release of the hold', 'cancelled', release, isReleased);
      yield await check('a capture after the release', 'AUTHORIZATION_EXPIRED', capture, hasEnded);
    }
  }
}

const hasEnded = (got: GatewayOutcome) => got.kind === 'declined' && got.code === 'AUTHORIZATION_EXPIRED';

export async function* stripeChallengeChecks(gateway: Gateway, signal: () => AbortSignal): AsyncGenerator<Check> {
  const transaction = newTransaction();
  let url: string | null = null;
  yield await check(
    'a card whose bank requires authentication, with an address to return to',
    'challenged, with an address',
    () => gateway.charge({ transaction, instrument: NEEDS_AUTHENTICATION, returnUrl: RETURN_URL, signal: signal() }),
    (got: GatewayOutcome) => {
      if (got.kind === 'challenged') ({ url } = got);
      return url !== null;
    },
  );
  if (url === null) return;
  yield await check(
    'look-up of the challenge',
    'challenged, with an address',
    () => gateway.lookUpCharge(transaction, signal()),
    (got: LookUp) => got.kind === 'challenged' && got.url !== null,
  );
  yield await check(
    'cancelling the challenge',
    'cancelled',
    async () => gateway.cancelCharge?.(transaction, signal()),
    (got: Fence) => got.kind === 'cancelled',
  );
}
