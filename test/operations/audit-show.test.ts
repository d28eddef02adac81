/** What the audit log has about one subject: found in the table, in packed blocks and in the archive, without reading all of the log. */

import { describe, expect, it } from 'vitest';
import { entriesAbout, type Search } from '../../src/cli/entries-about.ts';
import { readArchived } from '../../src/cli/read-archived.ts';
import { archive } from '../../src/core/background/archive.ts';
import { packAudit } from '../../src/core/background/pack-audit.ts';
import { sealAudit } from '../../src/core/background/seal-audit.ts';
import type { Context } from '../../src/core/context.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import type { ArchivedTransaction } from '../../src/core/ledger/archive/archive-transactions.ts';
import { archivedRangesAfter } from '../../src/core/ledger/archive/archived-ranges.ts';
import { auditRead, firstEntrySince } from '../../src/core/ledger/audit/find-entries.ts';
import { blockHash, sha256 } from '../../src/core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../../src/core/ledger/audit/packed-lines.ts';
import { dealWith, unbookedSubject } from '../../src/core/ledger/by-hand/resolutions.ts';
import { recordDispute } from '../../src/core/ledger/payments/record-dispute.ts';
import { bookExternalRefund } from '../../src/core/recovery/external-refunds.ts';
import { COMPILED } from '../simulation/sqlite-d1.ts';
import { tableWalks } from '../support/query-plans.ts';
import { DAY_MS, HOUR_MS, openWorld } from './world.ts';

const CODEC = { blockHash, pack, unpack, sha256 };

function openShop() {
  const world = openWorld();
  const objects = new Map<string, Uint8Array>();
  const bucket: NonNullable<Context['archive']> = {
    async put(key, bytes) {
      objects.set(key, Uint8Array.from(bytes));
    },
    async get(key) {
      const bytes = objects.get(key);
      return bytes === undefined ? null : { arrayBuffer: async () => Uint8Array.from(bytes).buffer };
    },
  };
  const context: Context = { ...world.context, blockCodec: CODEC, archive: bucket };
  const { db } = context;
  const counts = { unpacked: 0, objects: 0 };
  const reading = {
    unpack: (bytes: Uint8Array) => {
      counts.unpacked += 1;
      return unpack(bytes);
    },
    readArchived: (range: Parameters<typeof readArchived>[1]) => {
      counts.objects += 1;
      return readArchived(bucket, range);
    },
    entriesAtOnce: 10,
  };
  return {
    ...world,
    context,
    db,
    counts,
    /** A block of what was written since the last one. */
    async seal(): Promise<void> {
      world.clock.nowMs += 1_000;
      await sealAudit(context, blockHash);
    },
    async pack(): Promise<void> {
      world.clock.nowMs += 2 * HOUR_MS;
      await packAudit(context, CODEC);
    },
    async archive(): Promise<void> {
      world.deliverAll();
      while (await archive(context));
    },
    async show(id: string, changes: Partial<Search> = {}) {
      // Each command has a request id of its own.
      const own = { ...db, author: { ...db.author, requestId: crypto.randomUUID() } };
      const last = await auditRead(own, id, world.clock.nowMs);
      Object.assign(counts, { unpacked: 0, objects: 0 });
      async function* archivedOf(transactionId: string) {
        for (const range of await archivedRangesAfter(db, 'transactions', 0, 100)) {
          for (const line of await readArchived(bucket, range)) {
            const archived: ArchivedTransaction = JSON.parse(line);
            if (archived.transaction.transaction_id === transactionId) yield archived;
          }
        }
      }
      const search = { id, fromMs: null, toMs: null, namedOnly: false, ...changes };
      const found = await entriesAbout(own, search, last, { reading, archivedOf, onRead: () => {} });
      return found.map(({ action, subject }) => `${action} ${subject}`);
    },
    async dispute({ transactionId }: Transaction, disputeId: string, status: string): Promise<void> {
      world.clock.nowMs += 1_000;
      const { nowMs } = world.clock;
      const money = { currency: 'USD', amountMinor: 2550, reason: 'fraudulent' };
      const times = { openedAtMs: nowMs, reportedAtMs: nowMs };
      await recordDispute(
        db,
        { provider: 'stripe', disputeId, transactionId, status, ...money, ...times },
        nowMs,
        `a_${nowMs}`,
      );
    },
  };
}

/** A payment that was refunded and disputed, and what the log has of it. */
async function paidAndMore(shop: ReturnType<typeof openShop>, disputeId = `du_${crypto.randomUUID()}`) {
  const payment = await shop.pay();
  const refundId = await shop.refund(payment, '10.00');
  await shop.dispute(payment, disputeId, 'needs_response');
  const { transactionId } = payment;
  return {
    payment,
    disputeId,
    refundId,
    entries: [
      `payment.attempted ${transactionId}`,
      `payment.ended ${transactionId}`,
      `refund.attempted ${refundId}`,
      `refund.ended ${refundId}`,
      `dispute.reported ${transactionId}`,
    ],
  };
}

