/**
 * The few types of the Workers runtime that the code which Node also runs is written with. They are named one by one: the
 * rest of the runtime stays unknown here, so that code which needs it does not compile.
 */
import type * as workers from '@cloudflare/workers-types';

declare global {
  type D1Database = workers.D1Database;
  type D1PreparedStatement = workers.D1PreparedStatement;
  type D1Result<Row = unknown> = workers.D1Result<Row>;
  type Queue<Body = unknown> = workers.Queue<Body>;
  type QueueSendOptions = workers.QueueSendOptions;
  type MessageBatch<Body = unknown> = workers.MessageBatch<Body>;
  type Message<Body = unknown> = workers.Message<Body>;
}
