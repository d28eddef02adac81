/** Everything that a history takes place in: the Worker's isolates, and the systems around them. */
import type { StatementSync } from 'node:sqlite';
import { ulid } from 'ulid';
import type { PaymentMethod } from '../../src/contract/requests.ts';
import { consumeBatch } from '../../src/core/background/consume-queue.ts';
import { runCron } from '../../src/core/background/every-minute.ts';
import { type CircuitBreaker, type CircuitBreakers, newBreakersOf } from '../../src/core/circuit-breaker.ts';
import type { Context } from '../../src/core/context.ts';
import type { Gateway } from '../../src/core/gateways/gateway.ts';
import type { AccessToken } from '../../src/core/gateways/paypal/paypal-client.ts';
import { namedGateways } from '../../src/core/gateways/registry.ts';
import type { ProviderEvent } from '../../src/core/gateways/webhook.ts';
import type { D1Database } from '../../src/core/ledger/d1.ts';
import {
  type Database,
  type DatabasePlace,
  LedgerMisplaced,
  LedgerUnavailable,
  newDatabaseBreaker,
  newPatience,
  type Patience,
  STATEMENTS_PER_INVOCATION,
  type StatementBudget,
} from '../../src/core/ledger/database.ts';
import type { DatabaseSize } from '../../src/core/ledger/fill-level.ts';
import { accountsIn } from '../../src/core/ledger/providers/keep-gateway-account.ts';
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import { sendRest } from '../../src/core/outbox/send.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { STATEMENTS_PER_LOOK_UP } from '../../src/core/recovery/resolve.ts';
import { STATEMENTS_LEFT_TO_CALLER } from '../../src/core/recovery/resolve-due.ts';
import type { Cipher } from '../../src/core/security/cipher.ts';
import { readSettings } from '../../src/core/settings/settings.ts';
import { markOf, SHARDS_MAX, type Shards } from '../../src/core/shards.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { NOBODY, PLAIN_CIPHER } from '../support/plain-cipher.ts';
import { SimulatedArchive } from './archive.ts';
import { SimulatedBroker } from './broker.ts';
import { SentStatements, SimulatedDatabase, type StallManner } from './database.ts';
import { Faults } from './faults.ts';
import { SimulatedGateway } from './gateway.ts';
import type { Installation } from './installation.ts';
import type { MoneyMover } from './money-mover.ts';
import { Network } from './network.ts';
import { TENANT } from './places.ts';
import type { Plan } from './plan.ts';
import { SimulatedQueue } from './queue.ts';
import { type Random, seeded } from './random.ts';
import type { Row } from './read-ledger.ts';
import type { LaggingReplica } from './replica.ts';
import { SimulatedPayPal } from './simulated-paypal.ts';
import { SimulatedStripe } from './simulated-stripe.ts';
import type { SqliteD1 } from './sqlite-d1.ts';
import { type Process, replaceChance, SimulatedTime, useTime } from './time.ts';
import { SimulatedWebhooks } from './webhooks.ts';

/** A moment that no clock needs to be right about. */
export const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
const CRON_INTERVAL_MS = MINUTE_MS;
const ISOLATES = 2;
const MAX_CLOCK_SKEW_MS = 1_000;
/** Messages in one batch: of events and single look-ups, and of wake-ups, as wrangler.toml has it. */
const EVENTS_MAX_BATCH = 10;
const WORK_MAX_BATCH = 1;
/** Of an invocation by the queue or the clock: less than D1's thousand, so that a small backlog meets the limit. */
const STATEMENTS_MAX = STATEMENTS_LEFT_TO_CALLER + 3 * STATEMENTS_PER_LOOK_UP;
/** For each database but the first: as many as it has of the thousand where there are as many as can be. */
const STATEMENTS_OF_DATABASE = Math.floor(STATEMENTS_PER_INVOCATION / SHARDS_MAX);
/** A wrong deployment begins and ends within so long. */
const WRONG_FROM_MS = 3 * MINUTE_MS;
const WRONG_FOR_MS = 4 * MINUTE_MS;
const WRONG_ISOLATES_MAX = 2;
/** What a Worker answers that has no database to ask: it has done nothing, and has found nothing. */
const ANSWERS_WITHOUT_DATABASE = [
  'invalid_amount',
  'method_disabled',
  'holds_not_supported',
  'gateway_down',
  'gateway_not_configured',
  'not_confirmed',
];

