/** The invariants, held against what the gateway moved, what the exchange took, and what the callers were told. */
import { decodeTime } from 'ulid';
import { KEY_LIFETIME_MS } from '../../src/core/ledger/idempotency-keys/claim-key.ts';
import { hundredths } from './amount.ts';
import { auditLogOf, linesIn } from './audit-log.ts';
import { type Callers, EXPIRY_YEAR, SECURITY_CODE } from './callers.ts';
import { checkPlaces, databaseOfBooking } from './places.ts';
import { type Ledger, type Row, readDatabase, readLedger } from './read-ledger.ts';
import { checkStep, checkWaiting, waitsInAudit } from './waiting-invariants.ts';
import type { World, WorldDatabase } from './world.ts';

/** After 0, 2, 6, 14 and 30 seconds, and again where a clock was off. */
const MAX_LOOK_UPS_A_MINUTE = 8;
/** Every three seconds, because the status of what waits is asked for, and then as above. */
const MAX_LOOK_UPS_BY_STATUS_A_MINUTE = 28;

/** The payments of the ledger, with those that have left for the archive. */
const ALSO_LEFT = `(SELECT transaction_id, booking_id, status FROM transactions
  UNION ALL SELECT transaction_id, booking_id, status FROM sim_transactions_left)`;

/** Follows what the tables themselves do not remember: every change of a status, and bookings that were claimed twice. */
export function watchRows({ databases }: World): void {
  databases.forEach(watchRowsOf);
}

function watchRowsOf({ sqlite }: WorldDatabase): void {
  for (const table of ['events', 'transactions', 'refunds', 'disputes', 'unbooked_refunds']) {
    const columns = sqlite
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name));
    sqlite.exec(`CREATE TEMP TABLE sim_${table}_left AS SELECT * FROM ${table} WHERE false`);
    sqlite.exec(`CREATE TEMP TRIGGER sim_${table}_left AFTER DELETE ON ${table}
      BEGIN INSERT INTO sim_${table}_left SELECT ${columns.map((column) => `OLD.${column}`).join()}; END`);
  }
  sqlite.exec(
    `CREATE TEMP TABLE sim_transitions (id TEXT, was TEXT, became TEXT); CREATE TEMP TABLE sim_claimed_twice (booking TEXT);
     CREATE TEMP TABLE sim_overpromised (id TEXT); CREATE TEMP TABLE sim_starved (id TEXT, pending TEXT)`,
  );
  sqlite.exec(`CREATE TEMP TRIGGER sim_claimed_twice AFTER INSERT ON transactions
    WHEN (SELECT count(*) FROM ${ALSO_LEFT} t
      WHERE t.booking_id = NEW.booking_id AND t.status IN ('pending', 'completed')) > 1
    BEGIN INSERT INTO sim_claimed_twice VALUES (NEW.booking_id); END`);
  sqlite.exec(`CREATE TEMP TRIGGER sim_overpromised AFTER UPDATE ON transactions
    WHEN NEW.reserved_minor + NEW.refunded_minor > NEW.amount_minor
    BEGIN INSERT INTO sim_overpromised VALUES (NEW.transaction_id); END`);
  for (const [table, id] of [
    ['transactions', 'transaction_id'],
    ['refunds', 'refund_id'],
  ]) {
    // A payment whose external refunds are listed is asked about by a message of its own, and takes nobody's turn.
    const inItsTurn = table === 'transactions' ? `OLD.status = 'failed'` : `OLD.status <> 'pending'`;
    // When it was taken is reckoned from when it is due again.
    const dueForAMinute = `status = 'pending' AND next_lookup_at_ms <=
      NEW.next_lookup_at_ms - min(300000, 2000 << min(OLD.lookups, 16)) - 60000`;
    sqlite.exec(`CREATE TEMP TRIGGER sim_starved_by_${table} AFTER UPDATE OF lookups ON ${table}
      WHEN ${inItsTurn} AND NEW.lookups > OLD.lookups
      BEGIN INSERT INTO sim_starved
        SELECT NEW.${id}, transaction_id FROM transactions WHERE ${dueForAMinute}
        UNION ALL SELECT NEW.${id}, refund_id FROM refunds WHERE ${dueForAMinute}; END`);
    sqlite.exec(`CREATE TEMP TRIGGER sim_${table} AFTER UPDATE OF status ON ${table} WHEN OLD.status <> NEW.status
      BEGIN INSERT INTO sim_transitions VALUES (NEW.${id}, OLD.status, NEW.status); END`);
  }
}

