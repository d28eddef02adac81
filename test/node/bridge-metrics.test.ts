/** The bridge's metrics: what they count, and that they are where only Prometheus asks. */
import { randomBytes } from 'node:crypto';
import { Connection } from 'rabbitmq-client';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { type BridgeProcess, startBridge } from '../support/bridge.ts';
import { removeTopology } from '../support/exchange.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const SECRET = randomBytes(32).toString('base64');

describe('the metrics of the bridge', () => {
  const exchange = `test.metrics.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.queue`;
  let bridge: BridgeProcess;
  let metricsUrl: string;

  beforeAll(async () => {
    const metricsPort = await freePort();
    metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
    bridge = await startBridge({
      port: await freePort(),
      metricsPort,
      rabbitmqUrl: rabbitmqUrl(),
      exchange,
      queue,
      signingSecret: SECRET,
      directory: runDirectory('bridge-metrics'),
    });
  });
  afterAll(async () => {
    await bridge?.child.stop();
    await removeTopology(rabbitmqUrl(), exchange, queue);
  });

  const values = async () => parsed(await (await fetch(metricsUrl)).text());
  const publish = (events: object[], headers?: Record<string, string>) => {
    const body = JSON.stringify({ events });
    return fetch(`${bridge.url}/events`, { method: 'POST', body, headers: headers ?? signed(body) });
  };

  it('are OpenMetrics, with those of the process, on a port of their own', async () => {
    const answer = await fetch(metricsUrl);
    expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const text = await answer.text();
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) expect(name).toMatch(/^payment_bridge_/);
    expect(text).toContain('payment_bridge_process_cpu_user_seconds_total');
    expect((await fetch(`${bridge.url}/metrics`)).status).toBe(404);
  });

  it('count each event as published, or as undelivered by its reason, and each batch by what became of it', async () => {
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    await connection.queueUnbind({ exchange, queue, routingKey: 'payment.failed' });
    const before = await values();
    const invalid = { ...newEvent(), amount: 'much' };
    await publish([newEvent(), newEvent(), newEvent('payment.failed'), invalid]);
    await publish([newEvent()], {});
    await publish([]);

    const after = await values();
    const increase = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    expect(increase('payment_bridge_events_published_total')).toBe(2);
    const undelivered = (reason: string) => increase(`payment_bridge_events_undelivered_total{reason="${reason}"}`);
    expect(undelivered('returned by the broker: NO_ROUTE')).toBe(1);
    expect(undelivered('not an event of the contract')).toBe(1);
    for (const result of ['published', 'unsigned', 'invalid']) {
      expect(increase(`payment_bridge_batches_total{result="${result}"}`)).toBe(1);
    }
    expect(increase('payment_bridge_confirm_duration_seconds_count')).toBe(3);
    expect(after.get('payment_bridge_events_in_flight')).toBe(0);
    await connection.close();
  });

  it('say whether the broker is connected', async () => {
    const states = async () => {
      const all = await values();
      return ['ready', 'no broker', 'not set up'].map((state) =>
        all.get(`payment_bridge_broker_state{state="${state}"}`),
      );
    };
    expect(await states()).toEqual([1, 0, 0]);
  });

  it('have no id and no address of an event', async () => {
    const event = newEvent();
    await publish([event]);
    const text = await (await fetch(metricsUrl)).text();
    for (const value of [event.event_id, event.user_email, event.booking_id]) expect(text).not.toContain(value);
  });
});

/** Each series with its value. */
function parsed(text: string): Map<string, number> {
  return new Map([...text.matchAll(/^([^#\s].*) (\S+)$/gm)].map(([, series = '', value]) => [series, Number(value)]));
}

function newEvent(type: 'payment.success' | 'payment.failed' = 'payment.success') {
  const id = randomBytes(8).toString('hex');
  const common = {
    event_id: `evt_${id}`,
    event_type: type,
    user_id: 'user_123',
    user_email: `${id}@example.com`,
    booking_id: `BOOK-${id}`,
    amount: 25.5,
    payment_method: 'credit_card',
    timestamp: '2026-11-23T16:53:49Z',
  };
  return type === 'payment.success'
    ? { ...common, transaction_id: `TXN-${id}` }
    : { ...common, failure_reason: 'Card declined by bank', error_code: 'CARD_DECLINED' };
}

function signed(body: string): Record<string, string> {
  const at = new Date();
  const id = `msg_${randomBytes(8).toString('hex')}`;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(SECRET).sign(id, at, body),
  };
}