const read = readSettings({
  ...LOCAL_VARIABLES,
  BRIDGE_URL: 'http://bridge.test',
  PAYMENT_AUTHENTICATION_MINUTES: '5',
  PAYMENT_HOLD_MINUTES: '8',
  RETENTION_DAYS: '1',
});
if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
/** Behind the lifetime of keys and the retention of events, and within a history. */
const settings = { ...read.settings, transactionsKeptDays: 2 };
/** So long a payment waits at most: for its payer, and then to be captured. */
export const WAITS_MAX_MS = (settings.authenticationMinutes + settings.holdMinutes) * 60_000;

/** One of the installation's databases, for a look behind D1's back. */
export interface WorldDatabase {
  readonly shard: number;
  readonly sqlite: SqliteD1['sqlite'];
}

/** What is bound to a Worker. */
interface Binding {
  database: SimulatedDatabase;
  /** Null: statuses are read from the database itself. */
  replica: SimulatedDatabase | null;
}

interface BoundDatabase extends Binding {
  place: DatabasePlace;
  breaker: CircuitBreaker;
  size: DatabaseSize;
}

interface Isolate {
  databases: BoundDatabase[];
  /** Whether they are other databases than the installation's, or in another order: then it must do nothing. */
  isMisplaced: boolean;
  breakersOf: (gateway: string) => CircuitBreakers;
  clockSkewMs: number;
  /** PayPal's access token, for as long as the isolate lives. */
  tokens: Map<string, AccessToken>;
  /** Whose the provider's keys are, as far as the isolate has asked. */
  accounts: Map<string, string>;
  processes: Map<Process, () => void>;
}

/** What came of an invocation, as whoever made it sees it. */
export type Ending<T> = { kind: 'answer'; answer: T } | { kind: 'error'; error: unknown } | { kind: 'died' };

/** What the contexts of an invocation have in common. */
interface Invocation {
  process: Process;
  isolate: Isolate;
  budget: StatementBudget;
  patience: Patience | null;
  log: Context['log'];
}

export class World {
  readonly time = new SimulatedTime(START_MS);
  readonly random: Random;
  readonly faults: Faults;
  readonly gateway: MoneyMover;
  readonly webhooks: SimulatedWebhooks;
  readonly queue: SimulatedQueue<QueueMessage>;
  readonly work: SimulatedQueue<WakeUp>;
  readonly broker: SimulatedBroker;
  /** Null: this installation has none. */
  readonly archive: SimulatedArchive | null;
  readonly databases: readonly WorldDatabase[];
  readonly #bindings: readonly Binding[];
  /** What was looked for in the databases, compiled for each. */
  readonly #queries = new Map<string, StatementSync[]>();
  readonly provider: Plan['provider'];
  /** What each database may hold; null: whatever comes. */
  databaseMaxBytes: number | null = null;
  /** Lines as they would be logged. */
  readonly log: string[] = [];
  /** What happened, for whoever reads a history that failed. */
  readonly trace: string[] = [];
  /** What must not happen, and did. */
  readonly violations: string[] = [];
  #isolates: Isolate[];
  #healed = false;
  /** What nobody waits for is done with a key of another account at the provider, until somebody puts that right. */
  #otherAccount = false;
  #lastProcess = 0;
  #nextCronIn = CRON_INTERVAL_MS;

  readonly #cipher: Cipher;
  /** Those that run in an isolate with the wrong databases. */
  readonly #misplaced = new WeakSet<Process>();

