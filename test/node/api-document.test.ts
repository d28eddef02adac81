/** The OpenAPI document: valid, with examples that are what it describes, and with what a reader and a client generator need. */
import { Validator as OpenApiValidator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { exactDocument, publishedDocument } from '../../src/api-document/document.ts';
import { ERROR_CODES } from '../../src/contract/error-codes.ts';
import { SCOPES } from '../../src/core/security/credential.ts';

interface Media {
  schema: object;
  examples: Record<string, { summary: string; value: unknown }>;
}
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, string[]>[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { $ref: string } | { content: Record<string, Media> }>;
}

interface Described {
  paths: Record<string, Record<string, Operation>>;
  tags: { name: string }[];
  components: {
    schemas: Record<string, { properties: object }>;
    responses: Record<string, { content: Record<string, Media> }>;
  };
}

const document: Described = JSON.parse(JSON.stringify(exactDocument()));
const published: Described = JSON.parse(JSON.stringify(publishedDocument()));
const operations = operationsOf(document);

function operationsOf({ paths }: Described): [string, Operation][] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}

it('is valid OpenAPI 3.1', async () => {
  const validator = new OpenApiValidator();
  expect(await validator.validate({ ...published })).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

/** What has a schema and examples: requests, and answers by themselves or among the components. */
function mediaOf(described: Described): { requests: [string, Media][]; answers: [string, Media][] } {
  const shared = Object.entries(described.components.responses).map(([name, { content }]) => ({
    where: name,
    content,
  }));
  const all = operationsOf(described);
  const own = all.flatMap(([name, { responses }]) =>
    Object.entries(responses).flatMap(([status, answer]) =>
      '$ref' in answer ? [] : [{ where: `${name} ${status}`, content: answer.content }],
    ),
  );
  const sent = all.map(([name, { requestBody }]) => ({
    where: `${name}, request`,
    content: requestBody?.content ?? {},
  }));
  const [requests, answers] = [sent, [...shared, ...own]].map((places) =>
    // What is text has no fields.
    places.flatMap(({ where, content }) =>
      Object.entries(content).flatMap(([type, media]): [string, Media][] =>
        type.startsWith('text/') || type.startsWith('application/openmetrics-text') ? [] : [[where, media]],
      ),
    ),
  ) as [[string, Media][], [string, Media][]];
  return { requests, answers };
}

const examplesOf = (media: [string, Media][]) =>
  media.flatMap(([where, { schema, examples }]) =>
    Object.entries(examples).map(([name, { value }]) => ({ where, name, schema, value })),
  );

describe('an example', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addSchema(document, 'document');
  ajv.addSchema(published, 'published');

  /** The schema, with its references leading into its document. */
  const validator = (schema: object, name: 'document' | 'published' = 'document') =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', `"${name}#/components/`)));

  const { requests, answers } = mediaOf(document);
  const media = [...answers, ...requests];
  const examples = examplesOf(media);

  it.each(examples)('is what its schema describes: $where, $name', ({ schema, value }) => {
    const validate = validator(schema);
    expect(validate(value) ? [] : validate.errors).toEqual([]);
  });

  it.each(examplesOf(answers))('has every field of its answer described: $where, $name', ({ schema, value }) => {
    const validate = validator(schema);
    expect(withNewFields(value).filter((changed) => validate(changed))).toEqual([]);
  });

  it.each(examplesOf(mediaOf(published).answers))(
    'may get a field of a later version, as published: $where, $name',
    ({ schema, value }) => {
      const validate = validator(schema, 'published');
      expect([value, ...withNewFields(value)].filter((changed) => !validate(changed))).toEqual([]);
    },
  );

  it('is there for each request and each answer', () => {
    expect(media.filter(([, { examples }]) => Object.keys(examples ?? {}).length === 0)).toEqual([]);
  });

  it('is there for each error code', () => {
    const text = JSON.stringify(examples.map(({ value }) => value));
    expect(ERROR_CODES.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
  });
});

/** Objects that have whatever fields there are. */
const OPEN = ['detail'];

/** The value, once for each object in it, with a field that no document has. */
function withNewFields(value: unknown): unknown[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => withNewFields(item).map((changed) => value.with(index, changed)));
  }
  if (typeof value !== 'object' || value === null) return [];
  const within = Object.entries(value)
    .filter(([name]) => !OPEN.includes(name))
    .flatMap(([name, item]) => withNewFields(item).map((changed) => ({ ...value, [name]: changed })));
  return [{ ...value, field_of_a_later_version: 1 }, ...within];
}

it('names each operation once, as functions of clients are named', () => {
  expect(operations.map(([, { operationId }]) => operationId).toSorted()).toEqual([
    'capturePayment',
    'getHealth',
    'getMetrics',
    'getPaymentStatus',
    'getReadiness',
    'getTransaction',
    'listPaymentMethods',
    'processPayment',
    'receivePayPalWebhook',
    'receiveStripeWebhook',
    'refundPayment',
    'searchTransactions',
    'voidPayment',
  ]);
});

it.each(operations)('%s says what it is for, and under which heading it is found', (_, { summary, tags }) => {
  const headings = document.tags.map(({ name }) => name);
  expect([summary.length > 0, headings]).toEqual([true, expect.arrayContaining(tags)]);
});

it.each(operations)('%s asks for a scope that there is, or for none', (_, { security }) => {
  expect(security.flatMap((requirement) => Object.values(requirement).flat())).toSatisfy((scopes: string[]) =>
    scopes.every((scope) => (SCOPES as readonly string[]).includes(scope)),
  );
});

it('shows card data as plain strings', () => {
  const { properties = {} } = document.components.schemas.CardDetails ?? {};
  expect(Object.values(properties).map((field) => (field as { type: string }).type)).toEqual(Array(5).fill('string'));
});
