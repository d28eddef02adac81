/**
 * Validates requests and answers against the providers' published descriptions in published-apis/. Each mismatch is reported as
 * text.
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import type { Operation } from './operations.ts';
import { NOT_IN_THE_EXCERPT } from './stripe-exceptions.ts';

export interface Misfit {
  keyword: string;
  /** "metadata.booking_id", "" for the whole. */
  field: string;
  difference: string;
}

type Schema = Record<string, unknown>;

interface Described {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

interface Description {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, Schema> };
}

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

const stripe = read('stripe-spec-2022-04-12-excerpt.json');
const paypal = [read('paypal-orders-v2.json'), read('paypal-payments-v2.json')] as const;

/** Form values are strings: converts them in place to the types in the description. */
const forms = new Ajv({ strict: false, validateFormats: false, coerceTypes: true });
/** OpenAPI's own formats have no meaning to a validator; the patterns beside them do. */
const bodies = paypal.map((description) => {
  // Not all of the patterns are regular expressions by the rules of Unicode.
  const ajv = new Ajv2019({ strict: false, validateFormats: false, unicodeRegExp: false });
  return ajv.addSchema({ ...description }, 'api');
});

const compiled = new Map<string, ValidateFunction | null>();

/** @param values a query or a form; changed in place, where the description has a number or a boolean */
export function stripeMisfit(operation: Operation, values: Record<string, unknown>): Misfit | null {
  const validate = once(`stripe ${operation.name}`, () => forms.compile(stripeSchema(operation)));
  return misfitOf(validate, values);
}

/** The operation's parameters in the excerpt, with the exceptions. */
function stripeSchema({ name, template }: Operation): Schema {
  const exceptions = NOT_IN_THE_EXCERPT[name];
  const properties: Record<string, Schema> = {};
  let required: unknown = [];
  const described = stripe.paths[template];
  const method = /\.(list|retrieve)$/.test(name) ? 'get' : 'post';
  if (described?.[method]) {
    const form = described[method].requestBody?.content[FORM]?.schema as {
      properties: Record<string, Schema>;
      required?: [];
    };
    for (const parameter of described[method].parameters ?? []) {
      if (parameter.in === 'query') properties[parameter.name] = parameter.schema;
    }
    Object.assign(properties, form?.properties);
    required = form?.required ?? [];
  }
  for (const [parameter, { schema }] of Object.entries(exceptions ?? {})) {
    if (schema === null) delete properties[parameter];
    else properties[parameter] = schema;
  }
  return { type: 'object', properties: strictly(properties), required, additionalProperties: false };
}

/** In the excerpt, objects with properties allow no others, even without `additionalProperties: false`. */
function strictly<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(strictly) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strictly(inner)]));
  if (copy.type === 'object' && typeof copy.properties === 'object') copy.additionalProperties ??= false;
  return copy as Value;
}

export function paypalRequestMisfit(operation: Operation, method: string, body: unknown): Misfit | null {
  const validate = once(`paypal ${operation.name}`, () => {
    const [index, described, pointer] = paypalDescription(operation, method);
    const schema = described.requestBody && `${pointer}/requestBody/content/application~1json/schema`;
    if (!schema) return null;
    // A name that is not in the description is a typing error of the caller, which PayPal itself would not see.
    return (bodies[index] as Ajv).compile({ $ref: resolved(schema, described), unevaluatedProperties: false });
  });
  return misfitOf(validate, body);
}

export function paypalAnswerMisfit(operation: Operation, method: string, status: number, body: unknown): Misfit | null {
  const validate = once(`paypal ${operation.name} ${status}`, () => {
    const [index, described, pointer] = paypalDescription(operation, method);
    const answer = String(status) in described.responses ? String(status) : 'default';
    if (answer === 'default') {
      const name = `error_${status}`;
      return name in (paypal[index]?.components.schemas ?? {})
        ? (bodies[index] as Ajv).compile({ $ref: `api#/components/schemas/${name}` })
        : null;
    }
    if (!described.responses[answer]?.content?.[JSON_TYPE]) return null;
    return (bodies[index] as Ajv).compile({
      $ref: `api#${pointer}/responses/${answer}/content/application~1json/schema`,
    });
  });
  return isUndescribed(operation, body) ? null : misfitOf(validate, body);
}