  constructor(plan: Plan, installation: Installation, cipher = PLAIN_CIPHER) {
    this.#cipher = cipher;
    this.provider = plan.provider;
    useTime(this.time);
    this.random = seeded(plan.chance);
    replaceChance(() => this.random.next());
    this.faults = new Faults(this.random, plan.faults, plan.faultRate);
    const network = new Network(this.time, this.faults, (process) => this.#kill(process));
    this.gateway = this.#newGateway(plan, network);
    this.webhooks = new SimulatedWebhooks(this.time, this.faults);
    this.queue = new SimulatedQueue(this.time, network, this.faults, EVENTS_MAX_BATCH);
    this.work = new SimulatedQueue(this.time, network, this.faults, WORK_MAX_BATCH);
    this.broker = new SimulatedBroker(this.time, network, this.faults);
    this.archive = plan.chance % 3 === 0 ? null : new SimulatedArchive(network, this.faults);
    this.databases = installation.databases.map(({ sqlite }, shard) => ({ shard, sqlite }));
    const sent = new SentStatements((process) => this.#statementsMax(process));
    sent.onTooMany = ({ name }) =>
      this.violations.push(`statements: ${name} sent more statements than D1 lets an invocation send`);
    const bind = (database: SqliteD1, replica: LaggingReplica | null): Binding => {
      if (replica !== null) replica.nowMs = () => this.time.nowMs;
      const reached = (d1: D1Database) => {
        const simulated = new SimulatedDatabase(d1, this.time, network, this.faults, sent);
        simulated.onBatch = (process) => this.#noteBatch(process);
        return simulated;
      };
      return {
        database: reached(replica?.followed ?? database.d1),
        replica: replica && reached(replica.d1),
      };
    };
    this.#bindings = installation.databases.map((database) => bind(database, database.replica));
    this.#isolates = Array.from({ length: ISOLATES }, () => this.#newIsolate());
    for (const queue of [this.queue, this.work]) {
      queue.consume = (messages) => void this.invoke('queue', (shards) => consumeBatch(shards, messages));
    }
    this.gateway.onNotice = (event) => this.webhooks.announce(event);
    this.webhooks.deliver = (event) => this.#deliver(event);
    this.webhooks.onTooLong = ({ type }) => this.violations.push(`deadline: the webhook ${type} was never answered`);
    this.#scheduleCron();
    if (this.faults.strike('other_account_deployed', 10)) {
      this.#otherAccount = true;
      const forMs = MINUTE_MS * (5 + this.random.below(40));
      this.time.after(forMs, () => (this.#otherAccount = false), null);
    }
    if (this.faults.strike('wrong_databases_deployed', 10)) {
      this.#deployWrongly(() => bind(installation.spare(), null));
    }
  }

  isolate(index: number): Isolate {
    const isolate = this.#isolates[index];
    if (isolate === undefined) throw new Error(`there is no isolate ${index}`);
    return isolate;
  }

  /** From now on, nothing goes wrong any more. */
  heal(): void {
    this.#healed = true;
    this.faults.heal();
    this.gateway.goDown(0);
    this.broker.goDown(0);
    this.stall(0);
    this.#otherAccount = false;
    this.#endWrongDeployment();
    for (const isolate of this.#isolates) isolate.clockSkewMs = 0;
  }

  /** Has D1 stall until then: all databases, or one. */
  stall(untilMs: number, manner: StallManner = 'in_order', shard: number | null = null): void {
    for (const [index, { database }] of this.#bindings.entries()) {
      if (shard === null || shard === index) database.stall(untilMs, manner);
    }
  }

  /** Called after each batch that a database has carried out. */
  onBatch: () => void = () => {};

  /** The rows of all databases, in their order. */
  all(sql: string, ...values: (string | number)[]): Row[] {
    const known = this.#queries.get(sql) ?? this.databases.map(({ sqlite }) => sqlite.prepare(sql));
    this.#queries.set(sql, known);
    return known.flatMap((query) => query.all(...values) as Row[]);
  }

  /** The first row, wherever it is. */
  get(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.all(sql, ...values)[0];
  }

  /** How often the cron comes from now on: years of it say no more than a few of its runs. */
  set cronIntervalMs(intervalMs: number) {
    this.#nextCronIn = intervalMs;
  }

  restart(index: number): void {
    this.trace.push(`${this.clock} isolate ${index} restarts`);
    const isolate = this.#isolates[index];
    if (isolate === undefined) return;
    this.#isolates[index] = this.#newIsolate(isolate);
    for (const process of [...isolate.processes.keys()]) this.#end(isolate, process);
  }

  get isolates(): readonly unknown[] {
    return this.#isolates;
  }

  get clock(): string {
    return `${((this.time.nowMs - START_MS) / 1_000).toFixed(3)} s`;
  }

  /**
   * Runs code of the Worker in an isolate, as a request, a batch or a cron would. `afterwards` is what is done when the
   * answer has gone out.
   */
  invoke<T>(
    name: string,
    run: (shards: Shards) => Promise<T>,
    afterwards: (shards: Shards, answer: T) => Promise<void> = async () => {},
    isolate: Isolate = this.random.pick(this.#isolates),
  ): Promise<Ending<T>> {
    this.#lastProcess += 1;
    const process: Process = { name: `${name}-${this.#lastProcess}`, alive: true };
    return new Promise((resolve) => {
      const finish = (ending: Ending<T>) => {
        if (ending.kind !== 'answer') this.trace.push(`${this.clock} ${process.name} ${describe(ending)}`);
        if (ending.kind === 'error') this.#judge(process.name, ending.error, isolate);
        if (ending.kind === 'answer' && isolate.isMisplaced) this.#judgeMisplaced(process, ending.answer);
        resolve(ending);
      };
      isolate.processes.set(process, () => finish({ kind: 'died' }));
      const begin = async () => {
        const shards = this.#compose(process, isolate);
        try {
          const answer = await run(shards);
          finish({ kind: 'answer', answer });
          await afterwards(shards, answer);
        } catch (error) {
          finish({ kind: 'error', error });
        }
        isolate.processes.delete(process);
      };
      this.time.after(0, () => void begin(), process);
    });
  }

  /** As the Worker's compose.ts does it. */
  #compose(process: Process, isolate: Isolate): Shards {
    if (isolate.isMisplaced) this.#misplaced.add(process);
    const log = (level: string, event: string, fields: object = {}) => {
      const line = JSON.stringify({ level, event, ...fields });
      this.log.push(line);
      this.trace.push(`${this.clock} ${process.name} ${line}`);
    };
    const budget = { left: this.#statementsMax(process) };
    const patience = isInBackground(process) ? null : newPatience(() => this.time.nowMs);
    const contexts: Context[] = [];
    const shards: Shards = {
      count: isolate.databases.length,
      at: (shard) => {
        const database = isolate.databases[shard];
        if (database === undefined) throw new Error(`there is no database number ${shard}`);
        contexts[shard] ??= this.#contextOf({ process, isolate, budget, patience, log }, database, shards);
        return contexts[shard];
      },
    };
    return shards;
  }

  #contextOf(
    { process, isolate, budget, patience, log }: Invocation,
    { database, replica, place, breaker, size }: BoundDatabase,
    shards: Shards,
  ): Context {
    const db: Database = {
      d1: database.seenBy(process),
      log,
      cipher: this.#cipher,
      author: NOBODY,
      place,
      breaker,
      budget,
      ...(this.databaseMaxBytes !== null && { fillLevel: { size, maxBytes: this.databaseMaxBytes } }),
      ...(replica && { replica: replica.seenBy(process) }),
      ...(patience && { patience }),
    };
    const nowMs = () => this.time.nowMs + isolate.clockSkewMs;
    // Payments go on with the right key, so that there is something to be wrong about.
    const otherAccount = this.#otherAccount && !process.name.startsWith('pay');
    const gateway = this.gateway.seenBy(process, { nowMs, tokens: isolate.tokens, otherAccount });
    const configured = {
      all: [gateway],
      forMethod: (method: PaymentMethod) => (gateway.methods.includes(method) ? gateway : null),
    };
    const newUlid = () => ulid(this.time.nowMs, () => this.random.next());
    return {
      settings,
      log,
      shard: place.shard,
      shards,
      db,
      gateways: namedGateways(configured, accountsIn(db, isolate.accounts)),
      breakersOf: isolate.breakersOf,
      reportBreaker: () => {},
      tenant: TENANT,
      network: null,
      nowMs,
      newId: (prefix) =>
        `${prefix}${newUlid()}${prefix === 'TXN-' || prefix === 'REF-' ? markOf(place.shard, place.shards) : ''}`,
      fingerprint: async (text) => `simulated:${hash(typeof text === 'string' ? text : text.reveal())}`,
      velocityHash: async (text) => hash(typeof text === 'string' ? text : text.reveal()),
      blockCodec: {
        blockHash: async (previous, entries) => hash(`${previous} ${JSON.stringify(entries)}`).padStart(64, '0'),
        // Members behind each other are one, as those of gzip are.
        pack: async (lines) => new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')),
        unpack: async (packed) => new TextDecoder().decode(packed).split('\n').slice(0, -1),
        // Objects have its first digits in their names.
        sha256: async (bytes) => hash(new TextDecoder().decode(bytes)).padEnd(64, '0'),
      },
      archive: this.archive?.seenBy(process) ?? null,
      relay: this.broker.seenBy(process),
      bridgeState: async () => 'ready',
      postAlert: null,
      eventQueue: this.queue.seenBy(process),
      workQueue: this.work.seenBy(process),
    };
  }

  #newGateway({ provider, chance, gatewayCanCancel, waitsAtProvider: waits }: Plan, network: Network): MoneyMover {
    const { time, faults } = this;
    if (provider === 'simulated') return new SimulatedGateway(time, network, faults, gatewayCanCancel);
    const trace = (line: string) => void this.trace.push(`${this.clock} ${line}`);
    const broke = (error: unknown) => this.#judge('the emulated provider', error);
    const surroundings = { time, network, faults, seed: chance + 1, waits, trace, broke };
    return provider === 'stripe' ? new SimulatedStripe(surroundings) : new SimulatedPayPal(surroundings);
  }

  async #deliver(event: ProviderEvent): Promise<boolean> {
    // It is signed with a secret that the other account does not have.
    if (this.#otherAccount) return false;
    const ending = await this.invoke(
      'webhook',
      (shards) => handleWebhook(shards, shards.at(0).gateways.all[0] as Gateway, event),
      (shards, answer) => sendRest(shards.at(answer.shard), { ...answer }),
    );
    return ending.kind === 'answer' && ending.answer.kind === 'handled';
  }

  /** A database that can't be reached is what callers and the platform have to expect; anything else is a bug. */
  #judge(name: string, error: unknown, isolate?: Isolate): void {
    const errors = error instanceof AggregateError ? error.errors : [error];
    const isExpected = (one: unknown) =>
      one instanceof LedgerUnavailable || (one instanceof LedgerMisplaced && isolate?.isMisplaced);
    for (const one of errors.filter((one) => !isExpected(one))) {
      this.violations.push(`bug: ${name} threw ${one instanceof Error ? one.stack : String(one)}`);
    }
  }

  /** With the wrong databases, a Worker answers only what it needs none for. */
  #judgeMisplaced({ name }: Process, answer: unknown): void {
    if (name.startsWith('queue')) return; // the batch was acknowledged or is to come again, without anything done
    const kind = (answer as { kind?: string } | null | undefined)?.kind;
    if (kind !== undefined && ANSWERS_WITHOUT_DATABASE.includes(kind)) return;
    // A webhook without our id is asked about at its provider before a database is.
    if (name.startsWith('webhook') && kind === 'later') return;
    this.violations.push(`place: ${name} was answered with ${kind} by a Worker that has the wrong databases`);
  }

  #noteBatch(process: Process): void {
    if (this.#misplaced.has(process)) {
      this.violations.push(`place: ${process.name} used a database that is not the one it is bound as`);
    }
    this.onBatch();
  }

  /** For a while there are isolates of a version that was deployed with the wrong bindings, beside those that are right. */
  #deployWrongly(spare: () => Binding): void {
    const { random } = this.faults;
    const right = this.#bindings;
    const turns = 1 + random.below(Math.max(1, right.length - 1));
    const isOfOne = right.length === 1;
    const wrong = random.pick([
      [...right, ...Array.from({ length: 1 + random.below(2) }, spare)],
      ...(isOfOne ? [] : [right.slice(0, turns), [...right.slice(turns), ...right.slice(0, turns)]]),
    ]);
    const fromMs = random.below(WRONG_FROM_MS);
    const begin = () => {
      if (this.#healed) return;
      this.trace.push(`${this.clock} a version with ${wrong.length} databases is deployed`);
      const isolates = 1 + random.below(WRONG_ISOLATES_MAX);
      for (let index = 0; index < isolates; index += 1) this.#isolates.push(this.#newIsolate(null, wrong));
    };
    this.time.after(fromMs, begin, null);
    this.time.after(fromMs + random.below(WRONG_FOR_MS), () => this.#endWrongDeployment(), null);
  }

  #endWrongDeployment(): void {
    const wrong = this.#isolates.filter(({ isMisplaced }) => isMisplaced);
    this.#isolates = this.#isolates.filter(({ isMisplaced }) => !isMisplaced);
    for (const isolate of wrong) for (const process of [...isolate.processes.keys()]) this.#end(isolate, process);
  }

  #statementsMax(process: Process): number {
    if (!isInBackground(process)) return STATEMENTS_PER_INVOCATION;
    return STATEMENTS_MAX + (this.#bindings.length - 1) * STATEMENTS_OF_DATABASE;
  }

  #kill(process: Process): void {
    const isolate = this.#isolates.find(({ processes }) => processes.has(process));
    if (isolate === undefined) return;
    if (this.faults.strike('isolate_dies', 2)) this.restart(this.#isolates.indexOf(isolate));
    else this.#end(isolate, process);
  }

  #end(isolate: Isolate, process: Process): void {
    process.alive = false;
    isolate.processes.get(process)?.();
    isolate.processes.delete(process);
  }

