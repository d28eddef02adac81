/** `payctl keys`, `payctl personal-data` and `payctl audit`, as an operator runs them, on the database of a service that is running. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import { createCipher } from '../../src/core/security/cipher.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../data/local-variables.ts';
import { localDatabase, writeLocalDatabase } from '../support/local-database.ts';
import { type Ended, npxPayctl, payctl } from '../support/operator-command.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const FORMER_KEY = btoa('the-former-key-of-the-operators!');
const CURRENT_KEY = LOCAL_SECRETS.ENCRYPTION_KEY;
/** A Worker in the middle of a rotation: what the former key has sealed, it can still open. */
const ROTATING = { AUTH_MODE: 'api_key', ENCRYPTION_KEY: CURRENT_KEY, ENCRYPTION_KEY_PREVIOUS: FORMER_KEY };
/** Three steps of a rotation, and some. Every other one is stored plain, as by a version that had no keys. */
const FORMER_PAYMENTS = 3_500;
/** Of these, those that are still to be told. */
const FORMER_EVENTS = 300;
const PAYMENTS_AT_ONCE = 3;
const ROTATE_ATTEMPTS = 3;

let stack: Stack;
/** The commands read its .dev.vars, and no developer's. */
let project: ProjectCopy;

beforeAll(async () => {
  project = copyProject();
  const lines = Object.entries({ ...LOCAL_VARIABLES, ...ROTATING }).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(project.directory, '.dev.vars'), lines.join(''));
  stack = await startStack('operator-security', rabbitmqUrl(), ROTATING);
});
afterAll(async () => {
  await stack?.stop();
  project?.remove();
});

type Command = 'keys' | 'personal-data' | 'audit';

const place = () => ({ home: stack.directory, cwd: project.directory });
const run = (command: Command, ...args: string[]) => payctl([command, ...args], place());
const runHere = (command: Command, ...args: string[]) => run(command, ...args, '--persist-to', stack.directory);
/** The id is piped in, since it is never an argument. */
const ofUser = (userId: string, verb: 'export' | 'erase', ...options: string[]) =>
  payctl(['personal-data', verb, '-', ...options, '--persist-to', stack.directory], {
    ...place(),
    input: `${userId}\n`,
  });

/** As `payctl keys create` makes one, without the seconds that it takes to start. */
async function newKey(tenant = 'default'): Promise<string> {
  const scopes = ['payments:write', 'refunds:write', 'payments:read'] as const;
  const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', { tenant, scopes, expiresAtMs: null });
  writeLocalDatabase(
    stack.directory,
    `INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms) VALUES (?, ?, 'of a test', ?, ?, 0)`,
    ...[made.keyId, tenant, scopes.join(' '), made.keyHash],
  );
  return made.key;
}

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
const payWith = (key: string, payment: Record<string, unknown>) => pay(stack.worker.url, payment, bearer(key));

async function paid(key: string, payment: Record<string, unknown>) {
  const booking = newBooking();
  const { code, body } = await payWith(key, { booking_id: booking, ...payment });
  expect(code).toBe(200);
  return { booking, transactionId: String(body.transaction_id) };
}

function refund(
  key: string,
  { booking, transactionId }: Awaited<ReturnType<typeof paid>>,
  [user_id, reason]: [userId: string, reason: string],
) {
  const request = { booking_id: booking, original_transaction_id: transactionId, refund_amount: 5, reason, user_id };
  return post(stack.worker.url, '/payment/refund', request, bearer(key));
}

function read<Value>(ask: (database: ReturnType<typeof localDatabase>) => Value): Value {
  const database = localDatabase(stack.directory);
  try {
    return ask(database);
  } finally {
    database.close();
  }
}

const count = (sql: string) => read((database) => database.count(sql));
/** Of a query whose one column is JSON. */
const rows = (sql: string) => read((database) => database.column(sql)).map((row) => JSON.parse(row));

