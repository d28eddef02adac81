/** Defects of authentication and holds: of payments that wait for their payer, or to be captured. */
import type { Mutation } from './mutate.ts';

const BEGIN_STEP = 'src/core/ledger/payments/begin-step.ts';
const SUBSTATE = 'src/core/ledger/payments/record-substate.ts';
const PAYMENT_OUTCOME = 'src/core/ledger/payments/record-payment-outcome.ts';
const AUDIT = 'src/core/ledger/audit/insert-entry.ts';
const DECIDED = 'src/core/outcomes/decided-outcome.ts';
const WAITS = 'src/core/outcomes/record-substate.ts';
const TAKE_STEP = 'src/core/outcomes/take-step.ts';
const END_HOLD = 'src/core/payments/end-hold.ts';
const CONTINUE = 'src/core/recovery/continue-payment.ts';
const RESOLVE = 'src/core/recovery/resolve.ts';
const RESOLVE_PAYMENT = 'src/core/recovery/resolve-payment.ts';
const MIGRATION = 'migrations/0013_authentication_and_holds.sql';

const ANY_STEP = {
  file: MIGRATION,
  find: 'BEFORE UPDATE OF step ON transactions WHEN NOT (',
  replace: 'BEFORE UPDATE OF step ON transactions WHEN 1 = 2 AND NOT (',
};

/** At the simulated gateway payments wait in each history. */
const defect = (one: Omit<Mutation, 'gateway'>): Mutation => ({ gateway: 'simulated', ...one });

