/** During an upgrade the Worker can be of this version and the bridge of the former one. The other way round, the batch lacks what is new. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { postToBridge } from '../../src/core/outbox/relay-client.ts';
import { type BridgeProcess, startBridge } from '../support/bridge.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const exchange = `test.former-bridge.${randomBytes(4).toString('hex')}`;
const queue = `${exchange}.queue`;
const signingSecret = randomBytes(32).toString('base64');
let former: BridgeProcess;
let listener: Listener;

beforeAll(async () => {
  listener = await listen(rabbitmqUrl(), exchange, runDirectory('former-bridge-listener'));
  former = await startBridge({
    ...{ port: await freePort(), rabbitmqUrl: rabbitmqUrl(), exchange, queue, signingSecret },
    directory: runDirectory('former-bridge'),
    program: 'test/data/former-bridge.mjs',
  });
});
afterAll(async () => {
  await former?.child.stop();
  await listener?.close();
  await removeTopology(rabbitmqUrl(), exchange, queue);
});

it('a bridge of the former version publishes the events of this version’s Worker', async () => {
  const event: PaymentEvent = {
    event_id: `evt_${randomBytes(13).toString('hex').toUpperCase()}`,
    event_type: 'payment.success',
    user_id: 'user_123',
    user_email: null,
    booking_id: 'BOOK-1',
    transaction_id: 'TXN-1',
    amount: 25.5,
    payment_method: 'credit_card',
    timestamp: '2024-12-15T10:30:45Z',
  };
  const bridge = { url: former.url, signingSecret };
  const answer = await postToBridge(bridge, [event], Date.now(), { [event.event_id]: 'shop-order-17' });
  expect(answer).toEqual({ kind: 'results', results: [{ event_id: event.event_id, delivered: true }] });

  const [message] = await listener.waitFor(1);
  expect(message?.body).toEqual(event);
});