  /** @param former in whose place it is: it has the same bindings */
  #newIsolate(
    former: Isolate | null = null,
    bindings: readonly Binding[] = former?.databases ?? this.#bindings,
  ): Isolate {
    const off = !this.#healed && this.faults.strike('clock_is_off', 4);
    const clockSkewMs = off ? this.random.below(2 * MAX_CLOCK_SKEW_MS) - MAX_CLOCK_SKEW_MS : 0;
    return {
      databases: bindings.map(({ database, replica }, shard) => ({
        database,
        replica,
        place: { shard, shards: bindings.length, isConfirmed: false },
        breaker: newDatabaseBreaker(),
        size: { bytes: null },
      })),
      isMisplaced: former?.isMisplaced ?? bindings !== this.#bindings,
      breakersOf: newBreakersOf(),
      clockSkewMs,
      tokens: new Map(),
      accounts: new Map(),
      processes: new Map(),
    };
  }

  #scheduleCron(): void {
    this.time.after(
      this.#nextCronIn,
      () => {
        if (!this.faults.strike('cron_skipped')) void this.invoke('cron', runCron);
        this.#scheduleCron();
      },
      null,
    );
  }
}

const isInBackground = ({ name }: Process) => /^(queue|cron)-/.test(name);

function describe(ending: { kind: 'error'; error: unknown } | { kind: 'died' }): string {
  if (ending.kind === 'died') return 'died';
  return `failed: ${ending.error instanceof Error ? ending.error.message : String(ending.error)}`;
}

/** Tells texts apart; the real one is tested where there is Web Crypto. FNV-1a. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return (value >>> 0).toString(16);
}
