/** What the Worker answers the console, with something in each place: for what the pages look like, and for states that take days to arise. */
import type {
  ConsoleCases,
  ConsoleDatabases,
  ConsoleDisputes,
  ConsoleEvent,
  ConsoleEvents,
  ConsoleGateways,
  ConsoleKeys,
  ConsoleOverview,
  ConsoleReconciliations,
  ConsoleSession,
} from '../../src/contract/console.ts';
import type { FoundTransaction, SearchResponse, StoryResponse } from '../../src/contract/search-responses.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const HOURS = 24;
const BUCKET_SECONDS = 3600;

/** @param nowMs whole seconds */
export function consoleAnswers(nowMs: number) {
  const ago = (ms: number) => `${new Date(nowMs - ms).toISOString().slice(0, 19)}Z`;
  const id = (number: number) => `TXN-01M8KWV00000000000000000${String(number).padStart(2, '0')}`;

  const session: ConsoleSession = {
    actor: 'key:operations-desk',
    organisation: 'default',
    environment: 'development',
    sees_installation: true,
    signed_in_by: 'api_key',
  };

  const payment = (number: number, over: Partial<FoundTransaction> = {}): FoundTransaction => ({
    transaction_id: id(number),
    status: 'completed',
    booking_id: `BOOK-${2041 + number}`,
    user_id: `user_${310 + number}`,
    amount: 25.5 + number * 3,
    currency: 'USD',
    payment_method: 'credit_card',
    gateway: 'stripe',
    gateway_reference: `ch_3Qk${number}bVLkdIwHu7ix0Zq${number}`,
    card_brand: 'visa',
    card_last4: '4242',
    refunded_amount: 0,
    error_code: null,
    error_message: null,
    created_at: ago(number * 7 * MINUTE_MS),
    processed_at: ago(number * 7 * MINUTE_MS - 1000),
    ...over,
  });
  const refunded = payment(1, { amount: 42.75, refunded_amount: 10 });
  const failed = payment(2, {
    status: 'failed',
    card_brand: 'mastercard',
    card_last4: '0002',
    gateway_reference: null,
    error_code: 'CARD_DECLINED',
    error_message: 'Card declined by bank',
  });
  const pending = payment(3, { status: 'pending', gateway_reference: null, processed_at: null });
  const held = payment(4, { status: 'authorized', processed_at: null, payment_method: 'debit_card' });
  const challenged = payment(6, {
    status: 'pending',
    gateway: 'paypal',
    payment_method: 'paypal',
    card_brand: null,
    card_last4: null,
    processed_at: null,
  });
  const payments = [
    refunded,
    failed,
    pending,
    held,
    payment(5, { status: 'refunded', refunded_amount: 40.5 }),
    challenged,
    payment(7, { currency: 'JPY', amount: 3200 }),
    payment(8, { status: 'failed', error_code: 'INSUFFICIENT_FUNDS', error_message: 'Insufficient funds in account' }),
    payment(9, { booking_id: `BOOK-${'very-long-'.repeat(8)}2050` }),
    payment(10),
  ];
  const search: SearchResponse = { transactions: payments, next_cursor: 'next-page' };

  const story = (of: FoundTransaction, over: Partial<StoryResponse> = {}): StoryResponse => {
    const isOver = of.status !== 'pending' && of.status !== 'authorized';
    const eventId = `EVT-${of.transaction_id.slice(4)}`;
    const type = of.status === 'failed' ? 'payment.failed' : 'payment.success';
    const request = '018f6c2e-7f1d-7cc3-98c4-dc0c0c07398f';
    const entry = (ms: number, rest: Partial<StoryResponse['history'][number]>): StoryResponse['history'][number] => ({
      at: new Date(Date.parse(of.created_at) + ms).toISOString(),
      type: 'payment.attempted',
      id: of.transaction_id,
      actor: 'key:booking-service',
      request_id: request,
      audit_entry: 4711,
      detail: {},
      ...rest,
    });
    return {
      transaction: {
        ...of,
        capture_method: of.status === 'authorized' ? 'manual' : 'automatic',
        hold_minutes: of.status === 'authorized' ? 30 : null,
        refundable_amount: of.status === 'completed' ? of.amount - of.refunded_amount : 0,
        pending_refund_amount: 0,
        expires_at: null,
        gateway_intent: `pi_3Qk${of.booking_id.length}`,
        next_look_up_at: null,
        look_ups: 0,
      },
      refunds: [],
      events: isOver
        ? [
            {
              event_id: eventId,
              event_type: type,
              created_at: of.created_at,
              delivered_at: of.created_at,
              attempts: 1,
              last_error: null,
            },
          ]
        : [],
      disputes: [],
      history: [
        entry(0, { detail: { amount: of.amount, payment_method: of.payment_method, gateway: of.gateway } }),
        ...(isOver
          ? [
              entry(820, {
                type: of.status === 'failed' ? 'payment.failed' : 'payment.completed',
                detail:
                  of.status === 'failed'
                    ? { error_code: of.error_code, error_message: of.error_message }
                    : { gateway_reference: of.gateway_reference },
              }),
              entry(822, {
                type: 'event.written',
                id: eventId,
                actor: null,
                request_id: null,
                audit_entry: null,
                detail: { event_type: type },
              }),
              entry(905, {
                type: 'event.delivered',
                id: eventId,
                actor: null,
                request_id: null,
                audit_entry: null,
                detail: { attempts: 1 },
              }),
            ]
          : []),
      ],
      is_complete: true,
      ...over,
    };
  };

  const refund: StoryResponse['refunds'][number] = {
    refund_transaction_id: 'REF-01M8KWV0000000000000000031',
    kind: 'requested',
    status: 'completed',
    refund_amount: 10,
    reason: 'One seat was broken',
    gateway_reference: 're_3Qk1',
    error_code: null,
    error_message: null,
    created_at: ago(3 * MINUTE_MS),
    processed_at: ago(3 * MINUTE_MS),
  };
  const ofRefunded = story(refunded);
  const stories: StoryResponse[] = [
    {
      ...ofRefunded,
      refunds: [
        refund,
        {
          ...refund,
          refund_transaction_id: 'REF-01M8KWV0000000000000000032',
          status: 'failed',
          refund_amount: 5,
          error_code: 'REFUND_NOT_ALLOWED',
          error_message: 'The provider has no money left for refunds',
        },
      ],
      disputes: [
        {
          provider: 'stripe',
          dispute_id: 'dp_1Qk8xV2eZvKYlo2C',
          status: 'needs_response',
          reason: 'product_not_received',
          amount: 32.75,
          currency: 'USD',
          opened_at: ago(2 * MINUTE_MS),
          reported_at: ago(MINUTE_MS),
        },
      ],
      history: [
        ...ofRefunded.history,
        {
          at: new Date(nowMs - 3 * MINUTE_MS).toISOString(),
          type: 'refund.completed',
          id: refund.refund_transaction_id,
          actor: 'access:maria@cinema.example',
          request_id: '018f6c2e-7f1d-7cc3-98c4-dc0c0c073990',
          audit_entry: 4720,
          detail: { amount: 10, gateway_reference: 're_3Qk1' },
        },
        {
          at: new Date(nowMs - 2 * MINUTE_MS).toISOString(),
          type: 'dispute.opened',
          id: 'dp_1Qk8xV2eZvKYlo2C',
          actor: 'webhook:stripe',
          request_id: null,
          audit_entry: null,
          detail: { provider: 'stripe', reason: 'product_not_received', amount: 32.75 },
        },
      ],
    },
    story(failed),
    withTransaction(story(pending), { next_look_up_at: ago(-MINUTE_MS), look_ups: 3 }),
    withTransaction(story(held), { expires_at: ago(-20 * MINUTE_MS) }),
    withTransaction(story(challenged), { expires_at: ago(-10 * MINUTE_MS) }),
    ...payments.filter((one) => ![refunded, failed, pending, held, challenged].includes(one)).map((one) => story(one)),
  ];

  const buckets = (HOURS * 3600) / BUCKET_SECONDS;
  const wave = (index: number) => 0.5 + 0.5 * Math.sin((index / buckets) * Math.PI * 3 - 1);
  const series: ConsoleOverview['series'] = {
    bucket_seconds: BUCKET_SECONDS,
    at: Array.from({ length: buckets }, (_, index) => Math.floor(nowMs / 1000) - (buckets - index) * BUCKET_SECONDS),
    completed: Array.from({ length: buckets }, (_, index) => Math.round(wave(index) * 40 + (index % 5))),
    failed: Array.from({ length: buckets }, (_, index) => Math.round(wave(index) * 4 + (index % 3))),
    refunds: Array.from({ length: buckets }, (_, index) => (index % 7 === 0 ? 3 : 0)),
    processing_p95_ms: Array.from({ length: buckets }, (_, index) =>
      index % 17 === 3 ? null : 420 + wave(index) * 380,
    ),
    gateway_p95_ms: Array.from({ length: buckets }, (_, index) => (index % 17 === 3 ? null : 380 + wave(index) * 330)),
  };
  const overview: ConsoleOverview = {
    now: ago(0),
    hours: HOURS,
    counted_at: ago(40_000),
    completed: 2214,
    failed: 231,
    voided: 12,
    success_rate: 90.6,
    volume: [
      { currency: 'USD', captured: 68_412.25, refunded: 1290.5 },
      { currency: 'JPY', captured: 128_000, refunded: 0 },
    ],
    refunds: { completed: 42, failed: 1 },
    not_read: [],
    processing_ms: { p50: 412, p95: 788 },
    gateway_ms: { p50: 371, p95: 702 },
    failures: [
      { error_code: 'CARD_DECLINED', count: 121 },
      { error_code: 'INSUFFICIENT_FUNDS', count: 74 },
      { error_code: 'AUTHENTICATION_EXPIRED', count: 22 },
      { error_code: 'PAYMENT_GATEWAY_ERROR', count: 14 },
    ],
    gateways: [
      { gateway: 'stripe', completed: 1990, failed: 214 },
      { gateway: 'paypal', completed: 224, failed: 17 },
    ],
    methods: [
      { payment_method: 'credit_card', completed: 1460, failed: 180 },
      { payment_method: 'debit_card', completed: 530, failed: 34 },
      { payment_method: 'paypal', completed: 224, failed: 17 },
    ],
    challenges: { completed: 310, failed: 22 },
    rate_limited: 12,
    now_waiting: {
      events: 3,
      events_oldest_seconds: 720,
      pending: 1,
      pending_oldest_seconds: 95,
      challenged: 1,
      authorized: 1,
      cases: 3,
      disputes: 1,
    },
    alerts: [
      {
        alert: 'events_waiting',
        since: ago(9 * MINUTE_MS),
        message: '3 events wait for delivery, the oldest for 12 minutes.',
      },
      { alert: 'needs_person', since: ago(2 * HOUR_MS), message: '3 cases need a person, the oldest since 26 hours.' },
    ],
    series,
  };

  const event = (number: number, over: Partial<ConsoleEvent> = {}): ConsoleEvent => ({
    event_id: `EVT-01M8KWV00000000000000000${String(number).padStart(2, '0')}`,
    event_type: 'payment.success',
    organisation: 'default',
    booking_id: `BOOK-${2041 + number}`,
    transaction_id: id(number),
    created_at: ago(number * 4 * MINUTE_MS),
    delivered_at: null,
    attempts: 0,
    last_error: null,
    next_attempt_at: null,
    behind: null,
    ...over,
  });
  const first = event(3, {
    attempts: 4,
    last_error: 'The bridge answered 503: no connection to RabbitMQ',
    next_attempt_at: ago(-90_000),
  });
  const events: ConsoleEvents = {
    waiting: 3,
    has_more: false,
    not_read: [],
    events: [
      first,
      event(2, { event_type: 'payment.refund', booking_id: first.booking_id, behind: first.event_id }),
      event(1, { organisation: 'cinema-2' }),
    ],
    delivered: [4, 5, 6].map((number) =>
      event(number, { delivered_at: ago(number * 4 * MINUTE_MS - 200), attempts: 1 }),
    ),
    broker: {
      delivery: 'push',
      state: 'no_broker',
      message: 'The bridge runs, and has no connection to RabbitMQ. Events wait, and are sent when it is back.',
      last_delivered_at: ago(16 * MINUTE_MS),
    },
  };

  const cases: ConsoleCases = {
    not_read: [],
    cases: [
      {
        kind: 'payment_undetermined',
        subject: id(3),
        organisation: 'default',
        transaction_id: id(3),
        booking_id: pending.booking_id,
        gateway: 'stripe',
        amount: pending.amount,
        currency: 'USD',
        since: ago(26 * HOUR_MS),
        failure_reason: null,
        options: ['record', 'retry'],
      },
      {
        kind: 'late_charge_kept',
        subject: 'REF-01M8KWV0000000000000000044',
        organisation: 'default',
        transaction_id: id(8),
        booking_id: 'BOOK-2049',
        gateway: 'stripe',
        amount: 49.5,
        currency: 'USD',
        since: ago(40 * MINUTE_MS),
        failure_reason: 'The charge has been disputed',
        options: ['dealt_with'],
      },
      {
        kind: 'external_refund_unbooked',
        subject: `${id(10)}/re_3Qk9`,
        organisation: 'default',
        transaction_id: id(10),
        booking_id: 'BOOK-2051',
        gateway: 'stripe',
        amount: 80,
        currency: 'USD',
        since: ago(3 * DAY_MS),
        failure_reason: null,
        options: ['dealt_with'],
      },
    ],
    dealt_with: [
      {
        subject: 'REF-01M8KWV0000000000000000021',
        reason: 'Paid back by bank transfer',
        resolved_by: 'access:maria@cinema.example',
        resolved_at: ago(2 * DAY_MS),
      },
    ],
  };

  const disputes: ConsoleDisputes = {
    not_read: [],
    disputes: [
      {
        dispute_id: 'dp_1Qk8xV2eZvKYlo2C',
        organisation: 'default',
        provider: 'stripe',
        transaction_id: id(1),
        booking_id: refunded.booking_id,
        status: 'needs_response',
        is_open: true,
        reason: 'product_not_received',
        amount: 32.75,
        currency: 'USD',
        opened_at: ago(2 * MINUTE_MS),
        reported_at: ago(MINUTE_MS),
      },
      {
        dispute_id: 'PP-D-27803',
        organisation: 'default',
        provider: 'paypal',
        transaction_id: id(6),
        booking_id: challenged.booking_id,
        status: 'RESOLVED',
        is_open: false,
        reason: 'MERCHANDISE_OR_SERVICE_NOT_RECEIVED',
        amount: 43.5,
        currency: 'USD',
        opened_at: ago(9 * DAY_MS),
        reported_at: ago(3 * DAY_MS),
      },
    ],
  };

  const day = (number: number) => ({ from: ago((number + 1) * DAY_MS), to: ago(number * DAY_MS) });
  const reconciliations: ConsoleReconciliations = {
    reconciliations: [
      {
        ...day(0),
        compared_until: ago(9 * HOUR_MS),
        started_at: ago(20_000),
        ended_at: null,
        payments: 1302,
        refunds: 25,
        movements: null,
        differences: [],
      },
      {
        ...day(1),
        compared_until: ago(DAY_MS),
        started_at: ago(DAY_MS - HOUR_MS),
        ended_at: ago(DAY_MS - HOUR_MS - 90_000),
        payments: 2214,
        refunds: 42,
        movements: 2262,
        differences: [
          {
            kind: 'amount_differs',
            subject: id(10),
            transaction_id: id(10),
            message:
              'The provider captured 65.50 USD, the ledger has 55.50 USD. Look at the charge in the provider’s dashboard.',
          },
          {
            kind: 'unknown_charge',
            subject: 'ch_3Qk77bVLkdIwHu7ix0Zq77',
            transaction_id: null,
            message:
              'The provider has a charge of 12.00 USD that no payment of this service has. It was made elsewhere, or by another installation.',
          },
        ],
      },
      {
        ...day(2),
        compared_until: ago(2 * DAY_MS),
        started_at: ago(2 * DAY_MS - HOUR_MS),
        ended_at: ago(2 * DAY_MS - HOUR_MS - 90_000),
        payments: 1920,
        refunds: 31,
        movements: 1951,
        differences: [],
      },
    ],
  };

  const gateways: ConsoleGateways = {
    gateways: [
      {
        kind: 'stripe',
        methods: ['credit_card', 'debit_card', 'stripe'],
        is_live: true,
        charges_stopped_until: null,
        refunds_stopped_until: null,
        completed: 1990,
        failed: 214,
        p50_ms: 362,
        p95_ms: 690,
      },
      {
        kind: 'paypal',
        methods: ['paypal'],
        is_live: true,
        charges_stopped_until: ago(-25_000),
        refunds_stopped_until: null,
        completed: 224,
        failed: 17,
        p50_ms: 810,
        p95_ms: 4120,
      },
    ],
  };

  const jobs = ['look_ups', 'sweep', 'seal_audit', 'purge', 'metrics'].map((job, index) => ({
    job,
    backlog: index === 1 ? 3 : 0,
    last_ran_at: ago((index + 1) * 20_000),
  }));
  const databases: ConsoleDatabases = {
    databases: [
      { number: 0, bytes: 3_412_000_000, max_bytes: 10_000_000_000, cron_ran_at: ago(32_000), jobs, problem: null },
      { number: 1, bytes: 7_820_000_000, max_bytes: 10_000_000_000, cron_ran_at: ago(32_000), jobs, problem: null },
      { number: 2, bytes: null, max_bytes: 10_000_000_000, cron_ran_at: null, jobs: [], problem: 'D1 does not answer' },
    ],
  };

  const key = (name: string, over: Partial<ConsoleKeys['keys'][number]> = {}): ConsoleKeys['keys'][number] => ({
    key_id: `K-${name}`,
    organisation: 'default',
    name,
    scopes: ['payments:write', 'refunds:write', 'payments:read'],
    created_at: ago(30 * DAY_MS),
    expires_at: null,
    last_used_at: ago(HOUR_MS),
    revoked_at: null,
    is_own: false,
    is_complete: true,
    ...over,
  });
  const keys: ConsoleKeys = {
    not_read: [],
    keys: [
      key('booking-service'),
      key('operations-desk', { scopes: ['admin'], is_own: true, expires_at: ago(-90 * DAY_MS) }),
      key('grafana', { scopes: ['metrics:read'], last_used_at: null }),
      key('old-shop', { organisation: 'cinema-2', revoked_at: ago(4 * DAY_MS), last_used_at: ago(5 * DAY_MS) }),
    ],
    scopes: [
      { scope: 'payments:write', description: 'Pay, capture and void' },
      { scope: 'refunds:write', description: 'Refund' },
      { scope: 'payments:read', description: 'Read and search payments' },
      { scope: 'metrics:read', description: 'Read GET /metrics' },
      { scope: 'admin', description: 'Everything, and the console' },
    ],
  };

  return { session, search, stories, overview, events, cases, disputes, reconciliations, gateways, databases, keys };
}
export type ConsoleAnswers = ReturnType<typeof consoleAnswers>;

function withTransaction(story: StoryResponse, over: Partial<StoryResponse['transaction']>): StoryResponse {
  return { ...story, transaction: { ...story.transaction, ...over } };
}

/** The answer to a GET of the console's API; undefined where there is none. */
export function consoleAnswer(answers: ConsoleAnswers, path: string): unknown {
  const [, name = '', id] = path.split('/');
  if (name === 'transactions' && id !== undefined) {
    return answers.stories.find(({ transaction }) => transaction.transaction_id === decodeURIComponent(id));
  }
  if (name === 'transactions') return answers.search;
  return answers[name as keyof ConsoleAnswers];
}