const isNoRead = (entry: string) => !entry.startsWith('audit.read');

describe('of a payment', () => {
  it('are its own, those of its refunds and of its disputes, in order, and of no other payment', async () => {
    const shop = openShop();
    await paidAndMore(shop);
    const { payment, entries } = await paidAndMore(shop);
    await paidAndMore(shop);
    expect(await shop.show(payment.transactionId)).toEqual(entries);
  });

  it('are the same wherever they are: sealed, packed, archived, and in all of these at once', async () => {
    const shop = openShop();
    const { payment, disputeId, refundId, entries } = await paidAndMore(shop);
    const others = [await paidAndMore(shop)];
    await shop.seal();
    expect(await shop.show(payment.transactionId)).toEqual(entries);
    others.push(await paidAndMore(shop));
    await shop.seal();
    await shop.pack();
    expect((await shop.show(payment.transactionId)).filter(isNoRead)).toEqual(entries);
    shop.clock.nowMs += 100 * DAY_MS;
    await shop.dispute(payment, disputeId, 'won');
    await shop.archive();
    expect(shop.rows("SELECT 1 FROM archived_ranges WHERE kind = 'audit'")).toHaveLength(1);
    await shop.seal();
    await shop.dispute(payment, 'du_2', 'needs_response');
    const now = [...entries, `dispute.reported ${payment.transactionId}`, `dispute.reported ${payment.transactionId}`];
    const shown = await shop.show(payment.transactionId);
    expect(shown.filter(isNoRead)).toEqual(now);
    // Each look at it before is there as well, and this one is not.
    expect(shown.filter((entry) => !isNoRead(entry))).toHaveLength(2);
    expect((await shop.show(refundId)).slice(0, 2)).toEqual(entries.slice(2, 4));
  });

  it('that has left the database are found by its id, with refunds that only the archive names', async () => {
    const shop = openShop();
    const { payment, disputeId, entries } = await paidAndMore(shop);
    const external = await bookExternal(shop, payment);
    await shop.dispute(payment, disputeId, 'won');
    await shop.seal();
    await shop.pack();
    shop.tamper('UPDATE transactions SET next_lookup_at_ms = NULL');
    shop.tamper('UPDATE refunds SET next_lookup_at_ms = NULL');
    shop.clock.nowMs += 401 * DAY_MS;
    await shop.pay();
    await shop.archive();
    expect(shop.rows('SELECT 1 FROM transactions WHERE transaction_id = ?', payment.transactionId)).toEqual([]);
    expect(await shop.show(payment.transactionId)).toEqual([
      ...entries,
      `refund.external ${external}`,
      `dispute.reported ${payment.transactionId}`,
    ]);
  });

  it('are only those of the time that was asked for', async () => {
    const shop = openShop();
    const { payment, disputeId, entries } = await paidAndMore(shop);
    const betweenMs = shop.clock.nowMs + 1;
    shop.clock.nowMs += HOUR_MS;
    await shop.dispute(payment, disputeId, 'lost');
    expect(await shop.show(payment.transactionId, { toMs: betweenMs })).toEqual(entries);
    expect(await shop.show(payment.transactionId, { fromMs: betweenMs })).toEqual([
      `dispute.reported ${payment.transactionId}`,
      `audit.read ${payment.transactionId}`,
    ]);
  });

  it('that its rows name are found without a search, also in packed blocks and in the archive', async () => {
    const shop = openShop();
    const { payment, entries } = await paidAndMore(shop);
    for (let number = 0; number < 3; number += 1) await paidAndMore(shop);
    const quick = () => shop.show(payment.transactionId, { namedOnly: true });
    expect(await quick()).toEqual(entries);
    await shop.seal();
    await shop.pay();
    await shop.pack();
    expect(shop.rows('SELECT 1 FROM audit_blocks WHERE packed IS NOT NULL')).toHaveLength(1);
    expect(await quick()).toEqual(entries);
    shop.clock.nowMs += 100 * DAY_MS;
    await shop.pay();
    await shop.archive();
    expect(await quick()).toEqual(entries);
    expect(shop.counts.objects).toBeGreaterThan(0);
  });
});

