/** docs/asyncapi.yaml as a judge of messages: whether one that was published is as the document says. */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { AsyncMessage } from 'rabbitmq-client';
import { parse } from 'yaml';

export const EVENT_DOCUMENT = 'docs/asyncapi.yaml';

interface Message {
  name: string;
  headers: object;
  payload: object;
  'x-amqp-properties': object;
  examples: { headers: object; payload: object }[];
}

/** What the document has of each event, under the event's type. */
export interface DocumentedEvent {
  examples: Message['examples'];
  payload: ValidateFunction;
  headers: ValidateFunction;
  properties: ValidateFunction;
}

interface EventDocument {
  components: { messages: Record<string, Message>; schemas: Record<string, Record<string, unknown>> };
}

export const readEventDocument = (): EventDocument => parse(readFileSync(EVENT_DOCUMENT, 'utf8'));

/** The messages of the document, by the type of their event. */
export function documentedEvents(): ReadonlyMap<string, DocumentedEvent> {
  const document = readEventDocument();
  // Not strict: the document around the schemas is no schema.
  const ajv = new Ajv({ allErrors: true, strict: false });
  formats.default(ajv);
  ajv.addSchema(document, 'document');
  const messages = Object.entries(document.components.messages);
  const validatorOf = (key: string, part: string) =>
    ajv.compile({ $ref: `document#/components/messages/${key}/${part}` });
  return new Map(
    messages.map(([key, { name, examples }]) => [
      name,
      {
        examples,
        payload: validatorOf(key, 'payload'),
        headers: validatorOf(key, 'headers'),
        properties: validatorOf(key, 'x-amqp-properties'),
      },
    ]),
  );
}

/** The headers that the document names. */
export function documentedHeaders(): string[] {
  return Object.keys(readEventDocument().components.schemas.Headers?.properties ?? {});
}

/** In which ways a message differs from the document; none where it is as documented. */
export function departures(
  events: ReadonlyMap<string, DocumentedEvent>,
  headers: readonly string[],
  message: AsyncMessage,
  body: unknown,
): string[] {
  const event = events.get(message.routingKey);
  if (event === undefined) return [`the document has no routing key ${message.routingKey}`];
  const sent = message.headers ?? {};
  const undocumented = Object.keys(sent).filter((name) => !headers.includes(name));
  return [
    ...undocumented.map((name) => `the document has no header ${name}`),
    ...failuresOf(event.payload, body, 'payload'),
    ...failuresOf(event.headers, sent, 'headers'),
    ...failuresOf(event.properties, propertiesOf(message), 'properties'),
  ];
}

/** Under the names of AMQP's specification. */
function propertiesOf({ messageId, type, appId, timestamp, contentType, durable }: AsyncMessage) {
  const named = { message_id: messageId, type, app_id: appId, timestamp, content_type: contentType };
  return { ...named, delivery_mode: durable ? 2 : 1 };
}

function failuresOf(validate: ValidateFunction, value: unknown, what: string): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${what}${instancePath} ${message}`);
}