describe('payctl keys', () => {
  it('makes a key and prints it, and nothing else, on standard output; from its revocation on, the key is refused', async () => {
    const scopes = ['--scopes', 'payments:write,payments:read', '--expires', '2099-01-01'];
    const made = await npxPayctl(['keys', 'create', 'Till 1', ...scopes, '--persist-to', stack.directory], place());
    expect(made).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^psk_test_[\w-]+\n$/),
      stderr: expect.stringMatching(
        /^key_\w+ "Till 1" of the tenant default: .*, until 2099-01-01T00:00:00Z\n.* cannot be shown again/,
      ),
    });
    const key = made.stdout.trim();
    const [keyId = ''] = made.stderr.split(' ');
    expect((await payWith(key, {})).code).toBe(200);

    const list = await runHere('keys', 'list');
    expect(list).toMatchObject({ exitCode: 0, stderr: '' });
    expect(list.stdout).toMatch(
      new RegExp(`^${keyId}  valid until 2099-01-01T00:00:00Z  default  Till 1  \\S+  \\S+Z  \\S+Z$`, 'm'),
    );
    expect(JSON.parse((await runHere('keys', 'list', '--json')).stdout)).toContainEqual({
      key_id: keyId,
      name: 'Till 1',
      tenant: 'default',
      scopes: ['payments:write', 'payments:read'],
      created_at: expect.any(String),
      expires_at: '2099-01-01T00:00:00Z',
      revoked_at: null,
      last_used_at: expect.any(String),
    });
    expect(list.stdout).not.toMatch(/psk_|[0-9a-f]{32}/);

    expect(await runHere('keys', 'revoke', keyId)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`${keyId} "Till 1" was revoked at `),
    });
    expect((await payWith(key, {})).code).toBe(401);
  });

  it('lists the keys that depend on a former API_KEY_SECRET: created before it was replaced, and still accepted', async () => {
    const insert = (id: string, createdAtMs: number, expiresAtMs: number | null, revokedAtMs: number | null) =>
      writeLocalDatabase(
        stack.directory,
        `INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms, expires_at_ms, revoked_at_ms)
         VALUES (?1, 'default', 'of a test', 'payments:read', 'hash of ' || ?1, ?2, ?3, ?4)`,
        ...[id, createdAtMs, expiresAtMs, revokedAtMs],
      );
    const replacedAtMs = Date.UTC(1975, 5, 1);
    insert('key_former', replacedAtMs - 1, null, null);
    insert('key_former_and_expired', replacedAtMs - 2, replacedAtMs, null);
    insert('key_former_and_revoked', replacedAtMs - 3, null, replacedAtMs);
    insert('key_new', replacedAtMs, null, null);
    const listed = async (time: string) =>
      JSON.parse((await runHere('keys', 'list', '--json', '--created-before', time)).stdout) as { key_id: string }[];
    const ids = (await listed('1975-06-01')).map(({ key_id }) => key_id);
    expect(ids).toContain('key_former');
    expect(ids.filter((id) => /expired|revoked|new/.test(id))).toEqual([]);
    expect(await runHere('keys', 'list', '--created-before', '1969-01-01')).toMatchObject({
      exitCode: 0,
      stdout: 'There are no keys from before 1969-01-01T00:00:00Z that are still accepted\n',
    });
  });
});

