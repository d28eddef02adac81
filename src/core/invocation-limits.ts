/** What one invocation of the Worker does at once, waits for, and works for. */

/** Gateways are asked about so many rows at once: as many requests as a Worker may have open. */
export const LOOK_UPS_AT_ONCE = 6;

/** Milliseconds for all look-ups of one row, while a caller waits for its status. */
export const STATUS_DEADLINE_MS = 2_000;
/** The same where nobody waits: in the queue, in the cron, for webhooks and reconciliation. */
export const BACKGROUND_DEADLINE_MS = 5_000;

/** A job begins nothing after this time, so that it ends well before the lease of its slot. */
export const JOB_MAX_DURATION_MS = 20_000;
/** What a job has begun ends within its own deadlines. After this time, the slot of a job that has died is free again. */
export const SLOT_LEASE_MS = 90_000;
/** The same of a reconciliation, a part of which takes as long as the gateway does. */
export const RECONCILE_LEASE_MS = 10 * 60_000;