/** Holds each request to move money against the ledger at the moment at which it arrives (invariants 1 and 3). */
export function watchMoney(world: World): void {
  const { gateway, violations } = world;
  const charge = 'SELECT booking_id, status FROM transactions WHERE transaction_id = ?';
  const refund = 'SELECT status FROM refunds WHERE refund_id = ?';
  const ended = `SELECT transaction_id FROM ${ALSO_LEFT} WHERE booking_id = ? AND status IN ('pending', 'completed')`;
  gateway.onMoney = (kind, id) => {
    const row = world.get(kind === 'refund' ? refund : charge, id);
    if (row === undefined) {
      violations.push(`invariant 3: the gateway was asked for ${kind} ${id}, which nobody has written down`);
    } else checkStep(world, kind, id);
  };
  gateway.onCharged = (transactionId) => {
    const booking = String(world.get(charge, transactionId)?.booking_id);
    const live = world.all(ended, booking).map((row) => String(row.transaction_id));
    const others = live.filter(
      (id) => id !== transactionId && gateway.charges.get(id)?.state.kind === 'approved' && gateway.keeps(id) > 0,
    );
    if (others.length > 0 && live.includes(transactionId)) {
      violations.push(`invariant 1: a booking is charged twice, by ${others} and ${transactionId}`);
    }
  };
}

/** After everything that waits has had its time: nothing is pending, nothing is untold. */
export function checkNothingWaits(world: World): void {
  for (const database of world.databases) checkNothingWaitsIn(database, world.violations);
}

function checkNothingWaitsIn(database: WorldDatabase, violations: string[]): void {
  const { transactions, refunds, events, keys } = readDatabase(database);
  for (const { claimed_id, idempotency_key } of keys) {
    const id = String(claimed_id);
    if (!transactions.has(id) && !refunds.has(id)) {
      violations.push(`invariant 8: the key ${idempotency_key} stands for ${id}, which is not there`);
    }
  }
  for (const [id, row] of [...transactions, ...refunds]) {
    if (row.status === 'pending') violations.push(`invariant 3: ${id} is still pending`);
  }
  for (const event of events) {
    if (event.delivered_at_ms === null) violations.push(`invariant 4: ${event.event_id} was never delivered`);
  }
}

/** At the very end, when the last look-up has been made. */
export function checkEverything(world: World, callers: Callers): void {
  const ledger = readLedger(world);
  checkCharges(world, ledger);
  checkOrders(world, ledger);
  checkRefunds(world, ledger);
  checkExternalRefunds(world, ledger);
  checkAlarms(world);
  world.violations.push(...world.gateway.wrongs());
  checkEvents(world, ledger);
  checkCardData(world, callers);
  checkPace(world);
  checkTransitions(world);
  checkTurns(world);
  checkAmounts(world, callers);
  checkKeys(world, callers, ledger);
  for (const database of world.databases) {
    checkAudit(world, database);
    checkArchive(world, database);
  }
  checkPlaces(world);
  checkWaiting(world, ledger);
  if (ledger.keys.length > 0) world.violations.push('invariant 8: keys are kept for longer than a day');
  for (const [id, row] of ledger.refunds) {
    if (row.status === 'pending')
      world.violations.push(`invariant 1: the late charge of ${row.transaction_id} is still owed (${id})`);
  }
}

/** What has left the database is in the archive, once, as it was; without an archive, only what was delivered has left. */
function checkArchive(world: World, database: WorldDatabase): void {
  const { archive, violations } = world;
  const { sqlite } = database;
  const ranges = sqlite.prepare('SELECT * FROM archived_ranges ORDER BY kind, first_sequence').all();
  const archived = ranges
    .filter(({ kind }) => kind === 'events')
    .flatMap(({ object }) => linesIn(archive?.objects.get(String(object))));
  const inArchive = new Map(archived.map((event) => [event.sequence, event]));
  if (inArchive.size < archived.length) violations.push('archive: an event was archived twice');
  const left = sqlite.prepare('SELECT * FROM sim_events_left').all();
  for (const event of left) {
    if (event.delivered_at_ms === null) violations.push(`archive: ${event.event_id} left before it was delivered`);
    if (archive === null) continue;
    const { event_id, event_type, transaction_id, refund_id } = inArchive.get(event.sequence) ?? {};
    const same =
      [event_id, event_type, transaction_id, refund_id].join() ===
      [event.event_id, event.event_type, event.transaction_id, event.refund_id].join();
    if (!same) violations.push(`archive: ${event.event_id} left the database, and is not in the archive`);
  }
  checkArchivedTransactions(world, database);
  for (const { object, bytes, entries } of ranges) {
    const stored = archive?.objects.get(String(object));
    if (stored?.length !== Number(bytes)) violations.push(`archive: ${object} is not there, or not whole`);
    const counted = linesIn(stored).filter(({ block }) => block === undefined).length;
    if (counted !== entries) violations.push(`archive: ${object} has ${counted} entries, not ${entries}`);
  }
}