describe('the search', () => {
  it('begins at the time of the payment: blocks before it are not unpacked', async () => {
    const shop = openShop();
    for (let block = 0; block < 30; block += 1) {
      shop.clock.nowMs += HOUR_MS;
      await shop.pay();
      await shop.seal();
    }
    shop.clock.nowMs += HOUR_MS;
    const { payment, entries } = await paidAndMore(shop);
    await shop.seal();
    await shop.pay();
    await shop.seal();
    await shop.pack();
    expect(shop.rows('SELECT 1 FROM audit_blocks WHERE packed IS NOT NULL').length).toBeGreaterThan(30);
    expect(await shop.show(payment.transactionId)).toEqual(entries);
    expect(shop.counts.unpacked).toBeLessThanOrEqual(3);
    await shop.show(String(payment.transactionId), { toMs: payment.createdAtMs });
    expect(shop.counts.unpacked).toBeLessThanOrEqual(3);
  });

  it('finds the block of every time, and the entries of a log that has none yet', async () => {
    const shop = openShop();
    expect(await firstEntrySince(shop.db, shop.clock.nowMs)).toBe(1);
    for (let block = 0; block < 20; block += 1) {
      shop.clock.nowMs += HOUR_MS;
      for (let made = 0; made <= block % 3; made += 1) await shop.pay();
      await shop.seal();
    }
    const blocks = shop.rows('SELECT first_sequence, at_ms FROM audit_blocks ORDER BY first_sequence');
    for (const { first_sequence, at_ms } of blocks) {
      expect(await firstEntrySince(shop.db, Number(at_ms))).toBe(first_sequence);
    }
    const last = Number(shop.rows('SELECT max(sequence) AS last FROM audit_entries')[0]?.last);
    expect(await firstEntrySince(shop.db, shop.clock.nowMs + 1)).toBe(last + 1);
  });

  it('walks through no table but that of disputes, for the name that a provider has for one', async () => {
    const shop = openShop();
    const { payment } = await paidAndMore(shop, 'du_1');
    await shop.seal();
    await shop.show(payment.transactionId);
    await shop.show('du_1');
    const sent = [...COMPILED].filter((sql) => /audit_blocks b|packed IS NOT NULL AND first|AS sinceMs/.test(sql));
    expect(sent.length).toBeGreaterThanOrEqual(7);
    const walks = sent.flatMap((sql) =>
      tableWalks(
        sql,
        shop.rows(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => String(detail)),
      ),
    );
    expect(walks).toEqual([expect.stringMatching(/^SCAN disputes\b/)]);
  });
});

it('of a payment is also what a person has done about an external refund of it, which has entries of its own', async () => {
  const shop = openShop();
  const { payment, entries } = await paidAndMore(shop);
  const other = await paidAndMore(shop);
  const dealWithExternal = async (transactionId: string) => {
    shop.tamper(
      'INSERT INTO unbooked_refunds (transaction_id, gateway_reference, amount_minor, found_at_ms, found_by) VALUES (?, ?, 5000, ?, ?)',
      ...[transactionId, 're_1', shop.clock.nowMs, 'webhook'],
    );
    const subject = unbookedSubject(transactionId, 're_1');
    shop.clock.nowMs += 1_000;
    const dealing = { subject, reason: 'compared', atMs: shop.clock.nowMs };
    await dealWith(shop.db, dealing, { transactionId, gatewayReference: 're_1' });
    return subject;
  };
  const subject = await dealWithExternal(payment.transactionId);
  await dealWithExternal(other.payment.transactionId);
  expect(await shop.show(payment.transactionId)).toEqual([...entries, `outcome.dealt_with ${subject}`]);
  expect(await shop.show(subject)).toEqual([`outcome.dealt_with ${subject}`]);
});

it('of a dispute are the reports of it, and not those of another one', async () => {
  const shop = openShop();
  const { payment } = await paidAndMore(shop, 'du_1');
  await shop.dispute(payment, 'du_2', 'needs_response');
  await shop.dispute(payment, 'du_1', 'won');
  expect(await shop.show('du_1')).toEqual([1, 2].map(() => `dispute.reported ${payment.transactionId}`));
});

it('of an API key are its making and its end', async () => {
  const shop = openShop();
  await shop.pay();
  const { nowMs } = shop.clock;
  const key = { keyId: 'key_1', keyHash: 'hash', name: 'Till', tenant: 'default', scopes: [], expiresAtMs: null };
  await insertApiKey(shop.db, { ...key, createdAtMs: nowMs });
  await revokeApiKey(shop.db, 'key_1', nowMs + HOUR_MS);
  expect(await shop.show('key_1')).toEqual(['key.created key_1', 'key.revoked key_1']);
});

async function bookExternal(
  shop: ReturnType<typeof openShop>,
  { transactionId, gatewayReference }: Transaction,
): Promise<string> {
  shop.clock.nowMs += 1_000;
  await bookExternalRefund(shop.context, transactionId, {
    ...{ reference: 're_1', refundId: null, chargeReference: String(gatewayReference), transactionId },
    ...{ amountMinor: 300, currency: 'USD', state: 'moved', reason: 'in the dashboard', movedAtMs: shop.clock.nowMs },
  });
  const [row] = shop.rows("SELECT refund_id FROM refunds WHERE gateway_reference = 're_1'");
  return String(row?.refund_id);
}