describe('payctl personal-data', () => {
  it('exports a user, and erases them: from the rows, and from events that still wait', async () => {
    const [userId, address, reason] = ['ada-77', 'ada77@example.com', 'Ada broke her leg'];
    const ada = { user_id: userId, user_email: address };
    const [shop, another] = [await newKey(), await newKey('another')];
    const [first, second] = [await paid(shop, ada), await paid(shop, ada)];
    const elsewhere = await paid(another, ada);
    const bob = await paid(shop, { user_id: 'bob-77', user_email: 'bob77@example.com' });
    expect((await refund(shop, first, [userId, reason])).code).toBe(200);
    const pendingBooking = newBooking();
    const pending = await payWith(shop, {
      ...ada,
      booking_id: pendingBooking,
      card_details: card(TEST_CARDS.neverArrives),
    });
    expect(pending.body).toMatchObject({ status: 'pending' });

    const exported = await ofUser(userId, 'export');
    expect(exported).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(exported.stdout)).toMatchObject({
      tenant: 'default',
      user_id: userId,
      payments: [
        { transaction_id: first.transactionId, user_email: address, amount_minor: 2550, refunds: [{ reason }] },
        { transaction_id: second.transactionId, user_email: address, refunds: [], disputes: [] },
        { booking_id: pendingBooking, user_email: address, status: 'pending' },
      ],
    });

    const arrived = async (booking: string, events: number) => {
      await untilSwept(stack, 'it is told', () => stack.listener.of(booking).length >= events);
      return stack.listener.of(booking);
    };
    await arrived(second.booking, 1);
    const others = `SELECT json_array(transaction_id, user_id, sealed_email) FROM transactions
      WHERE transaction_id IN ('${elsewhere.transactionId}', '${bob.transactionId}')`;
    const before = rows(others);
    makeWait(second.booking, Number.MAX_SAFE_INTEGER);

    const erased = await ofUser(userId, 'erase');
    const [, pseudonym = ''] =
      /^2 payments have the user_id (erased_\w+) now, and no address\./.exec(erased.stdout) ?? [];
    expect(erased).toMatchObject({ exitCode: 1, stderr: `The pseudonym of the user is ${pseudonym}\n` });
    expect(erased.stdout).toMatch(/^1 payment is pending, or a refund of it is: run this again/m);
    expect(rows(others)).toEqual(before);
    expect(count(`SELECT count(*) FROM refunds WHERE reason = '${reason}'`)).toBe(0);
    expect(
      rows(`SELECT json_object('user_id', user_id, 'sealed_email', sealed_email) FROM transactions
        WHERE transaction_id IN ('${first.transactionId}', '${second.transactionId}')`),
    ).toEqual([
      { user_id: pseudonym, sealed_email: null },
      { user_id: pseudonym, sealed_email: null },
    ]);

    makeWait(second.booking, 0);
    await stack.worker.sweep();
    const [told, toldAgain] = await arrived(second.booking, 2);
    expect(told?.body).toMatchObject({ user_id: userId, user_email: address });
    expect(toldAgain?.body).toMatchObject({ user_id: pseudonym, user_email: null });
    expect((await refund(shop, second, [userId, 'Cancelled'])).code).toBe(400);
    expect((await refund(shop, second, [pseudonym, 'Cancelled'])).code).toBe(200);
  });
});

describe('payctl audit', () => {
  it('exports a log in which everybody is who did something, and verify finds what was done to it', async () => {
    const { transactionId } = await paid(await newKey(), { user_id: 'eve-77', user_email: 'eve77@example.com' });
    await stack.worker.sweep();
    const sealed = [...stack.worker.child.output().matchAll(/"audit\.sealed".*?"hash":"(\w{64})"/g)];
    const head = sealed.at(-1)?.[1] ?? '';

    const { exitCode, stdout, stderr } = await runHere('audit', 'export');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    // Chance puts any four digits into hashes, ids and times.
    const written = stdout.replaceAll(/\w{12,}|[\da-f-]{36}/g, '');
    expect(written).toContain('payment.attempted');
    expect(written).not.toMatch(/eve-?77|ada-?77|bob-?77|1111/);
    const lines = stdout.trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line));
    expect(entries.filter(({ subject }) => subject === transactionId)).toMatchObject([
      { action: 'payment.attempted', actor: expect.stringMatching(/^key:key_/), outcome: 'claimed' },
      { action: 'payment.ended', actor: expect.stringMatching(/^key:key_/), outcome: 'completed' },
    ]);
    const blocks = entries.flatMap(({ block }) => block ?? []);
    const sealedEntries = blocks.at(-1).last_sequence;
    const unsealed = entries.filter(({ sequence }) => sequence > sealedEntries).length;
    expect(entries).toContainEqual(
      expect.objectContaining({ action: 'audit.exported', actor: expect.stringMatching(/^operator:./) }),
    );

    const verify = (name: string, text: string) => {
      const file = join(stack.directory, name);
      writeFileSync(file, text);
      return run('audit', 'verify', file, '--head', head);
    };
    const forged = lines.with(1, String(lines[1]).replace('"outcome":"', '"outcome":"not '));
    const [whole, altered, cut, nowhere] = await Promise.all([
      verify('whole.jsonl', stdout),
      verify('altered.jsonl', forged.join('\n')),
      verify('cut.jsonl', lines.slice(0, sealedEntries - 1).join('\n')),
      run('audit', 'verify', join(stack.directory, 'nowhere.jsonl')),
    ]);
    expect(whole).toEqual({
      exitCode: 0,
      stdout: `Intact: ${sealedEntries} sealed entries, up to ${blocks.at(-1).hash}. Not sealed yet, and not verified: ${unsealed} at the end\n`,
      stderr: '',
    });
    expect(altered).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^Broken at block 1 to \d+: /) });
    expect(cut).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^Broken at the end: /) });
    expect(nowhere).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/^There is no file .*nowhere.jsonl\n$/),
    });
  });
});