export const MUTATIONS_OF_WAITING: readonly Mutation[] = [
  defect({
    name: 'a capture begins though a void has begun',
    breaks: 'waiting',
    edits: [
      {
        file: BEGIN_STEP,
        find: 'AND step IS NULL AND substate IN',
        replace: `AND (step IS NULL OR ?2 = 'capture') AND substate IN`,
      },
      ANY_STEP,
    ],
  }),
  defect({
    name: 'an authorization expires without the gateway being asked',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: '  const answer = await endAtGateway({ context, gateway, transaction, deadlineMs: deadlineOf(asking) });',
        replace: `  const answer = transaction.step === 'expire' ? { kind: 'cancelled' } as const
    : await endAtGateway({ context, gateway, transaction, deadlineMs: deadlineOf(asking) });`,
      },
    ],
  }),
  defect({
    name: 'an event reports money that is only held',
    breaks: 'invariant 4',
    edits: [
      {
        file: SUBSTATE,
        find: '      recorded,\n',
        replace: `      recorded,
      event: db.d1.prepare(\`INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
        SELECT ?1, tenant, booking_id, 'payment.success', transaction_id, ?2 FROM transactions
        WHERE transaction_id = ?3 AND substate = 'authorized' ON CONFLICT DO NOTHING\`,
      ).bind(attemptId.replace('att_', 'evt_'), nowMs, transactionId),\n`,
      },
    ],
  }),
  defect({
    name: 'a capture is sent under a new key each time',
    breaks: 'invariant 1',
    edits: [
      {
        file: TAKE_STEP,
        find: '(signal) => ask({ transaction, signal, deadlineMs }));',
        replace: `(signal) => ask({
    transaction: isHeld ? { ...transaction, transactionId: context.newId('TXN-') } : transaction, signal, deadlineMs }));`,
      },
    ],
  }),
  defect({
    name: 'a void is recorded before the gateway has confirmed it',
    breaks: 'invariant 3',
    edits: [
      {
        file: END_HOLD,
        find: '  const outcome = answer && outcomeOfPayment(transaction, answer);',
        replace: `  const isSent = step === 'void' && answer?.kind === 'unreachable';
  const outcome = answer && outcomeOfPayment(transaction, isSent ? { kind: 'cancelled' } : answer);`,
      },
    ],
  }),
  defect({
    name: 'a capture begins after capture_before',
    breaks: 'waiting',
    edits: [
      {
        file: BEGIN_STEP,
        find: `WHEN ?2 = 'capture' AND substate = 'authorized' THEN expires_at_ms > ?4 ELSE`,
        replace: `ELSE`,
      },
    ],
  }),
  defect({
    name: 'a payer who has not answered yet has declined',
    breaks: 'invariant 3',
    edits: [
      {
        file: DECIDED,
        find: `    case 'authorized':\n    case 'challenged':\n`,
        replace: `    case 'challenged':\n      return failed('CARD_DECLINED');\n    case 'authorized':\n`,
      },
    ],
  }),
  defect({
    name: 'a hold that the provider has ended is a payment that never happened',
    breaks: 'waiting',
    edits: [
      {
        file: DECIDED,
        find: `  if (substate === 'authorized')\n`,
        replace: `  if (substate === 'authorized' && step === null) return NEVER_HAPPENED;\n  if (substate === 'authorized')\n`,
      },
    ],
  }),
  defect({
    name: 'the gateway is asked to capture before the row says so',
    breaks: 'invariant 3',
    edits: [
      {
        file: END_HOLD,
        find: `import { beginStep } from '../ledger/payments/begin-step.ts';`,
        replace: `import { beginStep } from '../ledger/payments/begin-step.ts';
import { findTransaction } from '../ledger/payments/find-payment.ts';`,
      },
      {
        file: END_HOLD,
        find: '  const begun = await beginStep(context.db, {',
        replace: `  const early = step === 'capture' ? await findTransaction(context.db, tenant, request.transaction_id) : null;
  if (early?.substate === 'authorized' && early.status === 'pending') await askGateway(context, early, ask);
  const begun = await beginStep(context.db, {`,
      },
    ],
  }),
  defect({
    name: 'a release whose answer was lost is not sent again',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: `return found.kind === 'in_progress' ? stillOpen(asking, task, found) : end(asking, task);`,
        replace: 'return stillOpen(asking, task, found);',
      },
    ],
  }),
  defect({
    name: 'a capture whose answer was lost is not sent again',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: 'if (hasNotArrived(asking, transaction, found)) return',
        replace: `if (found.kind === 'in_progress') return`,
      },
    ],
  }),
  defect({
    name: 'money that is held for a payment that has failed is not released',
    breaks: 'invariant 1',
    edits: [
      {
        file: RESOLVE_PAYMENT,
        find: `  if (found.kind === 'authorized') return releaseLate(asking, task, found.reference);\n`,
        replace: '',
      },
    ],
  }),
  defect({
    name: 'an order that its payer approves after the void is captured',
    breaks: 'invariant 3',
    edits: [
      {
        file: RESOLVE,
        find: `task.transaction.status === 'failed' && !charged)`,
        replace: `task.transaction.status === 'failed' && !charged && task.transaction.gatewayIntent === null)`,
      },
      {
        file: RESOLVE_PAYMENT,
        find: `  if (found.kind === 'authorized') return releaseLate(`,
        replace: `  if (found.kind === 'payer_approved') {
    const { gateway } = asking;
    await gateway.completeCharge?.({ transaction, signal: AbortSignal.timeout(deadlineOf(asking)) });
  }
  if (found.kind === 'authorized') return releaseLate(`,
      },
    ],
  }),
  defect({
    name: 'a challenge expires, or is voided, though the payer was faster',
    breaks: 'invariant 3',
    edits: [
      {
        file: DECIDED,
        find: `const isCertainlyUnpaid = outcome.status === 'failed' && outcome.owed === undefined;`,
        replace: `const isCertainlyUnpaid = outcome.status !== 'refunded';`,
      },
    ],
  }),
  defect({
    name: 'each look-up challenges the payer again',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: `if (found.kind === 'challenged' && transaction.substate === null)`,
        replace: `if (found.kind === 'challenged')`,
      },
      { file: SUBSTATE, find: `AND status = 'pending' AND substate IS NULL\``, replace: `AND status = 'pending'\`` },
    ],
  }),
  defect({
    name: 'a hold that is over is released though its capture has begun',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: `    case 'capture':\n      return resume(`,
        replace: `    case 'capture':
      if (transaction.substate === 'authorized' && (transaction.expiresAtMs ?? 0) <= asking.context.nowMs()) return end(asking, task);
      return resume(`,
      },
    ],
  }),
  defect({
    name: 'the address where the payer authenticates is kept when the payment has ended',
    breaks: 'waiting',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: ', sealed_action_url = NULL, sealed_return_url = NULL\n',
        replace: '\n',
      },
    ],
  }),
  defect({
    name: 'the address where the payer authenticates is logged',
    breaks: 'waiting',
    edits: [
      {
        file: WAITS,
        find: '  // Nobody can answer a challenge',
        replace: `  context.log('info', 'payment.challenge', { transaction_id: transactionId, url });\n  // Nobody can answer a challenge`,
      },
    ],
  }),
  defect({
    name: 'a look-up captures the money that is held',
    breaks: 'invariant 3',
    edits: [
      {
        file: CONTINUE,
        find: `  if (expiresAtMs !== null && expiresAtMs > context.nowMs()) return wait(asking, transaction, expiresAtMs);`,
        replace: `  if (expiresAtMs !== null && expiresAtMs > context.nowMs()) {
    if (found.kind === 'authorized') await take(asking, task);
    return wait(asking, transaction, expiresAtMs);
  }`,
      },
    ],
  }),
  defect({
    name: "the provider's end of a hold is not looked at",
    breaks: 'waiting',
    edits: [{ file: WAITS, find: 'provided - PROVIDER_MARGIN_MS)', replace: 'oursMs)' }],
  }),
  defect({
    name: 'a challenge that is over is not ended at the provider',
    breaks: 'invariant 3',
    edits: [
      {
        file: TAKE_STEP,
        find: `const fence = await cancelCharge(stepping);`,
        replace: `const fence = stepping.transaction.step === 'expire' ? null : await cancelCharge(stepping);`,
      },
    ],
  }),
  defect({
    name: 'why a payment has ended is what a look-up read before it was voided',
    breaks: 'waiting',
    edits: [
      {
        file: PAYMENT_OUTCOME,
        find: `AND ((?2 = 'completed' AND NOT ?12) OR (step IS ?10 AND substate IS ?11))\``,
        replace: 'AND ?10 IS ?10 AND ?11 IS ?11 AND ?12 IS ?12`',
      },
    ],
  }),
  defect({
    name: 'a step that has begun is in no audit log',
    breaks: 'audit',
    edits: [
      {
        file: AUDIT,
        find: `transactions WHERE transaction_id = ?6 AND step_by = ?9`,
        replace: 'transactions WHERE transaction_id = ?6 AND substate_by = ?9',
      },
    ],
  }),
];
