/** What the queue's consumer and the cron work with. */
import type { DeliveryContext } from './events/delivery-context.ts';
import type { ChainHash } from './ledger/audit-chain.ts';
import type { Log } from './log.ts';
import type { OperationContext } from './operations/context.ts';
import type { Sender } from './queue/send.ts';
import type { WorkSender } from './queue/work.ts';

export interface BackgroundContext {
  operation: OperationContext;
  delivery: DeliveryContext;
  sender: Sender;
  work: WorkSender;
  /** Of the audit log's hash chain. */
  chainHash: ChainHash;
  log: Log;
}
