/** One answer of an operation: what it means, its schema, its headers, and examples of it. */
import type { ZodOpenApiMediaTypeObject, ZodOpenApiResponseObject } from 'zod-openapi';
import type { ErrorCode } from '../contract/error-codes.ts';
import { type ErrorDetails, type ErrorEnvelope, errorEnvelope } from '../contract/responses.ts';
import { type Counted, headersOf, type OwnHeaders } from './headers.ts';

export interface Example {
  summary: string;
  value: object;
}
export type Examples = Record<string, Example>;

interface Answer extends OwnHeaders {
  description: string;
  schema: ZodOpenApiMediaTypeObject['schema'];
  examples: Examples;
  counted?: Counted;
}

export function answer({
  description,
  schema,
  examples,
  counted = 'reached',
  ...own
}: Answer): ZodOpenApiResponseObject {
  return {
    description,
    headers: headersOf(counted, own),
    content: { 'application/json': { ...(schema !== undefined && { schema }), examples } },
  };
}

interface TextAnswer {
  description: string;
  mediaType: string;
  examples: Record<string, { summary: string; value: string }>;
}

/** An answer that is text, and no JSON. */
export function textAnswer({ description, mediaType, examples }: TextAnswer): ZodOpenApiResponseObject {
  return {
    description,
    headers: headersOf('reached', {}),
    content: { [mediaType]: { schema: { type: 'string' }, examples } },
  };
}

/** An answer that has the envelope alone. */
export function errorAnswer(about: Omit<Answer, 'schema'>): ZodOpenApiResponseObject {
  return answer({ ...about, schema: errorEnvelope });
}

export const EXAMPLE_TIME = '2026-11-28T16:31:31Z';

export function envelope(code: ErrorCode, message: string, details: ErrorDetails = {}): ErrorEnvelope {
  return { error: { code, message, details }, timestamp: EXAMPLE_TIME };
}

/** Of an error, under its code. */
export function errorExample(
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
  summary = message,
): Examples {
  return { [code]: { summary, value: envelope(code, message, details) } };
}
