/**
 * What Stripe's types ask of Node, and nothing more: found in place of Node's own types, it keeps those out of the Worker's
 * code (see tsconfig.worker.json). Of what is here, only node:crypto and node:zlib exist when the Worker runs.
 */
declare module 'node:crypto' {
  export class X509Certificate {
    constructor(pemOrDer: Uint8Array);
    /** As OpenSSL prints times: `Nov 29 11:11:48 2026 GMT`. */
    readonly validFrom: string;
    readonly validTo: string;
    readonly publicKey: { export(options: { type: 'spki'; format: 'der' }): Uint8Array };
  }
}
declare module 'node:zlib' {
  export function crc32(bytes: Uint8Array): number;
}
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