/** What callers have said of persons, and no object of the archive may have. */
const PERSONAL = /"user-\d+"|Customer cancellation|@/;

/** A payment leaves once, as it was, with all that hangs on it, and its booking stays paid. Nothing that is old stays. */
function checkArchivedTransactions(world: World, { sqlite }: WorldDatabase): void {
  const { archive, violations, time } = world;
  const rowsOf = (sql: string, ...parameters: (string | number)[]) => sqlite.prepare(sql).all(...parameters) as Row[];
  const lines = rowsOf("SELECT object FROM archived_ranges WHERE kind = 'transactions'").flatMap(({ object }) =>
    linesIn(archive?.objects.get(String(object))),
  );
  const archived = new Map<unknown, Record<string, unknown>>();
  for (const line of lines) {
    const id = (line.transaction as Row | undefined)?.transaction_id;
    if (archived.has(id)) violations.push(`archive: ${id} was archived twice`);
    archived.set(id, line);
    if (PERSONAL.test(JSON.stringify(line))) violations.push(`archive: ${id} was archived with personal data`);
  }
  const left = rowsOf('SELECT * FROM sim_transactions_left');
  if (archived.size !== left.length) violations.push(`archive: ${left.length} payments left, it has ${archived.size}`);
  for (const row of left) {
    const id = String(row.transaction_id);
    const line = archived.get(id);
    const there = [
      line?.transaction,
      ...(['refunds', 'disputes', 'unbooked_refunds'] as const).map((of) => line?.[of]),
    ];
    const were = [
      row,
      ...['refunds', 'disputes', 'unbooked_refunds'].map((table) =>
        rowsOf(`SELECT * FROM sim_${table}_left WHERE transaction_id = ?`, id),
      ),
    ];
    if (JSON.stringify(there, nothingPersonal) !== JSON.stringify(were, nothingPersonal))
      violations.push(`archive: ${id} left the database, and is not in the archive as it was`);
    const isKept = rowsOf('SELECT 1 FROM archived_bookings WHERE booking_id = ?', String(row.booking_id)).length > 0;
    if (row.status === 'completed' && !isKept) violations.push(`invariant 1: ${row.booking_id} is not paid any more`);
    if (row.status === 'pending' || row.next_lookup_at_ms !== null)
      violations.push(`archive: ${id} left before it had ended`);
  }
  for (const { refund_id, status, next_lookup_at_ms } of rowsOf('SELECT * FROM sim_refunds_left')) {
    if (status === 'pending' || next_lookup_at_ms !== null)
      violations.push(`archive: ${refund_id} left before it had ended`);
  }
  const stays = rowsOf(
    `SELECT transaction_id FROM transactions t WHERE status <> 'pending' AND processed_at_ms < ? AND next_lookup_at_ms IS NULL
       AND NOT EXISTS (SELECT 1 FROM events e WHERE e.transaction_id = t.transaction_id)
       AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.transaction_id = t.transaction_id AND r.processed_at_ms >= ?)`,
    time.nowMs - OLD_MS,
    time.nowMs - OLD_REFUND_MS,
  );
  if (archive === null && left.length > 0) violations.push(`archive: payments left without one`);
  if (archive !== null && stays.length > 0) violations.push(`archive: ${stays[0]?.transaction_id} has not left`);
}

const DAY_MS = 24 * 60 * 60_000;
/** Behind all follow-ups, of the payment and of its refunds, and the next run of the cron: then a payment has left. */
const OLD_MS = 7 * DAY_MS;
const OLD_REFUND_MS = 8 * DAY_MS;
const ERASED = ['user_id', 'user_email', 'sealed_email', 'sealed_action_url', 'sealed_return_url', 'reason'];

