/** Checks of orders that the PayPal adapter creates, and of money that it holds. */
import type { Transaction } from '../../core/domain/transaction.ts';
import type { Gateway, GatewayOutcome, LookUp } from '../../core/gateways/gateway.ts';
import { type Check, check } from './check.ts';
import type { Approval } from './paypal-checks.ts';
import { newTransaction } from './rows.ts';

/** Where PayPal sends the person who has approved. Nothing waits there. */
const RETURN_URL = 'https://example.com/';
const CALL_DEADLINE_MS = 20_000;
const signal = () => AbortSignal.timeout(CALL_DEADLINE_MS);

/** A payment whose payer has an order to approve. */
interface Challenged {
  transaction: Transaction;
  approveLink: string;
}

/** Yields the check of its creation. @returns null where the order was not created */
export async function* newOrderCheck(gateway: Gateway): AsyncGenerator<Check, Challenged | null> {
  const transaction = newTransaction({ paymentMethod: 'paypal', captureMethod: 'manual' });
  let created: Challenged | null = null;
  const charge = () =>
    gateway.charge({ transaction, instrument: { kind: 'new_paypal_order' }, returnUrl: RETURN_URL, signal: signal() });
  const keep = (got: GatewayOutcome) => {
    if (got.kind !== 'challenged' || got.intent === undefined || got.url === null) return false;
    const waiting = { substate: 'challenged', gatewayIntent: got.intent } as const;
    created = { transaction: { ...transaction, ...waiting }, approveLink: got.url };
    return true;
  };
  yield await check('a new order', 'challenged', charge, keep);
  return created;
}

/** @param approval is asked for once */
export async function* holdChecks(
  gateway: Gateway,
  { transaction, approveLink }: Challenged,
  approval: Approval,
): AsyncGenerator<Check> {
  const { completeCharge, holds } = gateway;
  if (completeCharge === undefined || holds === undefined) throw new Error('the PayPal adapter holds no money');
  const lookUp = (row: Transaction) => () => gateway.lookUpCharge(row, signal());
  const isOf = (kind: LookUp['kind']) => (got: LookUp) => got.kind === kind;
  yield await check('look-up of the new order', 'challenged', lookUp(transaction), isOf('challenged'));
  const isApproved = async () => (await lookUp(transaction)()).kind === 'payer_approved';
  if (!(await approval(approveLink, isApproved))) {
    const got = 'the new order was not approved';
    yield { what: 'hold, capture and release', expected: 'authorized', got, passed: null };
    return;
  }
  let reference = '';
  const keep = (kind: LookUp['kind']) => (got: GatewayOutcome) => {
    if (got.kind === kind && 'reference' in got) reference = got.reference;
    return got.kind === kind;
  };
  const isThat = (kind: LookUp['kind']) => (got: LookUp) =>
    got.kind === kind && 'reference' in got && got.reference === reference;

  const complete = () => completeCharge({ transaction, signal: signal() });
  yield await check('a hold of the approved order', 'authorized', complete, keep('authorized'));
  yield await check('the same hold again', 'the same hold', complete, isThat('authorized'));
  yield await check('look-up of the hold', 'found', lookUp(transaction), isThat('authorized'));
  const held: Transaction = { ...transaction, substate: 'authorized', authorizationReference: reference };
  const capture = () => holds.capture({ transaction: held, signal: signal() });
  yield await check('a capture of the hold', 'approved', capture, keep('approved'));
  yield await check('the same capture again', 'the same capture', capture, isThat('approved'));
  yield await check('look-up of the capture', 'found', lookUp(held), isThat('approved'));
  yield await check('a release after it', 'the capture', () => holds.release(held, signal()), isThat('approved'));
}