/** Issues that PayPal's pages on errors have, and its OpenAPI descriptions have not. */
const NOT_IN_THE_DESCRIPTIONS: Readonly<Record<string, readonly string[]>> = {
  'orders.patch': ['ORDER_ALREADY_COMPLETED'],
  'orders.capture': ['ACTION_DOES_NOT_MATCH_INTENT'],
};

function isUndescribed({ name }: Operation, body: unknown): boolean {
  const { details = [] } = body as { details?: { issue: string }[] };
  return details.some(({ issue }) => NOT_IN_THE_DESCRIPTIONS[name]?.includes(issue));
}

/** PayPal's own words for an issue with this operation, if it describes it. */
export function paypalIssue(operation: Operation, method: string, status: number, issue: string): string | null {
  const [index, described] = paypalDescription(operation, method);
  const answer = described.responses[status]?.content?.[JSON_TYPE]?.schema as
    | { allOf?: { $ref: string }[] }
    | undefined;
  const names = answer?.allOf?.map(({ $ref }) => $ref.slice($ref.lastIndexOf('/') + 1)) ?? [];
  for (const name of names) {
    const details = (
      paypal[index]?.components.schemas[name]?.properties as { details?: { items?: { anyOf?: Issue[] } } }
    )?.details;
    const found = details?.items?.anyOf?.find(({ properties }) => properties.issue.enum.includes(issue));
    if (found) return found.properties.description?.enum?.[0] ?? found.properties.description?.description ?? issue;
  }
  return null;
}

interface Issue {
  properties: { issue: { enum: string[] }; description?: { enum?: string[]; description?: string } };
}

function paypalDescription(
  { template }: Operation,
  method: string,
): [index: number, described: Described, pointer: string] {
  const index = paypal.findIndex(({ paths }) => template in paths);
  const described = paypal[index]?.paths[template]?.[method.toLowerCase()];
  if (described === undefined) throw new Error(`${method} ${template} is in none of PayPal's descriptions`);
  return [
    index,
    described,
    `/paths/${template.replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/${method.toLowerCase()}`,
  ];
}

/** The body of PATCH is defined in the components. */
function resolved(pointer: string, { requestBody }: Described): string {
  const reference = (requestBody as { $ref?: string }).$ref;
  return reference === undefined ? `api#${pointer}` : `api${reference}/content/application~1json/schema`;
}

function once(name: string, compile: () => ValidateFunction | null): ValidateFunction | null {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const validate = compile();
  compiled.set(name, validate);
  return validate;
}

function misfitOf(validate: ValidateFunction | null, value: unknown): Misfit | null {
  if (validate === null || validate(value)) return null;
  return inWords((validate.errors ?? [])[0] as ErrorObject);
}

function inWords({ keyword, instancePath, params, message }: ErrorObject): Misfit {
  const { additionalProperty, unevaluatedProperty, missingProperty, allowedValues } = params;
  const last = additionalProperty ?? unevaluatedProperty ?? missingProperty;
  const field = [...instancePath.split('/').slice(1), ...(last === undefined ? [] : [last])].join('.');
  const allowed = allowedValues === undefined ? '' : `: ${allowedValues.join(', ')}`;
  if (missingProperty !== undefined) return { keyword, field, difference: `${field} is missing` };
  if (last !== undefined) return { keyword: 'additionalProperties', field, difference: `there is no ${field}` };
  return { keyword, field, difference: `${field || 'it'} ${message}${allowed}` };
}

function read(name: string): Description {
  const text = readFileSync(new URL(`./published-apis/${name}`, import.meta.url), 'utf8');
  return JSON.parse(text, withoutNullable);
}

/** OpenAPI 3.0 has `nullable` where JSON Schema has an additional type. */
function withoutNullable(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('nullable' in value) || !('type' in value)) return value;
  const { nullable, ...schema } = value;
  return nullable === true ? { ...schema, type: [schema.type, 'null'] } : schema;
}