/** As `JSON.stringify` takes it: without what an archive does not get. Reasons and intents of providers are codes there. */
function nothingPersonal(name: string, value: unknown): unknown {
  return ERASED.includes(name) || name === 'failure_reason' || name === 'gateway_intent' ? undefined : value;
}

/** Each row has one entry for how it came about, and one for how it ended. */
function checkAudit(world: World, database: WorldDatabase): void {
  const { violations } = world;
  const { sqlite } = database;
  const { transactions, refunds } = readDatabase(database);
  const entries = new Map<string, string[]>();
  const log = auditLogOf(world, database);
  for (const { subject, action, outcome } of log) {
    const entry = action === 'refund.external' ? String(action) : `${action} ${outcome}`;
    entries.set(String(subject), [...(entries.get(String(subject)) ?? []), entry]);
  }
  const expected = new Map<string, string[]>();
  for (const [id, { status }] of transactions) {
    const outcome = status === 'failed' ? 'failed' : 'completed';
    const waits = waitsInAudit(database, id);
    expected.set(id, ['payment.attempted claimed', ...waits, `payment.ended ${outcome}`]);
  }
  for (const [id, { status, kind }] of refunds) {
    if (entries.get(id)?.[0] === 'refund.external') expected.set(id, ['refund.external']);
    else {
      const begun = kind === 'late_charge' ? 'refund.owed pending' : 'refund.attempted claimed';
      expected.set(id, [begun, `refund.ended ${status === 'failed' ? 'failed' : 'completed'}`]);
    }
    if (status === 'reversed') expected.get(id)?.push('refund.reversed reversed');
  }
  for (const [id, wanted] of expected) {
    // An attempt that was refused, whose answer was lost, may be let in when it is made again.
    const written = (entries.get(id) ?? []).join().replace(/^(?:(?:payment|refund)\.attempted not_claimed,)+/, '');
    if (written !== wanted.join()) {
      violations.push(`audit: ${id} has ${written || 'no entry'}, and should have ${wanted.join()}`);
    }
  }
  if (world.log.some((line) => line.includes('audit.block_broken')))
    violations.push('audit: a block does not match its seal');
  if (log.some(({ sequence }, index) => sequence !== index + 1))
    violations.push('audit: numbers of entries are missing');
  const sealed = sqlite.prepare('SELECT sum(entries) AS entries, max(last_sequence) AS last FROM audit_blocks').get();
  if (sealed?.entries !== sealed?.last) violations.push('audit: there are entries without a seal between sealed ones');
  if (log.length > 0 && sealed?.last === null) violations.push('audit: nothing was sealed');
}

/** A follow-up that is taken while a pending row has been due for a minute takes its turn. */
export function checkTurns(world: World): void {
  for (const { id, pending } of world.all('SELECT * FROM sim_starved LIMIT 3')) {
    world.violations.push(`turns: the follow-up of ${id} was made while ${pending} had been due for a minute`);
  }
}

function checkCharges(world: World, { transactions }: Ledger): void {
  const { gateway, violations } = world;
  for (const { booking } of world.all('SELECT * FROM sim_claimed_twice')) {
    violations.push(`invariant 1: ${booking} had two payments under way`);
  }
  for (const [id, row] of transactions) {
    const charged = gateway.charges.get(id)?.state.kind === 'approved';
    const paid = row.status === 'completed' || row.status === 'refunded';
    if (paid && !charged) violations.push(`invariant 3: ${id} is ${row.status}, and was never charged`);
    if (row.status === 'failed' && charged) {
      if (gateway.keeps(id) !== 0)
        violations.push(`invariant 1: ${id} has failed, and the gateway keeps ${gateway.keeps(id)}`);
      if (!gateway.charges.get(id)?.brokePromise && !gateway.isMischarged(id))
        violations.push(`invariant 3: ${id} was failed while its charge was on its way`);
    }
  }
  for (const { transactionId, state } of gateway.charges.values()) {
    if (state.kind === 'approved' && !transactions.has(transactionId)) {
      violations.push(`invariant 3: the gateway charged ${transactionId}, which the ledger does not have`);
    }
  }
}

