/** At the end of a history, all payments come back from the archive: as they left, and keeping their bookings paid by themselves. */
import type { ArchivedTransaction } from '../../src/core/ledger/archive/archive-transactions.ts';
import { beginRestoring } from '../../src/core/ledger/archive/archive-waits.ts';
import { restoreTransactions } from '../../src/core/ledger/archive/restore-rows.ts';
import type { World, WorldDatabase } from './world.ts';

const MINUTE_MS = 60_000;
/** Without what the archive does not get of persons. */
const KEPT = {
  transactions: 'transaction_id, tenant, booking_id, status, amount_minor, refunded_minor, gateway_reference, ended_by',
  refunds: 'refund_id, transaction_id, kind, status, amount_minor, gateway_reference, processed_at_ms',
  disputes: 'provider, dispute_id, transaction_id, status, told_at_ms',
  unbooked_refunds: 'transaction_id, gateway_reference, amount_minor',
} as const;

export async function checkRestoring(world: World): Promise<void> {
  // An archive that is wrong already cannot be read.
  if (world.violations.length > 0) return;
  for (const [shard, database] of world.databases.entries()) await checkDatabase(world, database, shard);
}

async function checkDatabase(world: World, { sqlite }: WorldDatabase, shard: number): Promise<void> {
  const { time, archive, violations } = world;
  // What is on its way leaves, and then nothing more.
  const waiting = world.invoke('restore', async (shards) => {
    const { db, nowMs } = shards.at(shard);
    await beginRestoring(db, { kind: 'transactions', object: 'all', entries: 1 }, nowMs(), Number.MAX_SAFE_INTEGER);
  });
  await time.runUntil(time.nowMs + MINUTE_MS);
  await waiting;
  const objects = sqlite.prepare("SELECT object FROM archived_ranges WHERE kind = 'transactions'").all();
  const lines = objects.flatMap(({ object }) =>
    new TextDecoder()
      .decode(archive?.objects.get(String(object)))
      .split('\n')
      .filter(Boolean),
  );
  const archived = lines.map((line): ArchivedTransaction => JSON.parse(line));
  const restoring = world.invoke('restore', (shards) => restoreTransactions(shards.at(shard).db, archived));
  await time.runUntil(time.nowMs + MINUTE_MS);
  const ending = await restoring;
  if (ending.kind !== 'answer') violations.push(`archive: restoring it ${ending.kind}`);
  for (const [table, columns] of Object.entries(KEPT)) {
    const missing = sqlite
      .prepare(`SELECT ${columns} FROM sim_${table}_left EXCEPT SELECT ${columns} FROM ${table}`)
      .all();
    if (missing.length > 0) violations.push(`archive: of ${table}, ${JSON.stringify(missing[0])} was not restored`);
  }
  const [kept] = sqlite.prepare('SELECT booking_id FROM archived_bookings').all();
  if (kept !== undefined) violations.push(`archive: ${kept.booking_id} is kept paid, and its payment was restored`);
}
