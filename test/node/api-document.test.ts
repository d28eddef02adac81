/** The OpenAPI document: valid, with examples that are what it describes, and with what a reader and a client generator need. */
import { Validator as OpenApiValidator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { apiDocument } from '../../src/api-document/document.ts';
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

const document = JSON.parse(JSON.stringify(apiDocument()));
const operations: [string, Operation][] = Object.entries(document.paths as Record<string, Record<string, Operation>>)
  .flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })))
  .map(({ path, method, operation }) => [`${method.toUpperCase()} ${path}`, operation]);

it('is valid OpenAPI 3.1', async () => {
  const validator = new OpenApiValidator();
  expect(await validator.validate(document)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

describe('an example', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addSchema(document, 'document');

  const shared: [string, Media][] = Object.entries(document.components.responses).map(([name, answer]) => [
    name,
    (answer as { content: Record<string, Media> }).content['application/json'] as Media,
  ]);
  const own = operations.flatMap(([name, { requestBody, responses }]) => [
    ...Object.values(requestBody?.content ?? {}).map((media): [string, Media] => [`${name}, request`, media]),
    ...Object.entries(responses).flatMap(([status, answer]) =>
      '$ref' in answer
        ? []
        : Object.values(answer.content).map((media): [string, Media] => [`${name} ${status}`, media]),
    ),
  ]);
  const examples = [...shared, ...own].flatMap(([where, { schema, examples }]) =>
    Object.entries(examples).map(([name, { value }]) => ({ where, name, schema, value })),
  );

  it.each(examples)('is what its schema describes: $where, $name', ({ schema, value }) => {
    const validate = ajv.compile(withinDocument(schema));
    expect(validate(value) ? [] : validate.errors).toEqual([]);
  });

  it('is there for each request and each answer', () => {
    expect([...shared, ...own].filter(([, media]) => Object.keys(media.examples ?? {}).length === 0)).toEqual([]);
  });

  it('is there for each error code', () => {
    const text = JSON.stringify(examples.map(({ value }) => value));
    expect(ERROR_CODES.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
  });
});

/** The schema, with its references leading into the document. */
function withinDocument(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/'));
}

it('names each operation once, as functions of clients are named', () => {
  expect(operations.map(([, { operationId }]) => operationId).toSorted()).toEqual([
    'capturePayment',
    'getHealth',
    'getPaymentStatus',
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
  const headings = document.tags.map(({ name }: { name: string }) => name);
  expect([summary.length > 0, headings]).toEqual([true, expect.arrayContaining(tags)]);
});

it.each(operations)('%s asks for a scope that there is, or for none', (_, { security }) => {
  expect(security.flatMap((requirement) => Object.values(requirement).flat())).toSatisfy((scopes: string[]) =>
    scopes.every((scope) => (SCOPES as readonly string[]).includes(scope)),
  );
});

it('shows card data as plain strings', () => {
  const { properties } = document.components.schemas.CardDetails;
  expect(Object.values(properties).map((field) => (field as { type: string }).type)).toEqual(Array(5).fill('string'));
});