function checkRefunds(world: World, { transactions, refunds }: Ledger): void {
  const { gateway, violations } = world;
  for (const { id } of world.all('SELECT DISTINCT id FROM sim_overpromised')) {
    violations.push(`invariant 2: more of ${id} was promised and paid back than was captured`);
  }
  for (const [id, row] of transactions) {
    const amount = Number(row.amount_minor);
    const paidBack = gateway.paidBack(id);
    if (paidBack > amount) violations.push(`invariant 2: ${paidBack} of ${amount} were paid back of ${id}`);
    if (Number(row.reserved_minor) !== 0) violations.push(`invariant 2: ${row.reserved_minor} of ${id} stay reserved`);
    const requested = [...refunds.values()].filter(
      (refund) => refund.transaction_id === id && refund.kind === 'requested',
    );
    const sum = (statuses: string[]) =>
      requested
        .filter(({ status }) => statuses.includes(String(status)))
        .reduce((total, one) => total + Number(one.amount_minor), 0);
    // A payment that was refunded stays so, also when a refund is taken back afterwards (invariant 6).
    const expected = row.status === 'refunded' ? amount : sum(['completed']);
    if (Number(row.refunded_minor) !== expected) {
      violations.push(`invariant 2: ${id} says ${row.refunded_minor} refunded, its refunds say ${expected}`);
    }
    if (row.status === 'refunded' && sum(['completed', 'reversed']) < amount) {
      violations.push(`invariant 2: ${id} is refunded, by refunds of ${sum(['completed', 'reversed'])}`);
    }
  }
  for (const [id, row] of refunds) {
    const paid = gateway.refunds.get(id) ?? gateway.refunds.get(String(row.gateway_reference));
    const atGateway = paid?.state.kind !== 'approved' ? 'unpaid' : paid.takenBack ? 'reversed' : 'completed';
    const here = row.status === 'failed' ? 'unpaid' : row.status;
    // Sent back by the bank before anybody could see that it had been paid: then it never was.
    if (row.status === 'failed' && atGateway === 'reversed') continue;
    if (here !== 'pending' && here !== atGateway) {
      violations.push(`invariant 2: ${id} is ${row.status} here and ${atGateway} at the gateway`);
    }
    // Of a charge that is owed back, PayPal refunds what is left after somebody has refunded a part of it by hand.
    const isRest = row.kind === 'late_charge' && gateway.isMischarged(String(row.transaction_id));
    if (paid !== undefined && paid.amountMinor !== row.amount_minor && !isRest)
      violations.push(`invariant 7: ${id} was paid with another amount`);
  }
  for (const { refundId, state, madeExternally } of gateway.refunds.values()) {
    if (state.kind === 'approved' && !madeExternally && !refunds.has(refundId)) {
      violations.push(`invariant 2: the gateway paid ${refundId}, which the ledger does not have`);
    }
  }
}

/** Each alarm is raised once: a person who is told three times of one refund looks for three. */
const ALARMS = ['refund.reversed', 'payment.charged_late', 'refund.external_does_not_fit', 'refund.failed'];

function checkAlarms({ log, violations }: World): void {
  const raised = new Set<string>();
  for (const line of log) {
    const { level, event, refund_id: refundId, reference, gateway_says: says = '' } = JSON.parse(line);
    if (level !== 'error' || !ALARMS.includes(event)) continue;
    const alarm = `${event} ${says} of ${refundId ?? reference}`;
    if (raised.has(alarm)) violations.push(`alarm: ${alarm} was raised twice`);
    raised.add(alarm);
  }
}

/** Each refund that was made by hand is one here, with its amount taken from the balance; its event follows from its row. */
function checkExternalRefunds({ gateway, violations }: World, { transactions, refunds }: Ledger): void {
  for (const { refundId: reference, transactionId, madeExternally, state, takenBack } of gateway.refunds.values()) {
    const rows = [...refunds.values()].filter(({ gateway_reference }) => gateway_reference === reference);
    if (rows.length > 1)
      violations.push(`invariant 2: the gateway's refund ${reference} was booked ${rows.length} times`);
    const { status } = transactions.get(transactionId) ?? {};
    if (!madeExternally || rows.length > 0 || state.kind !== 'approved' || takenBack || status !== 'completed')
      continue;
    violations.push(`invariant 2: the gateway has paid ${reference}, which nobody has booked (${transactionId})`);
  }
}

/** Invariant 1, seen from a payer who has approved an order. */
function checkOrders({ violations }: World, { transactions }: Ledger): void {
  const paidBy = new Map<string, string>();
  for (const [id, { gateway_intent: intent, status }] of transactions) {
    if (intent === null || (status !== 'completed' && status !== 'refunded')) continue;
    const other = paidBy.get(String(intent));
    if (other !== undefined) violations.push(`invariant 1: ${intent} has paid for ${other} and for ${id}`);
    paidBy.set(String(intent), id);
  }
}

