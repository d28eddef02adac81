/** The words in which a bridge says why an event was not delivered: all of them are known, and nothing else is one. */
import { describe, expect, it } from 'vitest';
import {
  paymentDisputeEvent,
  paymentFailedEvent,
  paymentRefundEvent,
  paymentSuccessEvent,
} from '../../src/contract/events.ts';
import {
  EVENT_FIELDS,
  isReasonOfBridge,
  NOT_CONFIRMED,
  NOT_CONNECTED,
  notOfTheContract,
  refusedBecause,
  returnedBecause,
} from '../../src/contract/relay.ts';

describe('a reason', () => {
  it.each([
    [NOT_CONNECTED, 'the broker is not connected'],
    [NOT_CONFIRMED, 'the broker did not confirm in time'],
    [returnedBecause('NO_ROUTE'), 'returned by the broker: NO_ROUTE'],
    [returnedBecause('no queue for ada@example.com'), 'returned by the broker: OTHER'],
    [refusedBecause('NACK'), 'refused by the broker: NACK'],
    [refusedBecause(undefined), 'refused by the broker: OTHER'],
    [notOfTheContract(['event_type']), 'not an event of the contract event_type'],
    [notOfTheContract(['amount', 'user_email', 'amount']), 'not an event of the contract user_email amount'],
    [notOfTheContract(['ada@example.com', 0]), 'not an event of the contract'],
  ])('of the bridge is %s', (reason, words) => {
    expect(reason).toBe(words);
    expect(isReasonOfBridge(reason)).toBe(true);
  });

  it('can name every field of an event, and nothing else', () => {
    const shapes = [paymentSuccessEvent, paymentFailedEvent, paymentRefundEvent, paymentDisputeEvent].map(({ shape }) =>
      Object.keys(shape),
    );
    expect([...EVENT_FIELDS].toSorted()).toEqual([...new Set(shapes.flat())].toSorted());
  });

  it.each([
    '',
    'the broker is not connected, ada@example.com',
    'returned by the broker: ada@example.com',
    'refused by the broker: NACK ',
    'not an event of the contract ada@example.com',
    'not an event of the contract amount user_email',
    'not an event of the contractx',
  ])('%j is not of the bridge', (reason) => {
    expect(isReasonOfBridge(reason)).toBe(false);
  });
});
