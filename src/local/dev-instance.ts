/**
 * One `npm run dev` at a time works on a local database. It holds a lock there, which the kernel takes back however it ends, and
 * leaves a note of what it runs, so that an operator's command beside it works on the same database with the same gateways.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PROJECT } from './project.ts';

export interface DevInstance {
  pid: number;
  /** The directory of the local state. */
  state: string;
  servicePort: number;
  /** Where Stripe and PayPal are emulated; null where the gateways are those of .dev.vars. */
  emulatorPort: number | null;
}

const DEFAULT_STATE = join(PROJECT, '.wrangler/state');
/** What was paid with the emulator is known to nobody else: it stays apart from what a test key has paid. */
export const EMULATED_STATE = join(PROJECT, '.wrangler/emulated');
/** A file for each state that this clone has worked on, with its path: --persist-to can be anywhere. */
const STATES = join(PROJECT, '.wrangler/dev-states');
const LOCK_FILE = 'dev.lock';
const NOTE_FILE = 'dev.json';
/** A command that only looks whether somebody holds the lock has it for milliseconds. */
const CLAIM_DEADLINE_MS = 1_000;

/** @param persistTo as on the command line; null is wrangler's own place, .wrangler/state */
export function stateDirectory(persistTo: string | null): string {
  return persistTo === null ? DEFAULT_STATE : resolve(PROJECT, persistTo);
}

/** A path as a person in the project's directory writes it. */
export function shownPath(path: string): string {
  const fromProject = relative(PROJECT, path);
  return fromProject === '' || fromProject.startsWith('..') ? path : fromProject;
}

/** Claims the state for as long as this process lives, and leaves its note; answers with who has claimed it already, or null. */
export function claimState(instance: DevInstance): DevInstance | 'unknown' | null {
  mkdirSync(instance.state, { recursive: true });
  if (!tryLock(instance.state, 'EXCLUSIVE', CLAIM_DEADLINE_MS)) return noteIn(instance.state) ?? 'unknown';
  writeFileSync(join(instance.state, NOTE_FILE), JSON.stringify(instance));
  mkdirSync(STATES, { recursive: true });
  const name = createHash('sha256').update(instance.state).digest('hex').slice(0, 16);
  writeFileSync(join(STATES, name), instance.state);
  return null;
}

/** Those that run on states of this clone. */
export function runningInstances(): DevInstance[] {
  const states = existsSync(STATES) ? readdirSync(STATES).map((name) => readFileSync(join(STATES, name), 'utf8')) : [];
  return states.map(runningOn).filter((instance) => instance !== null);
}

/** The one that runs on this state, or null. */
export function runningOn(state: string): DevInstance | null {
  if (!existsSync(join(state, LOCK_FILE))) return null;
  return tryLock(state, 'IMMEDIATE', 0) ? null : noteIn(state);
}

/** The one that runs on this state, or was the last to do so; null where none ever did. */
export function lastInstanceOn(state: string): DevInstance | null {
  return noteIn(state);
}

/** Kept here, since a lock is lost with its connection. */
const held: DatabaseSync[] = [];

/** Whether the lock was free. An exclusive one stays with this process; an immediate one is given back at once. */
function tryLock(state: string, kind: 'EXCLUSIVE' | 'IMMEDIATE', timeoutMs: number): boolean {
  const lock = new DatabaseSync(join(state, LOCK_FILE), { timeout: timeoutMs });
  try {
    lock.exec(`BEGIN ${kind}`);
  } catch (error) {
    lock.close();
    if (error instanceof Error && /locked|busy/.test(error.message)) return false;
    throw error;
  }
  if (kind === 'EXCLUSIVE') held.push(lock);
  else lock.close();
  return true;
}

function noteIn(state: string): DevInstance | null {
  const file = join(state, NOTE_FILE);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // it is being written
  }
}