function checkEvents({ broker, violations }: World, { transactions, refunds, events }: Ledger): void {
  const expected = new Set<string>();
  for (const [id, { status }] of transactions) {
    if (status === 'completed' || status === 'refunded') expected.add(`payment.success ${id}`);
    if (status === 'failed') expected.add(`payment.failed ${id}`);
  }
  for (const [id, { status, kind }] of refunds) {
    if (kind === 'requested' && (status === 'completed' || status === 'reversed')) expected.add(`payment.refund ${id}`);
  }
  const bySubject = new Map<string, string>();
  for (const { event_type, transaction_id, refund_id, event_id } of events) {
    const subject = `${event_type} ${refund_id ?? transaction_id}`;
    if (bySubject.has(subject)) violations.push(`invariant 4: ${subject} has two events`);
    if (!expected.has(subject)) violations.push(`invariant 4: there is an event ${subject}, and no such outcome`);
    bySubject.set(subject, String(event_id));
  }
  for (const subject of expected) {
    if (!bySubject.has(subject)) violations.push(`invariant 4: ${subject} has no event`);
  }
  checkPublished(broker.published, events, violations);
}

/** What the exchange took: every event, with its own content, each booking's in their order. */
function checkPublished(published: readonly string[], events: readonly Row[], violations: string[]): void {
  const content = new Map<string, string>();
  const order: string[] = [];
  for (const text of published) {
    const { event_id } = JSON.parse(text) as { event_id: string };
    const before = content.get(event_id);
    if (before === undefined) order.push(event_id);
    else if (before !== text) violations.push(`invariant 4: ${event_id} was published with two contents`);
    content.set(event_id, text);
  }
  const lastOfBooking = new Map<string, number>();
  const written = new Map(events.map((event) => [String(event.event_id), event]));
  for (const id of order) {
    const event = written.get(id);
    if (event === undefined) {
      violations.push(`invariant 4: ${id} was published, and is not in the ledger`);
      continue;
    }
    const booking = String(event.booking_id);
    if (Number(event.sequence) < (lastOfBooking.get(booking) ?? 0)) {
      violations.push(`invariant 4: the events of ${booking} reached the exchange out of order`);
    }
    lastOfBooking.set(booking, Number(event.sequence));
  }
  for (const event of events) {
    if (event.delivered_at_ms !== null && !content.has(String(event.event_id))) {
      violations.push(`invariant 4: ${event.event_id} counts as delivered, and never reached the exchange`);
    }
  }
}

function checkCardData(world: World, callers: Callers): void {
  const { transactions, refunds, events, keys } = readLedger(world);
  const places: [string, string][] = [
    ['the ledger', JSON.stringify([[...transactions.values()], [...refunds.values()], events, keys])],
    ['the log', world.log.join('\n')],
    ['the queue', [...world.queue.sent, ...world.work.sent].join('\n')],
    ['the exchange', world.broker.published.join('\n')],
  ];
  for (const { cardNumber } of callers.sent) {
    for (const [place, text] of places) {
      // All but the last four digits, and every part of them that still says something.
      if (cardNumber !== null && text.includes(cardNumber.slice(1, 11))) {
        world.violations.push(`invariant 5: ${place} has a card number`);
      }
    }
  }
  const forbidden = new RegExp(`"(cvv|expiry_\\w+|cardholder_name)"|"(${SECURITY_CODE}|${EXPIRY_YEAR})"|Holder \\d`);
  for (const [place, text] of places) {
    if (forbidden.test(text)) world.violations.push(`invariant 5: ${place} has card data`);
  }
}

/** Nobody hammers the gateway: of one row, it is asked at a measured pace, however many want to know. */
function checkPace({ gateway, violations }: World): void {
  for (const [id, timesMs] of gateway.lookUps) {
    const most = id.endsWith('status') ? MAX_LOOK_UPS_BY_STATUS_A_MINUTE : MAX_LOOK_UPS_A_MINUTE;
    for (const [index, atMs] of timesMs.entries()) {
      const before = timesMs[index - most];
      if (before !== undefined && atMs - before < 60_000) {
        violations.push(`pace: the gateway was asked about ${id} more than ${most} times in a minute`);
        return;
      }
    }
  }
}