describe('payctl keys rotate', () => {
  it(`seals ${FORMER_PAYMENTS} addresses anew while payments go on, and none of them is lost`, async () => {
    await insertFormerPayments();
    const shop = await newKey();
    const addresses = new Map<string, string>();
    for (let n = 1; n <= FORMER_EVENTS; n += 1) addresses.set(`FORMER-${n}`, `former${n}@example.com`);

    const codes: number[] = [];
    let isRotating = true;
    const load = Array.from({ length: PAYMENTS_AT_ONCE }, async () => {
      while (isRotating) {
        const booking_id = newBooking();
        addresses.set(booking_id, `${booking_id}@example.com`);
        codes.push((await payWith(shop, { booking_id, user_email: `${booking_id}@example.com` })).code);
      }
    });
    const [rotated] = await Promise.all([
      rotate().finally(() => {
        isRotating = false;
      }),
      ...load,
    ]);
    // Not what it says on standard error: there, workerd tells of each lock that it found taken.
    expect(rotated).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(' were re-encrypted') });
    expect(codes.length).toBeGreaterThan(PAYMENTS_AT_ONCE);
    expect(new Set(codes)).toEqual(new Set([200]));

    const { name, cipher } = await named(CURRENT_KEY);
    const otherwise = `user_email IS NOT NULL OR sealed_email NOT LIKE '${name}.%'`;
    expect(count(`SELECT count(*) FROM transactions WHERE ${otherwise}`)).toBe(0);
    const sealed = rows(
      'SELECT json_array(transaction_id, sealed_email) FROM transactions WHERE sealed_email IS NOT NULL',
    );
    expect(sealed.length).toBeGreaterThanOrEqual(FORMER_PAYMENTS + codes.length);
    // The former key is not needed any more.
    const opened = await Promise.all(sealed.map(([id, text]) => cipher.open(text, id)));
    expect(opened.filter((address) => address.startsWith('former')).toSorted()).toEqual(
      Array.from({ length: FORMER_PAYMENTS }, (_, index) => `former${index + 1}@example.com`).toSorted(),
    );

    const isTold = (booking: string) => stack.listener.of(booking).length > 0;
    await untilSwept(stack, 'all are told', () => [...addresses.keys()].every(isTold), { firstAfterMs: 0 });
    const told = stack.listener.received.filter(({ body }) => addresses.has(body.booking_id));
    expect(told.filter(({ body }) => body.user_email !== addresses.get(body.booking_id))).toEqual([]);
    console.log(
      `rotation: ${FORMER_PAYMENTS} of ${sealed.length} addresses rewritten, ${codes.length} payments meanwhile, ${told.length} events told`,
    );
  });
});

