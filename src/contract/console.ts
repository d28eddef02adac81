/**
 * The API of the console's pages, under `/console/api`. Payments, refunds, captures and voids have the requests and answers of the
 * public API, under the same paths without `/payment`: see requests.ts, responses.ts and search-responses.ts. Times are ISO 8601 in UTC,
 * amounts are decimals in the unit of their currency. A POST is always JSON, `{}` if it has no fields. The Worker and the pages are deployed
 * together, so nothing here has versions.
 */

/** The signed-in user, and what the pages show. `GET /console/api/session`. */
export interface ConsoleSession {
  /** As in the audit log: `key:…`, `access:…`, `console:desk`. */
  actor: string;
  /** The organisation whose payments are shown. */
  organisation: string;
  environment: 'production' | 'development';
  /**
   * Whether the pages of the whole installation are shown as well: overview, events, reconciliation, gateways, databases, keys. Admins of
   * the organisation `default` see them; those of others see their own payments, cases and disputes.
   */
  sees_installation: boolean;
  /**
   * How people sign out. `api_key`: with a key or a token in the Authorization header; `access`: at `/cdn-cgi/access/logout`; null: nobody
   * has to sign in, in local development.
   */
  signed_in_by: 'api_key' | 'access' | null;
}

/** Numbers of databases that did not answer: what is shown does not include them. Usually empty. If none answers, the answer is 503. */
export type NotRead = number[];

/** Alerts by their names, as `ALERT_WEBHOOK_URL` and `GET /ready` have them. */
export const ALERTS = [
  'events_waiting',
  'pending_growing',
  'success_rate_low',
  'database_filling',
  'reconciliation_differs',
  'bridge_away',
  'job_not_run',
  'cron_not_run',
  'needs_person',
] as const;
export type AlertName = (typeof ALERTS)[number];

export interface ActiveAlert {
  alert: AlertName;
  since: string;
  /** A sentence: what is wrong, with its figures. */
  message: string;
}

/** What a chart can show: hours up to now. */
export const OVERVIEW_HOURS = [1, 24, 168, 720] as const;
export type OverviewHours = (typeof OVERVIEW_HOURS)[number];

/** `GET /console/api/overview?hours=24`. Counts are of payments that ended in these hours, by the minute in which they ended. */
export interface ConsoleOverview {
  now: string;
  hours: OverviewHours;
  /** When the cron last counted; null: never. */
  counted_at: string | null;
  completed: number;
  /** Without those that were voided: the shop ends them on purpose. */
  failed: number;
  voided: number;
  /** Percent of `completed` and `failed`; null where there are none. */
  success_rate: number | null;
  /** What was captured and refunded, by currency. */
  volume: { currency: string; captured: number; refunded: number }[];
  /** Refunds that ended, in all currencies. */
  refunds: { completed: number; failed: number };
  /** Milliseconds; null where there is nothing to measure. */
  processing_ms: { p50: number | null; p95: number | null };
  gateway_ms: { p50: number | null; p95: number | null };
  /** Why payments failed, most frequent first. */
  failures: { error_code: string; count: number }[];
  gateways: { gateway: string; completed: number; failed: number }[];
  methods: { payment_method: string; completed: number; failed: number }[];
  challenges: { completed: number; failed: number };
  /** Requests that the rate limit refused, by the minute in which the cron counted them. */
  rate_limited: number;
  /** As of the last run of the cron. */
  now_waiting: {
    events: number;
    events_oldest_seconds: number | null;
    /** Waiting for the gateway. */
    pending: number;
    pending_oldest_seconds: number | null;
    challenged: number;
    /** Holds. */
    authorized: number;
    cases: number;
    disputes: number;
  };
  alerts: ActiveAlert[];
  not_read: NotRead;
  /** One value a bucket, oldest first; every bucket of the time is there. */
  series: {
    bucket_seconds: number;
    /** When each bucket begins, in seconds since 1970. */
    at: number[];
    completed: number[];
    failed: number[];
    /** Completed refunds. */
    refunds: number[];
    /** 95th percentiles in milliseconds; null where nothing ended. */
    processing_p95_ms: (number | null)[];
    gateway_p95_ms: (number | null)[];
  };
}

/**
 * `GET /console/api/events`, of all organisations. `events` are those that wait for delivery, oldest first, at most 100. Where `has_more`, they are
 * the oldest of those that were counted.
 */
export interface ConsoleEvents {
  /** As far as they were counted: up to 1,000 in each database. */
  waiting: number;
  /** Whether there may be more than were counted. The overview has the number that the cron has measured. */
  has_more: boolean;
  /** Those of the newest 1,000 events of each database that RabbitMQ has confirmed, the last confirmed first; at most 20. */
  delivered: ConsoleEvent[];
  events: ConsoleEvent[];
  broker: ConsoleBroker;
  not_read: NotRead;
}

export interface ConsoleEvent {
  event_id: string;
  event_type: string;
  organisation: string;
  booking_id: string;
  transaction_id: string;
  created_at: string;
  delivered_at: string | null;
  attempts: number;
  /** Why it was last refused. */
  last_error: string | null;
  /** When it is sent again automatically; null: it is being sent, or due. */
  next_attempt_at: string | null;
  /** The event of the same booking that has to be delivered first; null: none. */
  behind: string | null;
}

/** `POST /console/api/events/send`, `{"event_ids": […]}`, at most 100: waiting events become due at once, delivered ones are published again. */
export interface EventsSent {
  /** How many were marked for delivery. */
  sent: number;
  /** Ids that no event has. */
  unknown: string[];
}

