/**
 * The published excerpt describes the API of 2020-08-27, the SDK that of 2026-10-28.endive. Where they differ, the SDK's
 * types are right: each difference that matters here, with its reason.
 */

interface Exception {
  /** Null: it is gone. */
  schema: Record<string, unknown> | null;
  because: string;
}

const text = { type: 'string', maxLength: 5000 };
const texts = { type: 'array', items: text };
const moment = {
  anyOf: [
    {
      type: 'object',
      properties: {
        gt: { type: 'integer' },
        gte: { type: 'integer' },
        lt: { type: 'integer' },
        lte: { type: 'integer' },
      },
    },
    { type: 'integer' },
  ],
};

const METHOD_TYPES: Record<string, Exception> = {
  payment_method_types: { schema: null, because: 'removed in 23.0 of the SDK, for allowed_payment_method_types' },
  allowed_payment_method_types: { schema: texts, because: 'new in 22.4 of the SDK' },
  excluded_payment_method_types: { schema: texts, because: 'newer than the excerpt' },
};

const SEARCH = 'the excerpt has no search; PaymentIntentSearchParams';
const EVENTS = 'the excerpt has no events; EventListParams';

export const NOT_IN_THE_EXCERPT: Readonly<Record<string, Record<string, Exception>>> = {
  'payment_methods.create': {
    allow_redisplay: { schema: { enum: ['always', 'limited', 'unspecified'] }, because: 'newer than the excerpt' },
  },
  'payment_intents.create': {
    ...METHOD_TYPES,
    automatic_payment_methods: {
      schema: {
        type: 'object',
        properties: { enabled: { type: 'boolean' }, allow_redirects: { enum: ['always', 'never'] } },
        required: ['enabled'],
      },
      because: 'allow_redirects is newer than the excerpt',
    },
    capture_method: {
      schema: { enum: ['automatic', 'automatic_async', 'manual'] },
      because: 'automatic_async is newer than the excerpt',
    },
  },
  'payment_intents.update': METHOD_TYPES,
  'payment_intents.confirm': METHOD_TYPES,
  'payment_intents.capture': {
    final_capture: { schema: { type: 'boolean' }, because: 'newer than the excerpt' },
  },
  'refunds.create': {
    instructions_email: { schema: text, because: 'newer than the excerpt' },
  },
  'events.list': {
    created: { schema: moment, because: EVENTS },
    delivery_success: { schema: { type: 'boolean' }, because: EVENTS },
    ending_before: { schema: text, because: EVENTS },
    expand: { schema: texts, because: EVENTS },
    limit: { schema: { type: 'integer' }, because: EVENTS },
    starting_after: { schema: text, because: EVENTS },
    type: { schema: text, because: EVENTS },
    types: { schema: { ...texts, maxItems: 20 }, because: EVENTS },
  },
  'payment_intents.search': {
    query: { schema: text, because: SEARCH },
    limit: { schema: { type: 'integer' }, because: SEARCH },
    page: { schema: text, because: SEARCH },
    expand: { schema: texts, because: SEARCH },
  },
  'accounts.retrieve': {
    expand: { schema: texts, because: 'the excerpt has no account; AccountRetrieveCurrentParams' },
  },
  'balance.retrieve': {
    expand: { schema: texts, because: 'the excerpt has no balance; BalanceRetrieveParams' },
  },
};
