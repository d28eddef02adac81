/** Records requests, their whole answers and the events that they publish, with what differs between two runs replaced. */
import { vi } from 'vitest';
import { abridged } from '../data/abridged.ts';
import { newBridge } from './bridge.ts';
import { consumeMessages, recordingQueue } from './queue.ts';
import { type Answer, type RequestOptions, sendWith } from './request.ts';

/** In the middle of every window in which attempts are counted. */
const STARTS_AT_MS = Date.UTC(2030, 0, 1, 12, 5);
/** A text of a request that is longer is recorded by its ends and its length. */
const TEXT_MAX_LENGTH = 400;
const LINE_MAX_LENGTH = 130;

const ULID = /\b(TXN-|REF-|evt_)[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export interface RecordOptions extends RequestOptions {
  /** Replace variables of the Worker. */
  variables?: Record<string, string>;
  /** In place of the Worker's database, and not recorded. */
  database?: D1Database;
}

type RecordedHeaders = Record<string, string | null>;

interface Entry {
  name: string;
  variables?: Record<string, string>;
  request: { method: string; path: string; headers?: RecordedHeaders; body?: unknown };
  answer: { status: number; headers: RecordedHeaders; body: unknown };
  /** The bodies that the bridge is sent. */
  published: unknown[];
}

export interface Recorder {
  /** Sends a request through the service, publishes its events, and records all of it. */
  ask(name: string, method: string, path: string, options?: RecordOptions): Promise<Answer>;
  /** Has a text, such as an API key, recorded under this name. */
  hide(secret: string, name: string): void;
  /** Moves the clock, which stands still otherwise. */
  wait(ms: number): void;
  /** All that was recorded, as JSON text. */
  text(): string;
}

/** The clock has to be faked: times are recorded as they are. */
export function newRecorder(): Recorder {
  vi.setSystemTime(STARTS_AT_MS);
  const entries: Entry[] = [];
  const masked = newMask();
  const queue = recordingQueue();

  /** Hands on what the answer put into the queue; answers with what came to the bridge. */
  async function publish(): Promise<unknown[]> {
    const messages = queue.sent.splice(0).map(({ body }) => body);
    const events = messages.filter(({ kind }) => kind === 'event');
    if (events.length === 0) return [];
    const bridge = newBridge();
    const fates = await consumeMessages(events, { BRIDGE_URL: bridge.url, PAYMENT_EVENTS: queue.binding });
    if (fates.some((fate) => fate !== 'acknowledged')) throw new Error(`events were not published: ${fates}`);
    // Without the ids of requests beside them, which have tests of their own.
    const published = (await bridge.posts()).map(({ body }) => JSON.stringify({ events: JSON.parse(body).events }));
    return published.map((batch) => asRead(masked(batch)));
  }

  return {
    async ask(name, method, path, { variables, database, ...options } = {}) {
      const bindings = { PAYMENT_EVENTS: queue.binding, ...variables, ...(database && { DB: database }) };
      const answer = await sendWith(bindings, method, path, options);
      const { body, headers } = options;
      entries.push({
        name,
        ...(variables && { variables }),
        request: {
          method,
          path: masked(path),
          ...(headers && { headers: JSON.parse(masked(JSON.stringify(headers))) }),
          ...(body !== undefined && { body: sent(body, masked) }),
        },
        answer: { status: answer.status, headers: headersOf(answer, masked), body: asRead(masked(answer.text)) },
        published: await publish(),
      });
      return answer;
    },
    hide: masked.hide,
    wait: (ms) => void vi.setSystemTime(Date.now() + ms),
    text: () => textOf(entries),
  };
}

/** Replaces ids by numbers in the order in which they are first seen, and hidden texts by their names. */
function newMask() {
  const numbers = new Map<string, string>();
  const names = new Map<string, string>();
  const counts: Record<string, number> = {};
  function numbered(id: string, kind: string): string {
    const known = numbers.get(id);
    if (known !== undefined) return known;
    counts[kind] = (counts[kind] ?? 0) + 1;
    const placeholder = `<${kind}${counts[kind]}>`;
    numbers.set(id, placeholder);
    return placeholder;
  }
  function mask(text: string): string {
    let result = text;
    for (const [secret, name] of names) result = result.replaceAll(secret, `<${name}>`);
    return result.replace(ULID, (id, kind: string) => numbered(id, kind));
  }
  return Object.assign(mask, {
    hide: (secret: string, name: string) => void names.set(secret, name),
    requestId: (id: string) => (UUID.test(id) ? numbered(id, 'request-') : id),
  });
}

function headersOf({ headers }: Answer, masked: ReturnType<typeof newMask>): RecordedHeaders {
  const all = [...headers].map(([name, value]) => [
    name,
    name === 'x-request-id' ? masked.requestId(value) : masked(value),
  ]);
  return Object.fromEntries(all);
}

/** An object, where nothing of the text is lost by that: its JSON is the text, byte for byte. */
function asRead(text: string): unknown {
  if (!text.startsWith('{')) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    return JSON.stringify(parsed) === text ? parsed : text;
  } catch {
    return text;
  }
}

function sent(body: unknown, masked: (text: string) => string): unknown {
  if (body instanceof Uint8Array)
    return { bytes: [...body].map((byte) => byte.toString(16).padStart(2, '0')).join(' ') };
  const text = masked(typeof body === 'string' ? body : JSON.stringify(body));
  if (text.length > TEXT_MAX_LENGTH && typeof body === 'string') return abridged(text);
  return typeof body === 'string' ? text : JSON.parse(text, (_, value) => (isLong(value) ? abridged(value) : value));
}

const isLong = (value: unknown): value is string => typeof value === 'string' && value.length > TEXT_MAX_LENGTH;

/** The headers of the first answer are stated once; each other names those in which it differs, with null for one that it lacks. */
function textOf(entries: Entry[]): string {
  const { 'x-request-id': _, ...usual } = entries[0]?.answer.headers ?? {};
  const requests = entries.map((entry) => {
    const { status, headers, body } = entry.answer;
    const names = [...new Set([...Object.keys(usual), ...Object.keys(headers)])].sort();
    const differing = names.filter((name) => headers[name] !== usual[name]);
    const own = Object.fromEntries(differing.map((name) => [name, headers[name] ?? null]));
    return { ...entry, answer: { status, headers: own, body } };
  });
  return `${json({ usual_headers: usual, requests })}\n`;
}

/** JSON with a line for whatever fits into one. */
function json(value: unknown, indent = ''): string {
  const line = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + line.length <= LINE_MAX_LENGTH) return line;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => json(member, inner))
    : Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${json(member, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.map((member) => inner + member).join(',\n')}\n${indent}${close}`;
}