/** The bridge, asked now, with a deadline. */
export interface ConsoleBroker {
  delivery: 'push' | 'pull';
  /** Of a push bridge: what `GET /readyz` answers; `away` where nothing does; `unknown` for a pull bridge. */
  state: 'ready' | 'no_broker' | 'not_set_up' | 'stopping' | 'away' | 'unknown';
  /** A sentence. */
  message: string;
  /** Null where none of the newest events has been delivered. */
  last_delivered_at: string | null;
}

/** Cases that need a person. `GET /console/api/cases`: of all organisations where `sees_installation`, at most 200 of each kind. */
export interface ConsoleCases {
  cases: ConsoleCase[];
  /**
   * Dealt with before, newest first, at most 50. `reason`: empty where `sees_installation` is false, and those who run the installation have
   * written it.
   */
  dealt_with: { subject: string; reason: string; resolved_by: string; resolved_at: string }[];
  not_read: NotRead;
}

export interface ConsoleCase {
  kind:
    | 'payment_undetermined'
    | 'refund_undetermined'
    | 'late_charge_kept'
    | 'refund_reversed'
    | 'external_refund_unbooked';
  /** The id of a payment or refund, or TXN-…/REFERENCE. */
  subject: string;
  /** The console links to payments of the caller's organisation only. */
  organisation: string;
  transaction_id: string;
  booking_id: string;
  gateway: string;
  amount: number;
  currency: string;
  since: string;
  failure_reason: string | null;
  /** The actions that `POST /console/api/cases/resolve` accepts for it. */
  options: ('record' | 'retry' | 'dealt_with')[];
}

/** Characters of the reason for a resolution: one line. */
export const CASE_REASON_MAX_LENGTH = 500;

/** `POST /console/api/cases/resolve`. */
export type ResolveCase = { subject: string } & (
  | { action: 'record'; outcome: 'completed'; reference: string; reason: string }
  | { action: 'record'; outcome: 'failed'; reason: string }
  | { action: 'retry' }
  | { action: 'dealt_with'; reason: string }
);
/** A sentence about what was done. */
export interface CaseResolved {
  message: string;
}

/** `GET /console/api/disputes`: of all organisations where `sees_installation`; open ones first, at most 500. */
export interface ConsoleDisputes {
  disputes: {
    dispute_id: string;
    organisation: string;
    provider: string;
    transaction_id: string;
    booking_id: string;
    status: string;
    is_open: boolean;
    reason: string;
    amount: number;
    currency: string;
    opened_at: string;
    reported_at: string;
  }[];
  not_read: NotRead;
}

/**
 * `GET /console/api/reconciliations`: newest first, at most 30. `POST` orders one of the last 24 hours, unless one that was ordered still runs, and
 * answers with the same list.
 */
export interface ConsoleReconciliations {
  reconciliations: ConsoleReconciliation[];
}

export interface ConsoleReconciliation {
  from: string;
  to: string;
  /** The end of the time that has been compared. */
  compared_until: string;
  started_at: string;
  /** Null while it runs. */
  ended_at: string | null;
  payments: number;
  refunds: number;
  movements: number | null;
  differences: ConsoleDifference[];
}

export interface ConsoleDifference {
  kind: string;
  /** The id of a payment, a refund or an event; null if the difference is about none. */
  subject: string | null;
  /** A payment that the console can show; null where there is none. */
  transaction_id: string | null;
  /** A sentence: what differs, and what to do. */
  message: string;
}

/** `GET /console/api/gateways`. */
export interface ConsoleGateways {
  gateways: {
    kind: 'sandbox' | 'http' | 'stripe' | 'paypal';
    /** Payment methods that it takes. */
    methods: string[];
    /** Whether it moves real money. */
    is_live: boolean;
    /** Until when the service does not call it; null: it does. */
    charges_stopped_until: string | null;
    refunds_stopped_until: string | null;
    /** Of the last 24 hours, without those that were voided. */
    completed: number;
    failed: number;
    p50_ms: number | null;
    p95_ms: number | null;
  }[];
}

/** `GET /console/api/databases`. */
export interface ConsoleDatabases {
  databases: {
    number: number;
    bytes: number | null;
    max_bytes: number;
    /** When the cron last ran there; null: never. */
    cron_ran_at: string | null;
    jobs: {
      job: string;
      /** Rows that are due, as far as they were counted. */
      backlog: number;
      last_ran_at: string | null;
    }[];
    /** Why it could not be read; null: it was read. */
    problem: string | null;
  }[];
}

/** `GET /console/api/keys`. */
export interface ConsoleKeys {
  keys: ConsoleKey[];
  /** The scopes that a key can have, with what each allows. */
  scopes: { scope: string; description: string }[];
  not_read: NotRead;
}

export interface ConsoleKey {
  key_id: string;
  organisation: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  /** To the hour. */
  last_used_at: string | null;
  revoked_at: string | null;
  /** Whether the caller has signed in with it. */
  is_own: boolean;
  /** False if only some of the databases that responded accept it: it has to be revoked. */
  is_complete: boolean;
}

/** `POST /console/api/keys`. */
export interface NewConsoleKey {
  name: string;
  organisation: string;
  scopes: string[];
  /** Days; null: it does not expire. */
  expires_in_days: number | null;
}
/** The answer, once: the key itself is stored nowhere. */
export interface ConsoleKeyMade {
  key: ConsoleKey;
  secret: string;
}
/** `POST /console/api/keys/{key_id}/revoke` answers with a ConsoleKey. */
