/** The schemas of the contract by the names that they have in the document, and what of them JSON Schema cannot see. */
import * as z from 'zod/mini';
import type { ZodOpenApiOverride } from 'zod-openapi';
import {
  amount,
  cardDetails,
  holdRequest,
  NUMERIC_STRING,
  paymentMethod,
  paymentRequest,
  payPalDetails,
  refundRequest,
} from '../contract/requests.ts';
import {
  errorCode,
  errorDetails,
  errorEnvelope,
  healthResponse,
  issue,
  nextAction,
  paymentAuthorizedResponse,
  paymentChallengeResponse,
  paymentFailureResponse,
  paymentMethodDescription,
  paymentMethodsResponse,
  paymentSuccessResponse,
  paymentVoidedResponse,
  readyProblem,
  readyResponse,
  refundSuccessResponse,
  statusResponse,
  transactionStatus,
  webhookResponse,
} from '../contract/responses.ts';
import { limitOf, PAGE_MAX_PAYMENTS, searchQuery } from '../contract/search.ts';
import { foundTransaction, searchResponse, storyResponse } from '../contract/search-responses.ts';

const SCHEMAS = {
  Amount: amount,
  CardDetails: cardDetails,
  ErrorCode: errorCode,
  ErrorDetails: errorDetails,
  ErrorEnvelope: errorEnvelope,
  FoundTransaction: foundTransaction,
  HealthResponse: healthResponse,
  HoldRequest: holdRequest,
  Issue: issue,
  NextAction: nextAction,
  PayPalDetails: payPalDetails,
  PaymentAuthorizedResponse: paymentAuthorizedResponse,
  PaymentChallengeResponse: paymentChallengeResponse,
  PaymentFailureResponse: paymentFailureResponse,
  PaymentMethod: paymentMethod,
  PaymentMethodDescription: paymentMethodDescription,
  PaymentMethodsResponse: paymentMethodsResponse,
  PaymentRequest: paymentRequest,
  PaymentSuccessResponse: paymentSuccessResponse,
  PaymentVoidedResponse: paymentVoidedResponse,
  ReadyProblem: readyProblem,
  ReadyResponse: readyResponse,
  RefundRequest: refundRequest,
  RefundSuccessResponse: refundSuccessResponse,
  SearchResponse: searchResponse,
  StatusResponse: statusResponse,
  StoryResponse: storyResponse,
  TransactionStatus: transactionStatus,
  WebhookResponse: webhookResponse,
};

/** A regular expression of JSON Schema has no flags. */
const NUMERIC_PATTERN = NUMERIC_STRING.source.replace('(e', '([eE]');

/** What code decides about a value, in the words of JSON Schema. */
const IN_WORDS = new Map<z.ZodMiniType, z.core.GlobalMeta>([
  [
    amount,
    {
      override: {
        anyOf: [
          { type: 'number', exclusiveMinimum: 0 },
          { type: 'string', pattern: NUMERIC_PATTERN },
        ],
      },
    },
  ],
  [
    searchQuery.shape.limit._zod.def.innerType,
    { override: { type: 'integer', minimum: 1, maximum: PAGE_MAX_PAYMENTS, default: limitOf({}) } },
  ],
]);

/** Has zod-openapi call the schemas by these names, and say of them what it cannot see. */
export function registerSchemas(): void {
  for (const [schema, inWords] of IN_WORDS) z.globalRegistry.add(schema, inWords);
  for (const [id, schema] of Object.entries(SCHEMAS)) {
    z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
  }
}

const WHOLE_SECONDS = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$';
const MILLISECONDS = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$';

/** What zod writes for machines, for people: the pattern of a time with the days of each month, and the bounds of a safe integer. */
export const readable: ZodOpenApiOverride = function readable({ jsonSchema }) {
  if (jsonSchema.format === 'date-time') {
    jsonSchema.pattern = jsonSchema.pattern?.includes('\\.\\d{3}') ? MILLISECONDS : WHOLE_SECONDS;
  }
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
};
