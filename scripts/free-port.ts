/** Ports for servers that tests and scripts start. */
import { randomInt } from 'node:crypto';
import getPort from 'get-port';

/** Below those that systems give to connections: what starts late would find such a port taken. */
const FIRST = 15_000;
const LAST = 32_000;
const TRIES = 50;

export function freePort(options: { host?: string } = {}): Promise<number> {
  return getPort({ ...options, port: Array.from({ length: TRIES }, () => randomInt(FIRST, LAST)) });
}
