/** A desk: a person who runs `payctl` beside a service that requires keys, with a gateway whose faults a test chooses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import type { Scope } from '../../src/core/security/credential.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../data/local-variables.ts';
import { localDatabase, writeLocalDatabase } from './local-database.ts';
import { type Ended, payctl } from './operator-command.ts';
import { startPaymentGateway } from './payment-gateway.ts';
import { copyProject } from './project-copy.ts';
import { rabbitmqUrl } from './run.ts';
import { newBooking, pay, type Stack, startStack } from './stack.ts';
import { untilSwept } from './until-swept.ts';

const WITH_KEYS = { AUTH_MODE: 'api_key' };
const GATEWAY_DEADLINE_MS = 1_000;
export const ALL_SCOPES: readonly Scope[] = ['payments:write', 'refunds:write', 'payments:read'];

export type Desk = Awaited<ReturnType<typeof startDesk>>;

/** @param name of the stack */
export async function startDesk(name: string) {
  // The commands read its .dev.vars, and no developer's.
  const project = copyProject();
  const lines = Object.entries({ ...LOCAL_VARIABLES, ...WITH_KEYS }).map(
    ([variable, value]) => `${variable}=${value}\n`,
  );
  writeFileSync(join(project.directory, '.dev.vars'), lines.join(''));
  const gateway = await startPaymentGateway();
  const stack = await startStack(name, rabbitmqUrl(), {
    ...WITH_KEYS,
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: gateway.url,
    PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    PAYMENT_GATEWAY_TIMEOUT_MS: String(GATEWAY_DEADLINE_MS),
    PAYMENT_GATEWAY_HOLDS: 'true',
  });
  const newKey = (scopes: readonly Scope[], tenant?: string) => insertKey(stack, scopes, tenant);
  const key = await newKey(ALL_SCOPES);
  const atDesk = (args: readonly string[], env: Record<string, string> = { PAYMENT_API_KEY: key }): Promise<Ended> =>
    payctl([...args, '--persist-to', stack.directory], { home: stack.directory, cwd: project.directory, env });

  async function paid(overrides: Record<string, unknown> = {}): Promise<{ booking: string; id: string }> {
    const booking = newBooking();
    const request = { booking_id: booking, ...overrides };
    const { body } = await pay(stack.worker.url, request, { Authorization: `Bearer ${key}` });
    return { booking, id: String(body.transaction_id) };
  }

  return {
    gateway,
    stack,
    project,
    /** Of all scopes. */
    key,
    newKey,
    atDesk,
    /** One that goes through the API. */
    order: (args: readonly string[], env?: Record<string, string>) => atDesk([...args, '--url', stack.worker.url], env),
    paid,
    /** A payment whose charge was answered by nobody, and of which the gateway can say nothing: as after the ten minutes that this takes. */
    async undetermined(): Promise<{ booking: string; id: string }> {
      gateway.fault = ({ kind }) =>
        kind === 'charge' || kind === 'lookup_charge' ? { kind: 'drop' } : { kind: 'normal' };
      const payment = await paid();
      const sql = 'UPDATE transactions SET undetermined_at_ms = created_at_ms WHERE transaction_id = ?';
      if (writeLocalDatabase(stack.directory, sql, payment.id) !== 1) throw new Error('there is no such payment');
      return payment;
    },
    async eventsOf(booking: string, count: number) {
      await untilSwept(stack, `${count} events of ${booking}`, () => stack.listener.of(booking).length >= count);
      return stack.listener.of(booking).map(({ routingKey, body }) => ({ type: routingKey, eventId: body.event_id }));
    },
    /** Who has done what to it, oldest first: as `actor action outcome`. */
    auditOf: (subject: string) =>
      columnOf(
        stack,
        `SELECT substr(actor, 1, instr(actor || ':', ':') - 1) || ' ' || action || ' ' || outcome FROM audit_entries
         WHERE subject = '${subject}' ORDER BY sequence`,
      ),
    requestIdsOf(subjects: readonly string[], actions: readonly string[]): string[] {
      const list = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join(', ');
      return columnOf(
        stack,
        `SELECT request_id FROM audit_entries WHERE subject IN (${list(subjects)}) AND action IN (${list(actions)})`,
      );
    },
    async stop(): Promise<void> {
      await stack.stop();
      await gateway.stop();
      project.remove();
    },
  };
}

/** As `payctl keys create` makes one, without the seconds that it takes to start. */
export async function insertKey(
  { directory }: Pick<Stack, 'directory'>,
  scopes: readonly Scope[],
  tenant = 'default',
): Promise<string> {
  const made = await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', { tenant, scopes, expiresAtMs: null });
  writeLocalDatabase(
    directory,
    `INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms) VALUES (?, ?, 'of a test', ?, ?, 0)`,
    ...[made.keyId, tenant, scopes.join(' '), made.keyHash],
  );
  return made.key;
}

function columnOf({ directory }: Stack, sql: string): string[] {
  const database = localDatabase(directory);
  try {
    return database.column(sql);
  } finally {
    database.close();
  }
}
