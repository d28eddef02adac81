/** Makes what the queue's consumer and the cron work with, of Cloudflare's bindings and of settings. */
import { ulid } from 'ulid';
import type { BackgroundContext } from './background-context.ts';
import type { Bindings } from './bindings.ts';
import { postToBridge } from './events/bridge.ts';
import { chainHash } from './ledger/audit-chain.ts';
import { createLog, type LogFields } from './log.ts';
import { backgroundCaller, operationContext } from './operation-context.ts';
import { readSettings } from './settings.ts';

/**
 * @param actor who does the work, for the audit log
 * @param about what set the work off, for the log
 * @throws Error where the Worker is not configured: the queue keeps its batch, and D1 keeps the rest
 */
export function backgroundContext(env: Bindings, actor: 'queue' | 'cron', about: LogFields): BackgroundContext {
  const log = createLog(about);
  const read = readSettings(env);
  if ('problems' in read) {
    log('error', 'settings.invalid', { problems: read.problems.join('; ') });
    throw new Error('nothing is delivered or settled until the settings are right');
  }
  const { settings } = read;
  const bridge = { url: settings.bridgeUrl, signingSecret: settings.bridgeSigningSecret };
  const operation = operationContext(env.DB, settings, log, backgroundCaller(actor));
  return {
    operation,
    delivery: {
      db: operation.db,
      post: (events) => postToBridge(bridge, events, Date.now()),
      log,
      nowMs: Date.now,
      newLeaseId: ulid,
    },
    sender: { queue: env.PAYMENT_EVENTS, log },
    work: { queue: env.PAYMENT_WORK, log },
    chainHash,
    log,
  };
}
