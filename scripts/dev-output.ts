/**
 * The output of `npm run dev`: its own lines and those of its children, each with time and origin, and one line per request with
 * its result. For people, in colours where there is a terminal, or as JSON. Wrangler's banners and tables come again with each
 * change of a file, and would bury the rest.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import { decimalText } from '../src/core/domain/money.ts';

/** What `npm run dev` asks for to see whether the Worker answers. */
export const PROBE_PATH = '/is-it-there';

export type Origin = 'dev' | 'worker' | 'bridge' | 'gateway';
type Level = 'info' | 'warn' | 'error';
type Style = Parameters<typeof styleText>[0];
type Fields = Readonly<Record<string, unknown>>;
interface Entry {
  level: Level;
  /** What happened, by its name in the log; or else `text`. */
  event?: string;
  text?: string;
  fields?: Fields;
  /** Goes on with the line before, which has the mark of its level. */
  continued?: true;
}

export interface Output {
  /** Whether each line of the log is shown, and not only the one of its request. */
  readonly everything: boolean;
  /** One line of one of the parts. */
  show(origin: Origin, entry: Entry): void;
  /** For a person as it is; for a program as an event with these fields. */
  tell(event: string, text: string, fields: Fields): void;
}

export interface OutputOptions {
  json: boolean;
  colours: boolean;
  write?: (line: string) => void;
  now?: () => Date;
}

/** Whether standard output is for coloured text: of a terminal, unless NO_COLOR or FORCE_COLOR is set. */
export function wantsColours(): boolean {
  return styleText('red', 'x', { stream: process.stdout }) !== 'x';
}

const COLOUR_OF: Record<Origin, Style> = { dev: 'white', worker: 'cyan', bridge: 'magenta', gateway: 'blue' };
const ORIGIN_WIDTH = 7;

export function createOutput({ json, colours, write = console.log, now = () => new Date() }: OutputOptions): Output {
  const styled = (style: Style, text: string) => (colours ? styleText(style, text, { validateStream: false }) : text);
  if (json) {
    return {
      everything: true,
      show: (origin, { level, event, text, fields }) =>
        write(JSON.stringify({ time: now().toISOString(), origin, level, event, message: text, ...fields })),
      tell: (event, _, fields) =>
        write(JSON.stringify({ time: now().toISOString(), origin: 'dev', level: 'info', event, ...fields })),
    };
  }
  return {
    everything: false,
    show(origin, entry) {
      const start = `${styled('dim', clock(now()))}  ${styled(COLOUR_OF[origin], origin.padEnd(ORIGIN_WIDTH))}`;
      write(`${start}  ${entry.event === ANSWERED ? requestLine(entry, styled) : plainLine(entry, styled)}`);
    },
    tell: (_, text) => write(text),
  };
}

type Styled = (style: Style, text: string) => string;

/** The time of day on this machine, to the millisecond. */
export function clock(time: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two);
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function plainLine({ level, event, text = event ?? '', fields = {}, continued }: Entry, styled: Styled): string {
  if (event === BATCH && level === 'info') {
    const { delivered, duration_ms } = fields;
    return `${delivered === 1 ? '1 event' : `${delivered} events`} confirmed by RabbitMQ  ${styled('dim', `${duration_ms} ms`)}`;
  }
  const values = named(fields);
  if (level === 'info') return values === '' ? text : `${text}  ${styled('dim', values)}`;
  const mark = level === 'error' ? styled(['bold', 'white', 'bgRed'], 'ERROR') : styled(['bold', 'yellow'], 'WARN');
  const said = styled(level === 'error' ? 'red' : 'yellow', [text, values].filter(Boolean).join('  '));
  return continued ? said : `${mark} ${said}`;
}

/** The line of an answered request: status, result and, last, the id to search the log for. */
function requestLine({ fields = {} }: Entry, styled: Styled): string {
  const { method, path, status, duration_ms, outcome, request_id, ...rest } = fields;
  const { error_code, reason, booking_id, transaction_id, refund_id, amount_minor, currency, ...more } = rest;
  const code = Number(status);
  const style = code >= 500 ? (['bold', 'red'] as const) : code >= 400 ? 'yellow' : 'green';
  const money =
    typeof amount_minor === 'number' && typeof currency === 'string'
      ? `${decimalText(amount_minor, currency)} ${currency}`
      : named({ amount_minor });
  const what = [outcome, error_code ?? reason, money, booking_id, refund_id, transaction_id].filter(Boolean).join(' ');
  const start = `${styled(style as Style, String(status))} ${`${duration_ms} ms`.padStart(8)}  ${`${method} ${path}`.padEnd(21)}`;
  const least = named({ ...more, request_id });
  return [start, what, least && styled('dim', least)].filter((part) => part !== '').join('  ');
}

