/**
 * What Stripe's types ask of Node, and nothing more: found in place of Node's own types, it keeps those out of the Worker's
 * code (see tsconfig.worker.json). Nothing here exists when the Worker runs.
 */
declare module 'http' {
  export interface Agent {}
  export interface IncomingMessage {}
  export interface RequestOptions {}
}
declare module 'https' {
  export interface Agent {}
}
declare module 'events' {
  export class EventEmitter {}
}
type Buffer = object;
