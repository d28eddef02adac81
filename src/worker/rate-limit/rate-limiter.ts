/**
 * Counts the requests of one client address, in a Durable Object of its own. Every admission is in storage before it is
 * answered, because an idle object loses its memory after some ten seconds and a deployment takes it at any moment.
 */
import { DurableObject } from 'cloudflare:workers';
import { type Admission, admit, type Window } from './sliding-window.ts';

const ADMISSIONS = 'admissions';
/** An address that has been silent for longer than the longest window has nothing left to remember. */
const IDLE_AFTER_MS = 61_000;

export class RateLimiter extends DurableObject<Env> {
  /** Ascending, in milliseconds; undefined until they are read from storage. */
  private admissions: number[] | undefined;

  /** Judges one request of this address now. */
  async admit(windows: Window[]): Promise<Admission> {
    this.admissions ??= this.ctx.storage.kv.get<number[]>(ADMISSIONS) ?? [];
    const forgotten = this.admissions.length === 0;
    // A clock that was set back must not make room.
    const nowMs = Math.max(Date.now(), this.admissions.at(-1) ?? 0);

    const { admission, admissions } = admit(this.admissions, nowMs, windows);
    this.admissions = admissions;
    if (admission.admitted) this.ctx.storage.kv.put(ADMISSIONS, admissions);
    if (forgotten) await this.ctx.storage.setAlarm(nowMs + IDLE_AFTER_MS);
    return admission;
  }

  /** Clears the storage of an address that has gone silent; comes back later if it has not. */
  override async alarm(): Promise<void> {
    const lastAtMs = this.ctx.storage.kv.get<number[]>(ADMISSIONS)?.at(-1) ?? 0;
    const idleAtMs = lastAtMs + IDLE_AFTER_MS;
    if (Date.now() < idleAtMs) {
      await this.ctx.storage.setAlarm(idleAtMs);
      return;
    }
    this.admissions = undefined;
    await this.ctx.storage.deleteAll();
  }
}