function named(fields: Fields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${asText(value)}`)
    .join(' ');
}

function asText(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

/** Logged by src/worker/dev.ts and by the emulator's reader below. */
const ANSWERED = 'http.answered';
/** Their request's line contains the same. */
const ON_THE_WAY = ['refund.requested', 'gateway.answered'];
/** The bridge's line of a batch. */
const BATCH = 'relay.batch';

/** What is logged after an answer is of one of the last requests. */
const REMEMBERED_REQUESTS = 1_000;

/** Wrangler's own line of a request, which the Worker's own has in it. */
const REQUEST = /^\[wrangler:\w+\] (?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /;
/** Wrangler shows a Worker's console.warn and console.error as its own warnings and errors. */
const SEVERITY = /^(?:[✘▲] \[(ERROR|WARNING)\]|\[wrangler:(error|warn)\]) (.*)$/u;
const WRANGLER_WARNINGS = /^Scheduled Workers are not automatically triggered|Request\.cf/;
const RELOADING = /^⎔ Reloading/u;
/** Of the build of the pages, which has nothing to say unless it fails. */
const BUILD_FAILED = /^\[custom build\] (?!Running: )(.+)$/;
const CHATTER =
  /^(?:─|⎔|❓|🪵|╭|│|╰|\[wrangler:|\[custom build\]|The file \S+ changed, restarting build|Binding\s+Resource|env\.|Your Worker has access to|Using \w+ defined|Cloudflare collects)/u;

/** Takes the lines of `wrangler dev`. `isStarted`: whether the Worker has answered; before that, only errors are of interest. */
export function workerLines(isStarted: () => boolean, output: Output): (line: string) => void {
  /** Of the line before: a message goes on in lines that are indented. */
  let last: Level | null = null;
  /** What has been logged of requests that are not answered yet; null of those that are. */
  const logged = new Map<string, { event: string; fields: Fields }[] | null>();

  function showLogged({ level: given, event: name, ...fields }: Record<string, unknown>): void {
    const event = String(name);
    const level: Level = given === 'error' || given === 'warn' ? given : 'info';
    if (event === ANSWERED && fields.path === PROBE_PATH) return;
    const requestId = String(fields.request_id);
    if (output.everything) output.show('worker', { level, event, fields });
    else if (event === ANSWERED) showAnswered(fields, requestId);
    else {
      const isOpen = fields.request_id !== undefined && logged.get(requestId) !== null;
      if (isOpen) logged.set(requestId, [...(logged.get(requestId) ?? []), { event, fields }]);
      // Warnings and errors are shown at once; the rest is in the line of its request.
      if (level !== 'info' || !isOpen) output.show('worker', { level, event, fields });
    }
  }

  function showAnswered(answered: Fields, requestId: string): void {
    const lines = logged.get(requestId) ?? [];
    logged.delete(requestId);
    logged.set(requestId, null);
    for (const oldest of logged.keys()) {
      if (logged.size <= REMEMBERED_REQUESTS) break;
      logged.delete(oldest);
    }
    const results = lines.filter(({ event }) => !ON_THE_WAY.includes(event));
    // Of a webhook, what came of the payment or the refund says more than that it was handled.
    const result = results.findLast(({ event }) => event !== 'webhook.handled') ?? results.at(-1);
    const fields = Object.assign({}, ...lines.map(fieldsOfRequest), answered, { outcome: result?.event });
    output.show('worker', { level: 'info', event: ANSWERED, fields });
  }

  return function onLine(raw) {
    const line = stripVTControlCharacters(raw).trimEnd();
    const severity = SEVERITY.exec(line);
    const [, marked, tagged, text = line] = severity ?? [];
    const ownLine = parsedLog(text);
    if (REQUEST.test(line)) last = null;
    else if (severity !== null && WRANGLER_WARNINGS.test(text)) last = null;
    else if (ownLine !== null) {
      last = null;
      showLogged(ownLine);
    } else if (severity !== null) {
      last = /^err/i.test(marked ?? tagged ?? '') ? 'error' : 'warn';
      output.show('worker', { level: last, text });
    } else if (BUILD_FAILED.test(line)) {
      last = null;
      output.show('worker', { level: 'error', text: BUILD_FAILED.exec(line)?.[1] ?? line });
    } else if (RELOADING.test(line)) {
      last = null;
      logged.clear();
      if (isStarted()) output.show('worker', { level: 'info', text: 'reloaded' });
    } else if (line !== '') {
      if (/^\S/.test(line)) last = isStarted() && !CHATTER.test(line) ? 'info' : null;
      if (last !== null) output.show('worker', { level: last, text: line, continued: true });
    }
  };
}

/** A gateway's answer by names of its own: the request has an id and a duration as well. */
function fieldsOfRequest({ event, fields }: { event: string; fields: Fields }): Fields {
  if (event !== 'gateway.answered') return fields;
  const { gateway, call, outcome, provider_code, cause, duration_ms } = fields;
  return { gateway, [`${call}`]: outcome, provider_code, cause, gateway_ms: duration_ms };
}

/** Takes the bridge's lines, which are pino's. What repeats itself is shown once. */
export function bridgeLines(output: Output): (line: string) => void {
  let last = '';
  return function onLine(raw) {
    const entry = entryOfPino(raw);
    const line = JSON.stringify(entry);
    if (line !== last) output.show('bridge', entry);
    last = line;
  };
}

const WARN = 40;
const ERROR = 50;

function entryOfPino(line: string): Entry {
  const logged = parsedLog(line);
  if (logged === null) return { level: 'error', text: line };
  const { level, time: _, service: __, msg, err, ...fields } = logged;
  const { message, code } = (err ?? {}) as { message?: string; code?: string };
  return {
    level: Number(level) >= ERROR ? 'error' : Number(level) >= WARN ? 'warn' : 'info',
    event: String(msg),
    fields: { ...fields, ...(err !== undefined && { error: message || code }) },
  };
}

const EMULATED_CALL = /^([A-Z]+) (\S+) (\d{3}|dropped) (\d+) ms$/;
/** The Worker's line of the request contains the same. */
const TAKEN_WEBHOOK = /^webhook \S+ 2\d\d$/;

/** Takes the gateway emulator's lines. */
export function emulatorLines(output: Output): (line: string) => void {
  return function onLine(line) {
    const [, method, path, status, duration_ms] = EMULATED_CALL.exec(line) ?? [];
    if (TAKEN_WEBHOOK.test(line)) return;
    if (method === undefined) output.show('gateway', { level: 'info', text: line });
    else output.show('gateway', { level: 'info', event: ANSWERED, fields: { method, path, status, duration_ms } });
  };
}

function parsedLog(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