const LEGAL = new Set([
  'pending completed',
  'pending failed',
  'completed refunded', // of a payment
  'completed reversed', // of a refund
]);

function checkTransitions(world: World): void {
  for (const { id, was, became } of world.all('SELECT * FROM sim_transitions')) {
    if (!LEGAL.has(`${was} ${became}`)) world.violations.push(`invariant 6: ${id} went from ${was} to ${became}`);
  }
}

function checkAmounts({ gateway, violations, broker }: World, callers: Callers): void {
  for (const sent of callers.sent) {
    if (sent.kind !== 'pay') continue;
    for (const ending of sent.answers) {
      if (ending.kind !== 'answer' || !('transaction' in ending.answer)) continue;
      const { transactionId } = ending.answer.transaction;
      const charge = gateway.charges.get(transactionId);
      if (charge === undefined || gateway.isMischarged(transactionId)) continue;
      if (charge.amountMinor !== hundredths(sent.amount)) {
        violations.push(`invariant 7: ${sent.amount} was charged as ${charge.amountMinor} cents (${transactionId})`);
      }
    }
  }
  for (const text of broker.published) {
    const { amount, refund_amount } = JSON.parse(text) as { amount?: number; refund_amount?: number };
    const decimal = String(amount ?? refund_amount);
    if (!/^\d+(\.\d\d?)?$/.test(decimal)) violations.push(`invariant 7: an event says ${decimal}`);
  }
}

function checkKeys({ violations, databases }: World, callers: Callers, { transactions }: Ledger): void {
  checkKeysOfDatabases(callers, transactions, databases.length, violations);
  for (const sent of callers.sent) {
    const ids = new Set<string>();
    for (const ending of sent.answers) {
      if (ending.kind !== 'answer') continue;
      const { answer } = ending;
      if ('refund' in answer) ids.add(answer.refund.refundId);
      else if ('transaction' in answer) ids.add(answer.transaction.transactionId);
      // Nobody who has sent the same key with the same request may hear that it belongs to another one.
      if (answer.kind === 'key_reused' && sent.key !== null && !sent.contested) {
        violations.push(`invariant 8: the key ${sent.key} did not know its own request`);
      }
    }
    const payments = [...transactions.values()].filter(
      (row) => sent.kind === 'pay' && row.user_id === sent.request.user_id,
    );
    const made = [...ids, ...payments.map((row) => String(row.transaction_id))];
    if (sent.key !== null && !areDaysApart(made)) {
      violations.push(`invariant 8: the key ${sent.key} stands for ${[...new Set(made)].join(' and ')}`);
    }
    const refused = sent.answers.some(
      (ending) => ending.kind === 'answer' && ['gateway_down', 'invalid_amount'].includes(ending.answer.kind),
    );
    if (sent.kind === 'pay' && sent.answers.length === 1 && refused && payments.length > 0) {
      violations.push(`invariant 3: a request that was refused left ${payments[0]?.transaction_id}`);
    }
  }
}

/** In each database, a key stands for one payment: a booking that has its place in another one is another matter. */
function checkKeysOfDatabases(
  { sent }: Callers,
  transactions: Ledger['transactions'],
  databases: number,
  violations: string[],
): void {
  const madeUnder = new Map<string, string[]>();
  const byUser = Map.groupBy(transactions, ([, row]) => row.user_id);
  for (const one of sent) {
    if (one.kind !== 'pay' || one.sentUnder === null) continue;
    const { booking_id, user_id } = one.request;
    const scope = `${one.sentUnder} in database ${databaseOfBooking(booking_id, databases)}`;
    const made = (byUser.get(user_id) ?? []).map(([id]) => id);
    madeUnder.set(scope, [...(madeUnder.get(scope) ?? []), ...made]);
  }
  for (const [scope, ids] of madeUnder) {
    if (!areDaysApart(ids)) violations.push(`invariant 8: ${scope} was claimed by ${ids.join(' and ')}`);
  }
}

/** A key is forgotten after a day; what comes under it then is another request. Clocks may be off by a second each. */
function areDaysApart(ids: readonly string[]): boolean {
  const timesMs = [...new Set(ids)].map((id) => decodeTime(id.slice(4, 30))).sort((a, b) => a - b);
  return timesMs.every((timeMs, index) => index === 0 || timeMs - (timesMs[index - 1] ?? 0) > KEY_LIFETIME_MS - 5_000);
}
