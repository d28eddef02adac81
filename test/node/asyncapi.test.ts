/**
 * docs/asyncapi.yaml is valid, and says what the bridge checks and publishes. Messages that were published are compared with it by
 * test/support/exchange.ts.
 */
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { BRIDGE_VARIABLES } from '../../src/bridge/settings.ts';
import {
  EVENT_TYPES,
  paymentDisputeEvent,
  paymentFailedEvent,
  paymentRefundEvent,
  paymentSuccessEvent,
} from '../../src/contract/events.ts';
import { documentedEvents, EVENT_DOCUMENT, readEventDocument } from '../support/event-document.ts';

const WHOLE_SECONDS = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`;
/** Of the parser's diagnostics: errors and warnings. That a newer version of AsyncAPI exists is neither. */
const WARNING = 1;

const text = readFileSync(EVENT_DOCUMENT, 'utf8');

describe('docs/asyncapi.yaml', () => {
  it('is valid AsyncAPI, without a warning', async () => {
    const { document, diagnostics } = await new Parser().parse(text);
    expect(diagnostics.filter(({ severity }) => severity <= WARNING)).toEqual([]);
    expect(document?.version()).toBe('3.0.0');
  });

  it('publishes each event under its routing key, and brings all of them to the queue that the bridge declares', () => {
    const { channels, operations } = JSON.parse(JSON.stringify(readEventDocument()));
    const { processingQueue, ...exchange } = channels;
    expect(Object.values<{ address: string }>(exchange).map(({ address }) => address)).toEqual([...EVENT_TYPES]);
    expect(Object.keys(processingQueue.messages)).toEqual(Object.keys(exchange));
    expect(Object.keys(operations)).toHaveLength(EVENT_TYPES.length);
    for (const { action, channel } of Object.values<{ action: string; channel: { $ref: string } }>(operations)) {
      expect([action, Object.keys(exchange)]).toEqual(['send', expect.arrayContaining([channel.$ref.slice(11)])]);
    }
  });

  it('names the exchange and the queue as the bridge’s settings do by default', () => {
    const { channels, components } = JSON.parse(JSON.stringify(readEventDocument()));
    expect(components.channelBindings.exchange.amqp.exchange.name).toBe(
      BRIDGE_VARIABLES.exchange.form.parse(undefined),
    );
    expect(channels.processingQueue.bindings.amqp.queue.name).toBe(BRIDGE_VARIABLES.queue.form.parse(undefined));
    expect(channels.processingQueue.address).toBe(BRIDGE_VARIABLES.queue.form.parse(undefined));
  });

  it.each([
    ['PaymentSuccess', paymentSuccessEvent],
    ['PaymentFailed', paymentFailedEvent],
    ['PaymentRefund', paymentRefundEvent],
    ['PaymentDispute', paymentDisputeEvent],
  ])('has the fields of %s that the bridge checks: none more, none less, and each of the same type', (name, schema) => {
    const { $schema, ...checked } = z.toJSONSchema(schema, { target: 'draft-7' });
    expect(withoutWords(readEventDocument().components.schemas[name])).toEqual(ordered(withWholeSeconds(checked)));
  });

  it.each([...documentedEvents()])('has a valid example of %s', (_, { examples, payload, headers }) => {
    expect(examples).toHaveLength(1);
    expect([payload(examples[0]?.payload), headers(examples[0]?.headers)]).toEqual([true, true]);
  });
});

it('the examples of docs/events.md are those of docs/asyncapi.yaml', () => {
  const blocks = readFileSync('docs/events.md', 'utf8').matchAll(/^```json\n(.*?)^```$/gms);
  const examples = [...documentedEvents().values()].map(({ examples }) => examples[0]?.payload);
  expect([...blocks].map(([, json = '']) => JSON.parse(json))).toEqual(examples);
});

/** A schema of the document with what it refers to, without what only people read, its lists of names in alphabetical order. */
function withoutWords(schema: unknown): unknown {
  const { schemas } = readEventDocument().components;
  const resolved = JSON.parse(JSON.stringify(schema), (key, value) => {
    if (key === 'description' && typeof value === 'string') return undefined;
    if (key === 'examples') return undefined;
    if (typeof value?.$ref === 'string') return withoutWords(schemas[value.$ref.replace('#/components/schemas/', '')]);
    return value;
  });
  return ordered(resolved);
}

/** The two ways of writing down that a time has whole seconds. */
function withWholeSeconds(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    return value?.format === 'date-time' ? { ...value, pattern: WHOLE_SECONDS } : value;
  });
}

function ordered(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) => (key === 'required' ? value.toSorted() : value));
}
