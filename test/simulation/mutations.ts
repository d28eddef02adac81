/**
 * Defects that other payment services have had, or that this one could have: each is put into the service's own code, and
 * the simulator has to see it. One that it does not see is a hole in the simulator.
 */
import type { Mutation } from './mutate.ts';
import { MUTATIONS_AT_PROVIDERS } from './mutations-at-providers.ts';
import { MUTATIONS_OF_PLACES } from './mutations-of-places.ts';
import { MUTATIONS_OF_WAITING } from './mutations-of-waiting.ts';

const CLAIM = 'src/core/ledger/payments/claim-booking.ts';
const KEYS = 'src/core/ledger/idempotency-keys/claim-key.ts';
const PAYMENT_OUTCOME = 'src/core/ledger/payments/record-payment-outcome.ts';
const RESERVE = 'src/core/ledger/refunds/reserve-refund.ts';
const REFUND_OUTCOME = 'src/core/ledger/refunds/record-refund-outcome.ts';
const EXTERNAL_REFUND = 'src/core/ledger/refunds/book-external-refund.ts';
const BALANCE = 'src/core/ledger/refunds/set-balance.ts';
const AUDIT = 'src/core/ledger/audit/insert-entry.ts';
const NEW_EVENTS = 'src/core/ledger/outbox/insert-event.ts';
const LEASE = 'src/core/ledger/outbox/lease-due-events.ts';
const PROCESS = 'src/core/payments/process-payment.ts';
const CLAIM_PAYMENT = 'src/core/payments/claim-payment.ts';
const RESOLVE_PAYMENT = 'src/core/recovery/resolve-payment.ts';
const RESOLVE_REFUND = 'src/core/recovery/resolve-refund.ts';
const RESOLVE_DUE = 'src/core/recovery/resolve-due.ts';
const ASK = 'src/core/outcomes/ask-gateway.ts';
const DECIDED = 'src/core/outcomes/decided-outcome.ts';
const WEBHOOK = 'src/core/recovery/handle-webhook.ts';
const DELIVER = 'src/core/outbox/deliver.ts';
const WORK = 'src/core/background/jobs.ts';
const LOOK_UPS = 'src/core/ledger/look-ups/take-due-look-ups.ts';
const ARCHIVE = 'src/core/background/archive.ts';
const ARCHIVED_TRANSACTIONS = 'src/core/ledger/archive/archive-transactions.ts';
const STRIPE = 'src/core/gateways/stripe/stripe-gateway.ts';
const STRIPE_INTENTS = 'src/core/gateways/stripe/stripe-intents.ts';
const STRIPE_OUTCOMES = 'src/core/gateways/stripe/stripe-outcomes.ts';
const PAYPAL = 'src/core/gateways/paypal/paypal-gateway.ts';
const PAYPAL_LOOK_UP = 'src/core/gateways/paypal/paypal-look-up.ts';
const PAYPAL_ORDER = 'src/core/gateways/paypal/paypal-order.ts';
const PAYPAL_OUTCOMES = 'src/core/gateways/paypal/paypal-outcomes.ts';
const STATUS_ROWS = 'src/core/payments/status-rows.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'two payments of a booking may be under way',
    breaks: 'invariant 1',
    edits: [
      {
        file: 'migrations/0019_archived_transactions.sql',
        find: "BEFORE INSERT ON transactions WHEN NEW.status IN ('pending', 'completed') AND (EXISTS (SELECT 1 FROM transactions WHERE",
        replace:
          "BEFORE INSERT ON transactions WHEN NEW.status IN ('pending', 'completed') AND (EXISTS (SELECT 1 FROM transactions WHERE 1 = 2 AND",
      },
    ],
  },
  {
    name: 'a charge that turns up late is not refunded',
    breaks: 'invariant 1',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: `AND status = 'failed'\n  ON CONFLICT`,
        replace: `AND status = 'never'\n  ON CONFLICT`,
      },
    ],
  },
  {
    name: 'what failed at the gateway is not looked up again',
    gateway: 'simulated',
    breaks: 'invariant 1',
    edits: [
      {
        file: 'src/core/outcomes/record-payment.ts',
        find: `return result.failure.code === 'PAYMENT_GATEWAY_ERROR'`,
        replace: `return 'never' === String(result.failure.code)`,
      },
    ],
  },
  {
    name: 'a late charge is refunded under a new key each time',
    breaks: 'invariant 2',
    edits: [
      {
        file: RESOLVE_REFUND,
        find: '(signal) => gateway.refund({ refund, transaction, signal })',
        replace: `(signal) => gateway.refund({
        refund: refund.kind === 'late_charge' ? { ...refund, refundId: context.newId('REF-') } : refund, transaction, signal })`,
      },
    ],
  },
  {
    name: 'a refund is sent again under a new key',
    breaks: 'invariant 2',
    edits: [
      {
        file: RESOLVE_REFUND,
        find: '(signal) => gateway.refund({ refund, transaction, signal })',
        replace: `(signal) => gateway.refund({ refund: { ...refund, refundId: context.newId('REF-') }, transaction, signal })`,
      },
    ],
  },
  {
    name: 'a refund is read, judged and written in three steps',
    breaks: 'invariant 2',
    edits: [
      {
        file: RESERVE,
        find: `    AND status = 'completed' AND reserved_minor + refunded_minor + ?4 <= amount_minor\n`,
        replace: '',
      },
      {
        file: RESERVE,
        find: '  const { d1 } = db;\n  const parameters = [',
        replace: `  const { d1 } = db;
  const { before } = await runBatch(db, { before: d1.prepare(FIND_TRANSACTION).bind(claim.transactionId) });
  const paid = rowOf<Transaction>(before);
  if (paid === null) return { kind: 'not_found' };
  if (paid.status !== 'completed' || paid.reservedMinor + paid.refundedMinor + claim.amountMinor > paid.amountMinor) {
    return { kind: 'refused', transaction: paid };
  }
  const parameters = [`,
      },
      {
        file: 'migrations/0001_transactions.sql',
        find: 'CHECK (reserved_minor + refunded_minor <= amount_minor),',
        replace: '',
      },
      {
        file: 'migrations/0001_transactions.sql',
        find: `CHECK (status <> 'completed' OR refunded_minor < amount_minor),`,
        replace: '',
      },
    ],
  },
  {
    name: 'a completed payment is believed of a replica that lags',
    breaks: 'invariant 3: the status',
    edits: [
      {
        file: STATUS_ROWS,
        find: `return transaction.status === 'failed' ||`,
        replace: `return transaction.status === 'completed' || transaction.status === 'failed' ||`,
      },
    ],
  },
  {
    name: 'a replica that lags is believed whatever it says',
    breaks: 'invariant 3: the status',
    edits: [{ file: STATUS_ROWS, find: `if (isFinal(rows)) return true;`, replace: `if (rows !== null) return true;` }],
  },
  {
    name: 'a reservation that is sent to D1 twice reserves twice',
    breaks: 'invariant 2',
    edits: [
      {
        file: RESERVE,
        find: '    reserved: setBalance(d1, transactionId),',
        replace: `    reserved: d1.prepare(
      'UPDATE transactions SET reserved_minor = reserved_minor + ?2 WHERE transaction_id = ?1 AND EXISTS (SELECT 1 FROM refunds WHERE refund_id = ?3)',
    ).bind(transactionId, amountMinor, refundId),`,
      },
      {
        file: 'migrations/0001_transactions.sql',
        find: 'CHECK (reserved_minor + refunded_minor <= amount_minor),',
        replace: '',
      },
    ],
  },
  {
    name: 'a refund that fails keeps its reservation',
    breaks: 'invariant 2',
    edits: [
      {
        file: BALANCE,
        find: "WHEN status = 'pending' THEN",
        replace: "WHEN status IN ('pending', 'failed') THEN",
      },
    ],
  },
  {
    name: 'a refund whose outcome is unknown is taken for failed',
    breaks: 'invariant 2',
    edits: [
      {
        file: 'src/core/payments/refund-payment.ts',
        find: '  if (outcome === null) return pending(context, refund, accepted);\n',
        replace: '  if (outcome === null) return recordOutcome(context, refund, NEVER_HAPPENED);\n',
      },
    ],
  },
  {
    name: 'a refund that the bank sent back stays refunded',
    breaks: 'invariant 2',
    edits: [
      {
        file: RESOLVE_REFUND,
        find: `  if (outcome?.status === 'failed') {\n    await reverse`,
        replace: `  if (outcome?.status === 'failed' && refund.refundId === '') {\n    await reverse`,
      },
    ],
  },
  {
    name: 'the gateway is asked before the payment is written down',
    breaks: 'invariant 3',
    edits: [
      {
        file: CLAIM_PAYMENT,
        find: '  const claimed = await claimBooking(',
        replace: `  if (instrument.kind !== 'invalid') {
    const early = { transactionId: context.newId('TXN-'), bookingId: request.booking_id, amountMinor, currency: settings.currency };
    const charging = { transaction: early as Transaction, instrument, signal: AbortSignal.timeout(settings.gatewayTimeoutMs) };
    await gateway.charge(charging);
  }
  const claimed = await claimBooking(`,
      },
    ],
  },
  {
    name: 'an unknown outcome is taken for a failure',
    breaks: 'invariant 3',
    edits: [
      {
        file: DECIDED,
        find: `    case 'unknown':\n    case 'in_progress':`,
        replace: `    case 'unknown':\n      return NEVER_HAPPENED;\n    case 'in_progress':`,
      },
    ],
  },
  {
    name: 'an unknown outcome is taken for a success',
    breaks: 'invariant 3',
    edits: [
      {
        file: DECIDED,
        find: `    case 'unknown':\n    case 'in_progress':`,
        replace: `    case 'unknown':\n      return { status: 'completed', gatewayReference: 'hoped for' };\n    case 'in_progress':`,
      },
    ],
  },
  {
    name: '"not found" is taken for "never"',
    breaks: 'invariant 3',
    edits: [
      {
        file: RESOLVE_PAYMENT,
        find: 'const { createdAtMs } = transaction;',
        replace: 'const { createdAtMs } = transaction;\n  if (createdAtMs > 0) return NEVER_HAPPENED;',
      },
    ],
  },
  {
    name: 'the cron never wakes the look-ups',
    breaks: 'invariant 3',
    edits: [{ file: WORK, find: 'Math.min(count,', replace: "Math.min(job === 'look_ups' ? 0 : count," }],
  },
  {
    name: 'follow-ups are looked up before what is pending',
    breaks: 'turns',
    edits: [
      {
        file: LOOK_UPS,
        find: 'for (const take of inOrder)',
        replace: 'for (const take of inOrder.toReversed())',
      },
    ],
  },
  {
    name: 'a gateway that cannot answer for a row is taken for one that does not answer',
    breaks: 'backlog',
    edits: [
      {
        file: RESOLVE_DUE,
        find: 'looked.value.unreachable;',
        replace: '(looked.value.unreachable || looked.value.undetermined === true);',
      },
    ],
  },
  {
    name: 'statements are not counted',
    breaks: 'statements',
    edits: [{ file: 'src/core/ledger/database.ts', find: '  budget.left -= statements;\n', replace: '' }],
  },
  {
    name: 'the sweep takes the oldest events, due or not',
    breaks: 'backlog',
    edits: [
      {
        file: LEASE,
        find: `AND \${FREE} AND e.next_attempt_at_ms <= ?1\n  AND NOT EXISTS`,
        replace: `AND \${FREE}\n  AND NOT EXISTS`,
      },
      { file: LEASE, find: 'ORDER BY e.next_attempt_at_ms, e.sequence LIMIT', replace: 'ORDER BY e.sequence LIMIT' },
      { file: LEASE, find: 'ORDER BY rank, next_attempt_at_ms, sequence', replace: 'ORDER BY rank, sequence' },
    ],
  },
  {
    name: 'the breaker is asked after the claim',
    breaks: 'invariant 3',
    edits: [
      {
        file: CLAIM_PAYMENT,
        find: `  if (permit.kind === 'refused') return {`,
        replace: `  if (permit.kind === 'refused' && amountMinor < 0) return {`,
      },
      {
        file: PROCESS,
        find: '  const passed = { ...passedOn',
        replace: `  if (permit.kind === 'refused') return { kind: 'gateway_down', retryAfterMs: permit.retryAfterMs };\n  const passed = { ...passedOn`,
      },
    ],
  },
  {
    name: 'an operation waits for a gateway for ever',
    breaks: 'deadline',
    edits: [
      {
        file: ASK,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a template
        find: "answer = await within(deadlineMs + GRACE_MS, `the gateway's ${call}`, asking(AbortSignal.timeout(deadlineMs)));",
        replace: 'answer = await asking(AbortSignal.timeout(deadlineMs));',
      },
    ],
  },
  {
    name: 'the event is written after the outcome, in a batch of its own',
    breaks: 'invariant 4',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: '    const results = await runBatch(db, { ...outcomeAndEvent, ...asItStands }, RETRY_OUTCOME_FOR_MS);\n',
        replace: `    const { event, ...withoutEvent } = outcomeAndEvent;
    await runBatch(db, withoutEvent, RETRY_OUTCOME_FOR_MS);
    const results = await runBatch(db, { event, ...asItStands }, RETRY_OUTCOME_FOR_MS);\n`,
      },
    ],
  },
  {
    name: 'an outcome that is recorded twice has two events',
    breaks: 'invariant 4',
    edits: [
      {
        file: NEW_EVENTS,
        find: '  WHERE transaction_id = ?3 AND ended_by = ?1\n',
        replace: '  WHERE transaction_id = ?3\n',
      },
      {
        file: 'migrations/0015_fewer_writes.sql',
        find: 'BEFORE INSERT ON events WHEN NEW',
        replace: 'BEFORE INSERT ON events WHEN 1 = 2 AND NEW',
      },
    ],
  },
  {
    name: 'an event counts as delivered before the broker has confirmed it',
    breaks: 'invariant 4',
    edits: [
      {
        file: DELIVER,
        find: '  const { events, unopened, ...found } = await eventsToSend(context, leased, known);',
        replace: `  const early = { delivered: leased, undelivered: [] };
  await recordDeliveries(context.db, early, context.nowMs(), null);
  const { events, unopened, ...found } = await eventsToSend(context, leased, known);`,
      },
    ],
  },
  {
    name: 'a batch that the bridge took counts as delivered, whatever it says of each event',
    breaks: 'invariant 4',
    edits: [
      { file: DELIVER, find: 'if (result.delivered) delivered.add', replace: 'if (result.event_id) delivered.add' },
    ],
  },
  {
    name: 'events of a booking do not wait for each other',
    breaks: 'invariant 4',
    edits: [{ file: LEASE, find: `AND earlier.sequence < e.sequence\n`, replace: `AND earlier.sequence < 0\n` }],
  },
  {
    name: 'an event is given up after three attempts',
    breaks: 'invariant 4',
    edits: [
      {
        file: LEASE,
        find: `  e.delivered_at_ms IS NULL AND \${FREE}`,
        replace: `  e.delivered_at_ms IS NULL AND e.attempts < 3 AND \${FREE}`,
      },
    ],
  },
  {
    name: 'the cron never wakes the sweep',
    breaks: 'invariant 4',
    edits: [{ file: WORK, find: 'Math.min(count,', replace: "Math.min(job === 'sweep' ? 0 : count," }],
  },
  {
    name: 'the card number is kept for support',
    breaks: 'invariant 5',
    edits: [
      {
        file: CLAIM_PAYMENT,
        find: `    case 'claimed':`,
        replace: `    case 'claimed':\n      log('info', 'payment.claimed', { card: request.card_details?.card_number.reveal() });`,
      },
    ],
  },
  {
    name: 'an outcome replaces the one that was there',
    breaks: 'invariant 6',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: `  WHERE transaction_id = ?1 AND status = 'pending' AND (`,
        replace: `  WHERE transaction_id = ?1 AND refunded_minor + reserved_minor = 0 AND (`,
      },
      {
        file: 'migrations/0001_transactions.sql',
        find: `BEFORE UPDATE OF status ON transactions WHEN NOT (`,
        replace: `BEFORE UPDATE OF status ON transactions WHEN 1 = 2 AND NOT (`,
      },
      {
        file: 'migrations/0015_fewer_writes.sql',
        find: 'BEFORE INSERT ON events WHEN NEW',
        replace: 'BEFORE INSERT ON events WHEN 1 = 2 AND NEW',
      },
    ],
  },
  {
    name: 'an amount is multiplied and cut off',
    breaks: 'invariant 7',
    edits: [
      {
        file: 'src/core/domain/money.ts',
        find: `  return Number(significant + '0'.repeat(scale));`,
        replace: `  return Math.trunc(Number(literal) * 10 ** exponent);`,
      },
    ],
  },
  {
    name: 'a key is claimed before its payment, in a batch of its own',
    breaks: 'invariant 8',
    edits: [
      {
        file: CLAIM,
        find: '  const results = await runBatch(db, {',
        replace: `  if (key !== null) await runBatch(db, { before: claimKey(db.d1, key, claim.transactionId, claim.createdAtMs) });
  const results = await runBatch(db, {`,
      },
      {
        file: KEYS,
        find: 'WHERE EXISTS (SELECT 1 FROM transactions WHERE transaction_id = ?5 UNION ALL',
        replace: 'WHERE true OR EXISTS (',
      },
    ],
  },
  {
    name: 'a key is kept though no payment came of it',
    breaks: 'invariant 8',
    edits: [
      {
        file: KEYS,
        find: 'WHERE EXISTS (SELECT 1 FROM transactions WHERE transaction_id = ?5 UNION ALL',
        replace: 'WHERE true OR EXISTS (',
      },
    ],
  },
  {
    name: 'a key is looked at, and then claimed',
    breaks: 'invariant 8',
    edits: [
      {
        file: KEYS,
        find: 'return `NOT EXISTS (',
        replace: 'return `true OR NOT EXISTS (',
      },
      { file: KEYS, find: '  WHERE created_at_ms <= ?7`', replace: '  WHERE true OR created_at_ms <= ?7`' },
    ],
  },
  {
    name: 'a key answers whatever comes with it',
    breaks: 'invariant 8',
    edits: [
      {
        file: CLAIM_PAYMENT,
        find: `  if (key === null || !isSameRequest(fingerprint, key.fingerprint)) return { kind: 'key_reused' };\n`,
        replace: '',
      },
    ],
  },
  {
    name: 'keys are never thrown away',
    breaks: 'invariant 8',
    edits: [
      {
        file: 'src/core/background/purge.ts',
        find: 'for (const table of EXPIRING_TABLES) {',
        replace: "for (const table of EXPIRING_TABLES) {\n    if (table === 'idempotency_keys') continue;",
      },
    ],
  },
  {
    name: 'a look-up at Stripe creates the intent that it does not find',
    gateway: 'stripe',
    breaks: 'invariant 9',
    edits: [
      {
        file: STRIPE_INTENTS,
        find: `  return listing.kind === 'too_many' ? searchIntent(stripe, transaction) : mostAdvanced(listing.intents);`,
        replace: `  const listed = listing.kind === 'too_many' ? null : mostAdvanced(listing.intents);
  return listed ?? createIntent(stripe, transaction);`,
      },
    ],
  },
  {
    name: 'a look-up at PayPal refunds a capture of another amount',
    gateway: 'paypal',
    breaks: 'invariant 9',
    edits: [
      {
        file: PAYPAL_LOOK_UP,
        find: '  return transaction.substate === null ? state : asOfNewOrder(state);\n',
        replace: `  if (state.kind === 'mischarged') {
    const path = \`\${capturePath(state.reference)}/refund\`;
    await client.call({ method: 'POST', path, body: {}, requestId: \`\${transaction.transactionId}:changed\`, signal });
  }
  return transaction.substate === null ? state : asOfNewOrder(state);\n`,
      },
    ],
  },
  {
    name: 'a confirmation at Stripe that was not answered has failed',
    gateway: 'stripe',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_OUTCOMES,
        find: "if (!isCertain) return { kind: 'unknown', ...stripeWhy(failed), silent, intent };",
        replace:
          "if (!isCertain && status !== undefined) return { kind: 'unknown', ...stripeWhy(failed), silent, intent };",
      },
    ],
  },
  {
    name: 'a failure of Stripe, or a rate limit, is a refusal of the confirmation',
    gateway: 'stripe',
    breaks: 'invariant 3',
    edits: [
      {
        file: STRIPE_OUTCOMES,
        find: `    type === 'card_error' ||\n    ((`,
        replace: `    type === 'card_error' || silent ||\n    ((`,
      },
    ],
  },
  {
    name: 'a key that Stripe answers with a failure is waited for',
    gateway: 'stripe',
    breaks: 'invariant 3',
    edits: [{ file: STRIPE_INTENTS, find: '    if (replayed || (status === 400', replace: '    if ((status === 400' }],
  },
  {
    name: 'a refund at Stripe is sent under a new key each time',
    gateway: 'stripe',
    breaks: 'invariant 2',
    edits: [
      {
        file: STRIPE,
        find: '{ idempotencyKey: refund.refundId }',
        replace: '{ idempotencyKey: refund.refundId + nowMs() }',
      },
    ],
  },
  {
    name: 'a refund that failed at Stripe counts as paid',
    gateway: 'stripe',
    breaks: 'invariant 2',
    edits: [
      {
        file: STRIPE_OUTCOMES,
        find: `    case 'succeeded':\n      return { kind: 'approved', reference: refund.id };\n    case 'failed':`,
        replace: `    case 'succeeded':\n    case 'failed':\n      return { kind: 'approved', reference: refund.id };`,
      },
    ],
  },
  {
    name: "another transaction's capture of the order counts as this one's",
    gateway: 'paypal',
    breaks: 'invariant 3',
    edits: [
      {
        file: PAYPAL_OUTCOMES,
        find: '    ({ custom_id, links }) =>\n      custom_id === transactionId ||',
        replace: '    ({ custom_id, links }) =>\n      custom_id !== null ||',
      },
      {
        file: 'migrations/0007_security.sql',
        find: 'CREATE UNIQUE INDEX transactions_one_per_intent',
        replace: 'CREATE INDEX transactions_one_per_intent',
      },
    ],
  },
  {
    name: "an order's amount is not looked at",
    gateway: 'paypal',
    breaks: 'invariant 7',
    edits: [
      {
        file: PAYPAL_ORDER,
        find: '    isAmountOf(unit.amount, transaction) &&\n',
        replace: '',
      },
    ],
  },
  {
    name: 'whoever is paid by an order is not looked at',
    gateway: 'paypal',
    breaks: 'invariant 7',
    edits: [{ file: PAYPAL_ORDER, find: ' &&\n    unit.payee?.merchant_id === merchantId\n', replace: '\n' }],
  },
  {
    name: 'any refund of a payment at PayPal counts as the one that is looked for',
    gateway: 'paypal',
    breaks: 'invariant 2',
    edits: [
      {
        file: PAYPAL,
        find: 'find((one) => refundIdOn(one) === refund.refundId)',
        replace: "find(() => refund.refundId !== '')",
      },
    ],
  },
  {
    name: 'an external refund is booked each time that it is reported',
    breaks: 'invariant 2',
    edits: [
      {
        file: EXTERNAL_REFUND,
        find: 'AND (gateway_reference = ?5 OR (',
        replace: 'AND (gateway_reference = refund_id OR (',
      },
      {
        file: WEBHOOK,
        find: '  const known = await findRefundByReference(db, transactionId, reference);',
        replace:
          '  const seen = await findRefundByReference(db, transactionId, reference);\n  const known = state === `moved` ? null : seen;',
      },
    ],
  },
  {
    name: 'an external refund is booked whether or not there is room for it',
    breaks: 'invariant 2',
    edits: [
      { file: EXTERNAL_REFUND, find: `    AND reserved_minor + refunded_minor + ?3 <= amount_minor\n`, replace: '' },
      {
        file: 'migrations/0001_transactions.sql',
        find: 'CHECK (reserved_minor + refunded_minor <= amount_minor),',
        replace: '',
      },
    ],
  },
  {
    name: 'an external refund that does not fit yet is not asked about again',
    gateway: 'paypal',
    breaks: 'invariant 2',
    edits: [
      {
        file: 'src/core/recovery/external-refunds.ts',
        find: ' && reservedMinor > 0)',
        replace: ' && reservedMinor < 0)',
      },
    ],
  },
  {
    name: 'a key of another account answers for a payment, and what it does not find was never charged',
    gateway: 'stripe',
    breaks: 'invariant 3',
    edits: [
      {
        file: 'src/core/gateways/account-names.ts',
        find: 'if (isNamed(gateway, known, name)) return',
        replace: "if (isNamed(gateway, known, name) || known.kind === 'known') return",
      },
      // The second lock: by its name an intent is there, or the key is of another account.
      {
        file: STRIPE_INTENTS,
        find: 'if (kept !== null) return retrieveIntent(stripe, kept, transaction);',
        replace: `if (kept !== null) {
    return retrieveIntent(stripe, kept, transaction).catch((error) => {
      if (error instanceof NotToBeFound) return null;
      throw error;
    });
  }`,
      },
    ],
  },
  {
    name: 'a webhook is remembered before it is handled',
    breaks: 'invariant 2',
    edits: [
      {
        file: WEBHOOK,
        find: '  const answer = await handleEvent(shards, gateway, event);',
        replace:
          '  await rememberWebhook(db, received, contextOfId(shards, named ?? "").nowMs());\n  const answer = await handleEvent(shards, gateway, event);',
      },
    ],
  },
  {
    name: 'a webhook waits for a provider for ever',
    gateway: 'paypal',
    breaks: 'deadline',
    edits: [
      {
        file: WEBHOOK,
        find: "return await within(BACKGROUND_DEADLINE_MS + GRACE_MS, 'the gateway', asking);",
        replace: 'return await asking;',
      },
    ],
  },
  {
    name: 'an outcome that was recorded before is written into the audit log again',
    breaks: 'audit',
    edits: [
      {
        file: AUDIT,
        find: 'transactions WHERE transaction_id = ?6 AND ended_by = ?9',
        replace: 'transactions WHERE transaction_id = ?6 AND processed_at_ms IS NOT NULL AND ?9 = ?9',
      },
      { file: AUDIT, find: `SELECT \${number}, ?1`, replace: `SELECT \${NEXT_ENTRY}, ?1` },
      { file: AUDIT, find: `FROM \${row} AND \${isFree(number)}\``, replace: `FROM \${row}\`` },
    ],
  },
  {
    name: 'an attempt whose answer was lost counts as refused in the audit log',
    breaks: 'audit',
    edits: [
      {
        file: AUDIT,
        find: 'FROM (SELECT coalesce((SELECT attempted_entry FROM transactions WHERE transaction_id = ?6),',
        replace:
          'FROM (SELECT coalesce((SELECT attempted_entry FROM transactions WHERE transaction_id = ?6 AND attempted_entry > (SELECT max(sequence) FROM audit_entries)),',
      },
    ],
  },
  {
    name: 'a block is packed without its first entry',
    breaks: 'audit',
    edits: [
      {
        file: 'src/core/background/pack-audit.ts',
        find: 'entries.map((entry)',
        replace: 'entries.slice(1).map((entry)',
      },
    ],
  },
  {
    name: 'what was archived is not read back before it is deleted',
    breaks: 'archive',
    edits: [
      {
        file: ARCHIVE,
        find: '(await blockCodec.sha256(new Uint8Array(stored))) !== sha256',
        replace: 'stored.byteLength < 0',
      },
    ],
  },
  {
    name: 'an event that waits leaves the database',
    breaks: 'archive',
    edits: [
      { file: ARCHIVE, find: '({ delivered_at_ms }) => delivered_at_ms !== null', replace: '() => true' },
      {
        file: 'src/core/ledger/archive/archive-events.ts',
        find: '(SELECT value FROM json_each(?1)) AND delivered_at_ms IS NOT NULL`',
        replace: '(SELECT value FROM json_each(?1))`',
      },
    ],
  },
  {
    name: 'events leave though the archive has not taken them',
    breaks: 'archive',
    edits: [
      {
        file: ARCHIVE,
        find: '    throw new NotArchived(error instanceof Error ? error.message : String(error), { cause: error });',
        replace: '    stored = bytes.slice().buffer;',
      },
    ],
  },
  {
    name: 'a booking can be paid again when its payment has left',
    breaks: 'invariant 1',
    edits: [
      {
        file: 'migrations/0019_archived_transactions.sql',
        find: 'OR EXISTS (SELECT 1 FROM archived_bookings WHERE tenant',
        replace: 'OR EXISTS (SELECT 1 FROM archived_bookings WHERE 1 = 2 AND tenant',
      },
    ],
  },
  {
    name: 'a payment leaves while a follow-up of it is due',
    breaks: 'archive',
    edits: [{ file: ARCHIVED_TRANSACTIONS, find: ' AND t.next_lookup_at_ms IS NULL', replace: '' }],
  },
  {
    name: 'a payment leaves while a refund of it is pending, or to be looked at again',
    breaks: 'archive',
    edits: [
      {
        file: ARCHIVED_TRANSACTIONS,
        find: "(r.status = 'pending' OR r.next_lookup_at_ms IS NOT NULL OR e.event_id IS NOT NULL)",
        replace: 'e.event_id IS NOT NULL',
      },
    ],
  },
  {
    name: 'a payment leaves without its refunds',
    breaks: 'archive',
    edits: [{ file: ARCHIVED_TRANSACTIONS, find: 'refunds: refundsOf(transactionId),', replace: 'refunds: [],' }],
  },
  {
    name: 'personal data goes into the archive',
    breaks: 'archive',
    edits: [
      {
        file: 'src/core/ledger/archive/without-personal-data.ts',
        find: '      user_id: ARCHIVED_USER,\n',
        replace: '',
      },
    ],
  },
  {
    name: 'payments leave though the archive has not taken them',
    breaks: 'archive',
    edits: [
      {
        file: ARCHIVED_TRANSACTIONS,
        find: `DELETE FROM transactions WHERE transaction_id IN (\${stillAsSeen(3)}) AND \${isArchived('transactions')}\`;`,
        replace: `DELETE FROM transactions WHERE transaction_id IN (\${stillAsSeen(3)}) AND ?1 = ?1 AND ?2 = ?2\`;`,
      },
      {
        file: ARCHIVED_TRANSACTIONS,
        find: '    range: newArchivedRange(db.d1, range, {',
        replace: '    range: newArchivedRange(db.d1, { ...range, entries: range.entries + 1 }, {',
      },
    ],
  },
  {
    name: 'the row that keeps a booking paid stays when its payment is restored',
    breaks: 'archive',
    edits: [
      {
        file: 'src/core/ledger/archive/restore-rows.ts',
        find: `WHERE value ->> 'status' = 'completed' AND NOT`,
        replace: `WHERE value ->> 'status' = 'refunded' AND NOT`,
      },
    ],
  },
  {
    name: 'a payment is restored without its refunds',
    breaks: 'archive',
    edits: [
      {
        file: 'src/core/ledger/archive/restore-rows.ts',
        find: 'some.flatMap(({ refunds }) => refunds)',
        replace: '[]',
      },
    ],
  },
  {
    name: 'nobody knows until when payments have left',
    breaks: 'archive',
    edits: [
      {
        file: ARCHIVED_TRANSACTIONS,
        find: "'transactions_left' AND position < ?3",
        replace: "'transactions_left' AND position > ?3",
      },
    ],
  },
  {
    name: 'two entries of one batch have the same number',
    breaks: 'audit',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: `max(\${NEXT_ENTRY}, CASE WHEN ended_by = ?6 THEN ended_entry + 1 ELSE 0 END)`,
        replace: `coalesce(ended_entry, \${NEXT_ENTRY})`,
      },
    ],
  },
  {
    name: 'an event whose message was lost is never found again',
    breaks: 'invariant 4',
    edits: [
      {
        file: 'migrations/0015_fewer_writes.sql',
        find: 'WHERE sequence > OLD.position AND',
        replace: 'WHERE sequence > NEW.position AND',
      },
    ],
  },
  {
    name: 'a refund that was paid is in no audit log',
    breaks: 'audit',
    edits: [{ file: REFUND_OUTCOME, find: "action: 'refund.ended',", replace: "action: 'dispute.reported'," }],
  },
  {
    name: 'whoever sees that a refund was sent back raises the alarm',
    breaks: 'alarm',
    edits: [{ file: RESOLVE_REFUND, find: 'if (reversed.wrote) {', replace: 'if (reversed !== null) {' }],
  },
  {
    name: 'statements reordered: the event is inserted before the payment names it',
    breaks: 'invariant 4',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: '{ ...outcomeAndEvent, ...asItStands }',
        replace: '{ first: outcomeAndEvent.event, ...outcomeAndEvent, event: null, ...asItStands }',
      },
    ],
  },
  {
    name: 'statements reordered: the balance is moved if the statement before it has changed a row',
    breaks: 'invariant 2',
    edits: [
      {
        file: REFUND_OUTCOME,
        find: '      moved: setBalance(d1, transactionId),\n',
        replace: '',
      },
      {
        file: REFUND_OUTCOME,
        find: '      ...writtenRefundStatements(',
        replace: `      lookedAt: d1.prepare(CHANGES_NOTHING),
      moved: d1.prepare(
        \`UPDATE transactions SET reserved_minor = reserved_minor - ?2, refunded_minor = refunded_minor + ?3,
          status = CASE WHEN refunded_minor + ?3 = amount_minor THEN 'refunded' ELSE status END
        WHERE transaction_id = ?1 AND status = 'completed' AND changes() = 1\`,
      ).bind(transactionId, refund.amountMinor, isPaid ? refund.amountMinor : 0),
      ...writtenRefundStatements(`,
      },
      {
        file: REFUND_OUTCOME,
        find: 'export interface RefundOutcome',
        replace: `const CHANGES_NOTHING = 'UPDATE refunds SET lookups = lookups WHERE false';\nexport interface RefundOutcome`,
      },
    ],
  },
  {
    name: 'a balance is moved by a difference, and again by a repeated batch',
    breaks: 'invariant 2',
    edits: [
      {
        file: REFUND_OUTCOME,
        find: '      moved: setBalance(d1, transactionId),',
        replace: `      moved: d1.prepare(
        \`UPDATE transactions SET reserved_minor = max(0, reserved_minor - ?2), refunded_minor = refunded_minor + ?3,
          status = CASE WHEN refunded_minor + ?3 = amount_minor THEN 'refunded' ELSE status END
        WHERE transaction_id = ?1 AND status = 'completed' AND refunded_minor + ?3 <= amount_minor
          AND EXISTS (SELECT 1 FROM refunds WHERE refund_id = ?4 AND written_by = ?5)\`,
      ).bind(transactionId, refund.amountMinor, isPaid ? refund.amountMinor : 0, refundId, eventId),`,
      },
    ],
  },
  {
    name: 'a refund has an event of whoever finds it paid',
    breaks: 'invariant 4',
    edits: [
      { file: NEW_EVENTS, find: 'AND r.written_by = ?1 AND', replace: 'AND' },
      {
        file: 'migrations/0015_fewer_writes.sql',
        find: 'CREATE UNIQUE INDEX events_one_per_refund',
        replace: 'CREATE INDEX events_one_per_refund',
      },
    ],
  },
  {
    name: 'a row is inserted though another attempt holds its key',
    breaks: 'invariant 8',
    edits: [{ file: KEYS, find: 'return `NOT EXISTS (', replace: 'return `true OR NOT EXISTS (' }],
  },
  {
    name: 'an entry of a batch that is repeated is written again',
    breaks: 'audit',
    edits: [
      { file: AUDIT, find: `SELECT \${number}, ?1`, replace: `SELECT \${NEXT_ENTRY}, ?1` },
      { file: AUDIT, find: `FROM \${row} AND \${isFree(number)}\``, replace: `FROM \${row}\`` },
    ],
  },
  {
    name: 'a slot that D1 takes late is kept for an invocation that is over',
    breaks: 'stall',
    edits: [{ file: WORK, find: '.catch((error: unknown) => releaseUnheard(context, lease, error))', replace: '' }],
  },
  {
    name: 'each batch waits for D1 as if its caller had not waited for others',
    breaks: 'deadline',
    edits: [
      {
        file: 'src/core/ledger/database.ts',
        find: 'patience.leftMs = untilMs - patience.nowMs();',
        replace: 'patience.leftMs = RETRY_OUTCOME_FOR_MS + ATTEMPT_DEADLINE_MS;',
      },
    ],
  },
  ...MUTATIONS_OF_WAITING,
  ...MUTATIONS_OF_PLACES,
  ...MUTATIONS_AT_PROVIDERS,
];