describe('what can’t be done', () => {
  it('is one line and the usage, with exit code 2', async () => {
    const cases = [
      ['keys', ['creat', 'Shop'], "unknown command 'creat'"],
      ['keys', ['create', 'Shop'], "required option '--scopes <scopes>' not specified"],
      ['keys', ['create', '--scopes', 'admin'], "missing required argument 'name'"],
      ['keys', ['create', 'Shop', '--scopes', 'payments'], '"payments" is not a scope'],
      ['keys', ['create', 'Shop', '--scopes', 'admin', '--expires', '2020-01-01'], 'is in the past'],
      ['keys', ['create', 'Shop', '--scopes', 'admin', '--tenant', 'ein Kino'], 'A tenant has up to 64 letters'],
      ['keys', ['revoke', 'Shop'], 'begins with key_'],
      ['keys', ['list', '--scopes', 'admin'], "unknown option '--scopes'"],
      ['keys', ['rotate', 'all'], "too many arguments for 'rotate'"],
      ['personal-data', ['erase'], 'no user id'],
      ['personal-data', ['erase', 'ada-77'], 'the id of a user is not accepted as an argument'],
      ['personal-data', ['export', '-', 'ada-77'], 'the id of a user is not accepted as an argument'],
      ['audit', ['verify', 'file', 'another'], "too many arguments for 'verify'"],
      ['audit', ['export', 'audit.jsonl'], "too many arguments for 'export'"],
      ['audit', ['verify', 'file', '--head', '12'], 'It must be 64 hexadecimal digits'],
    ] as const;
    await Promise.all(
      cases.map(async ([command, args, why]) => {
        const { exitCode, stdout, stderr } = await run(command, ...args);
        expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
        const [line, ...usage] = stderr.split('\n');
        expect(line).toContain(why);
        expect(usage.join('\n')).toMatch(new RegExp(`^Usage: npx payctl ${command} `, 'm'));
        expect(stderr).not.toContain('ada-77');
      }),
    );
  });
});

/** Here two processes write into one file. One that waits too long for the other gives up, and can be run again. */
async function rotate(): Promise<Ended> {
  let ended = await runHere('keys', 'rotate');
  for (let attempt = 2; ended.exitCode === 2 && attempt <= ROTATE_ATTEMPTS; attempt += 1)
    ended = await runHere('keys', 'rotate');
  return ended;
}

/** The one event of a booking is to be delivered once more, and not before this time. */
function makeWait(booking: string, nextAttemptAtMs: number): void {
  const sql = 'UPDATE events SET delivered_at_ms = NULL, attempts = 0, next_attempt_at_ms = ? WHERE booking_id = ?';
  expect(writeLocalDatabase(stack.directory, sql, nextAttemptAtMs, booking)).toBe(1);
}

async function named(key: string) {
  const cipher = createCipher({ key, previousKeys: [] });
  return { cipher, name: await cipher.keyName() };
}

/** As the former key has sealed them, and as a version before it has stored them. Events of some of them still wait. */
async function insertFormerPayments(): Promise<void> {
  const { cipher } = await named(FORMER_KEY);
  const payments = await Promise.all(
    Array.from({ length: FORMER_PAYMENTS }, async (_, index) => {
      const number = index + 1;
      const id = `TXN-${String(number).padStart(26, '0')}`;
      const address = `former${number}@example.com`;
      return number % 2 === 0
        ? { number, id, plain: address, sealed: null }
        : { number, id, plain: null, sealed: await cipher.seal(address, id) };
    }),
  );
  const json = JSON.stringify(payments);
  writeLocalDatabase(
    stack.directory,
    `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, user_email, sealed_email, status, currency,
       amount_minor, payment_method, gateway, created_at_ms, processed_at_ms)
     SELECT value ->> 'id', 'default', 'FORMER-' || (value ->> 'number'), 'former', value ->> 'plain', value ->> 'sealed',
       'completed', 'USD', 2550, 'paypal', 'sandbox', 1, 1 FROM json_each(?)`,
    json,
  );
  writeLocalDatabase(
    stack.directory,
    `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
     SELECT 'evt_' || (value ->> 'number'), 'default', 'FORMER-' || (value ->> 'number'), 'payment.success',
       value ->> 'id', 1 FROM json_each(?) LIMIT ?`,
    ...[json, FORMER_EVENTS],
  );
}
