/** Looks up all rows that are due, as many as one invocation can. */
import type { Context } from '../context.ts';
import { BACKGROUND_DEADLINE_MS, JOB_MAX_DURATION_MS, LOOK_UPS_AT_ONCE } from '../invocation-limits.ts';
import { LedgerNotMigrated, LedgerUnavailable, statementsLeft } from '../ledger/database.ts';
import type { LookUpTask } from '../ledger/look-ups/look-up-task.ts';
import { TAKE_DUE_STATEMENTS, takeDueLookUps } from '../ledger/look-ups/take-due-look-ups.ts';
import type { SilentGateways } from '../outbox/queue-message.ts';
import type { Resolution } from './resolution.ts';
import { resolveTask, STATEMENTS_PER_LOOK_UP } from './resolve.ts';

/** Statements that are left to the caller, for what follows the look-ups. */
export const STATEMENTS_LEFT_TO_CALLER = 20;
/** For so long a gateway that did not answer is left alone. */
const SILENT_FOR_MS = 60_000;

export interface LookUpRun {
  /** Whether it ended because it had been enough for one invocation, and not because nothing was due any more. */
  more: boolean;
  silent: SilentGateways;
}

/**
 * Looks up whatever is due, pending rows before follow-ups and those first that have been due longest, until nothing is, or time or
 * statements are used up. A gateway none of whose look-ups in a round is answered is left alone for a minute, and does not hold
 * up the others; a single row that cannot be answered holds up nobody.
 *
 * @param silent from the run before
 * @param onResolved is called with each resolution, so that its event is sent at once
 * @throws LedgerUnavailable, LedgerNotMigrated; or a bug that one of the rows met, when all the others are done
 */
export async function resolveDue(
  context: Context,
  {
    silent: silentBefore = {},
    onResolved = async () => {},
  }: { silent?: SilentGateways; onResolved?: (resolved: Resolution) => Promise<void> } = {},
): Promise<LookUpRun> {
  const startedAtMs = context.nowMs();
  let silent = silentBefore;
  const bugs: unknown[] = [];
  for (let round = 0; ; round += 1) {
    const nowMs = context.nowMs();
    const limit = Math.min(LOOK_UPS_AT_ONCE, affordableLookUps(context));
    const isOver = limit < 1 || nowMs - startedAtMs >= JOB_MAX_DURATION_MS;
    silent = Object.fromEntries(Object.entries(silent).filter(([, untilMs]) => untilMs > nowMs));
    const first = round % 2 === 0 ? 'payments' : 'refunds';
    const tasks = isOver ? [] : await takeDueLookUps(context.db, { nowMs, limit, first, notOf: Object.keys(silent) });
    if (tasks.length === 0) {
      if (bugs.length > 0) throw bugs[0];
      return { more: isOver, silent };
    }
    const looked = await Promise.allSettled(tasks.map((task) => resolveTask(context, task, BACKGROUND_DEADLINE_MS)));
    await Promise.all(looked.map((one) => (one.status === 'fulfilled' ? onResolved(one.value) : undefined)));
    bugs.push(...bugsIn(looked));
    for (const name of silentIn(tasks, looked)) silent = { ...silent, [name]: context.nowMs() + SILENT_FOR_MS };
  }
}

/** For how many look-ups, taken together, the statements are enough. */
function affordableLookUps({ db }: Context): number {
  return Math.floor((statementsLeft(db) - STATEMENTS_LEFT_TO_CALLER - TAKE_DUE_STATEMENTS) / STATEMENTS_PER_LOOK_UP);
}

type LookedUp = PromiseSettledResult<Resolution>;

/** @throws LedgerUnavailable, LedgerNotMigrated, where one of the rows met it */
function bugsIn(looked: readonly LookedUp[]): unknown[] {
  const errors = looked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  const ofLedger = errors.find((error) => error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated);
  if (ofLedger !== undefined) throw ofLedger;
  return errors;
}

/** The names of the gateways that answered for none of their rows. */
function silentIn(tasks: readonly LookUpTask[], looked: readonly LookedUp[]): string[] {
  const byGateway = Map.groupBy(tasks.keys(), (index) => tasks[index]?.transaction.gateway);
  return [...byGateway].flatMap(([name, rows]) =>
    name !== undefined && rows.every((index) => isUnreachable(looked[index])) ? [name] : [],
  );
}

function isUnreachable(looked: LookedUp | undefined): boolean {
  return looked?.status === 'fulfilled' && looked.value.kind === 'open' && looked.value.unreachable;
}
