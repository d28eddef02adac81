/** Whether an answer is one that the OpenAPI document describes: its status, its body to the last field, its headers, its error code. */
import { type OutputUnit, Validator } from '@cfworker/json-schema';
import { exactDocument } from '../../src/api-document/document.ts';
import { HEADER_NAMES } from '../../src/api-document/headers.ts';

export interface SentAnswer {
  method: string;
  /** With or without a query. */
  path: string;
  status: number;
  headers: Headers;
  /** As it was parsed; null where there is none. */
  body: unknown;
}

interface DescribedHeader {
  required?: boolean;
  schema: { type: string; const?: string };
}
interface DescribedAnswer {
  headers: Record<string, DescribedHeader>;
  content: { 'application/json'?: { schema: object; examples: Record<string, { value: unknown }> } };
}
interface DescribedOperation {
  responses: Record<string, DescribedAnswer | { $ref: string }>;
}
interface Described {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, object>; responses: Record<string, DescribedAnswer> };
}

const document = exactDocument() as unknown as Described;
const { schemas, responses } = document.components;

/** Not a part of the API: a page for the payer. */
const NOT_DESCRIBED = /^\/sandbox\//;

const pathPatterns = Object.entries(document.paths).map(([path, operations]) => ({
  // The router takes a slash at the end for nothing.
  pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`),
  operations,
}));

/** @throws Error where the answer is not one that the document describes, which fails the test that asked for it */
export function mustBeDocumented(answer: SentAnswer): void {
  const problems = undocumented(answer);
  if (problems.length === 0) return;
  const { method, path, status, body } = answer;
  const what = `${method} ${path}: the ${status} differs from the OpenAPI document`;
  throw new Error(`${what}: ${problems.join('; ')}\n${JSON.stringify(body)}`);
}

/** How the answer differs from the document; empty where it does not. */
export function undocumented({ method, path, status, headers, body }: SentAnswer): string[] {
  // As it arrives: without dots in it, and without the query.
  const { pathname } = new URL(`https://payments.example${path}`);
  // A preflight is the browser's, and as the CORS protocol has it.
  if (NOT_DESCRIBED.test(pathname) || (method === 'OPTIONS' && status === 204)) return [];
  const operations = pathPatterns.find(({ pattern }) => pattern.test(pathname))?.operations;
  if (operations === undefined) return body === null ? [] : violations(envelope, body);
  const own = operations[method === 'HEAD' ? 'get' : method.toLowerCase()];
  // Another method than those of the path is answered like they are: with a 405, or in its place with a 401 or a 429.
  const operation = own ?? Object.values(operations)[0];
  const described = resolved(operation?.responses[status]);
  if (described === undefined) return [`the status ${status} is not documented`];
  const json = described.content['application/json'];
  // Text: there is no body to compare.
  if (json === undefined) return body === null ? headerProblems(described.headers, headers) : ['it is JSON'];
  const { schema, examples } = json;
  const allowed =
    own === undefined ? { Allow: { schema: { type: 'string' } }, ...described.headers } : described.headers;
  return [
    ...headerProblems(allowed, headers),
    ...(body === null ? [] : [...violations(schema, body), ...codeProblems(examples, status, body)]),
  ];
}

function resolved(answer: DescribedAnswer | { $ref: string } | undefined): DescribedAnswer | undefined {
  if (answer === undefined || !('$ref' in answer)) return answer;
  return responses[answer.$ref.replace('#/components/responses/', '')];
}

const envelope = { $ref: '#/components/schemas/ErrorEnvelope' };
const validators = new Map<object, Validator>();

function violations(schema: object, body: unknown): string[] {
  // The whole document, so that its references are found.
  const validator =
    validators.get(schema) ?? new Validator({ ...schema, components: { schemas } } as object, '2020-12');
  validators.set(schema, validator);
  const { valid, errors } = validator.validate(body);
  return valid ? [] : errors.map(({ instanceLocation, error }: OutputUnit) => `${instanceLocation}: ${error}`);
}

function headerProblems(described: Record<string, DescribedHeader>, sent: Headers): string[] {
  const missing = Object.entries(described)
    .filter(([name, { required }]) => required === true && !sent.has(name))
    .map(([name]) => `the header ${name} is missing`);
  const present = HEADER_NAMES.flatMap((name) => {
    const value = sent.get(name);
    if (value === null) return [];
    const schema = described[name]?.schema;
    if (schema === undefined) return [`the header ${name} is not documented`];
    const isRight = schema.type === 'integer' ? /^\d+$/.test(value) : value === (schema.const ?? value);
    return isRight ? [] : [`the header ${name} must not be ${value}`];
  });
  return [...missing, ...present];
}

/** Each code that an answer can have is there to be seen, in an example. */
function codeProblems(examples: Record<string, { value: unknown }>, status: number, body: unknown): string[] {
  if (status < 400) return [];
  const code = codeOf(body);
  const shown = Object.values(examples).map(({ value }) => codeOf(value));
  return shown.includes(code) ? [] : [`there is no example with the code ${code}`];
}

function codeOf(body: unknown): string | undefined {
  const { error_code: flat, error } = body as { error_code?: string; error?: { code?: string } };
  return flat ?? error?.code;
}
