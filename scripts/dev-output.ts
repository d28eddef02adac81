/**
 * What `npm run dev` shows of its children's output: requests, log lines and errors. Wrangler's banners and tables come
 * again with each change of a file, and would bury them.
 */
import { stripVTControlCharacters } from 'node:util';

/** What `npm run dev` asks for to see whether the Worker answers. */
export const PROBE_PATH = '/is-it-there';

type Show = (line: string) => void;

const REQUEST = /^\[wrangler:\w+\] ((?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) .*)$/;
/** Wrangler shows what a Worker says with console.warn and console.error as its own warnings and errors. */
const SEVERITY = /^(?:[✘▲] \[(ERROR|WARNING)\]|\[wrangler:(error|warn)\]) (.*)$/u;
const WRANGLER_WARNINGS = /^Scheduled Workers are not automatically triggered|Request\.cf/;
const CHATTER =
  /^(?:─|⎔|❓|🪵|╭|│|╰|\[wrangler:|Binding\s+Resource|env\.|Your Worker has access to|Using \w+ defined|Cloudflare collects)/u;

/** Takes the lines of `wrangler dev`. `isStarted`: whether the Worker has answered; before that, only errors are of interest. */
export function workerLines(isStarted: () => boolean, show: Show): (line: string) => void {
  /** Of the line before: a message goes on in lines that are indented. */
  let shown = false;

  return function onLine(raw) {
    const line = stripVTControlCharacters(raw).trimEnd();
    const request = REQUEST.exec(line)?.[1];
    const severity = SEVERITY.exec(line);
    if (request !== undefined) {
      shown = isStarted() && !request.includes(PROBE_PATH);
      if (shown) show(`worker  ${request}`);
    } else if (severity !== null) {
      const [, marked, tagged, text = ''] = severity;
      shown = !WRANGLER_WARNINGS.test(text);
      if (shown) show(`worker  ${isJson(text) ? text : `${marked ?? tagged?.toUpperCase()} ${text}`}`);
    } else if (line !== '') {
      if (/^\S/.test(line)) shown = isJson(line) || (isStarted() && !CHATTER.test(line));
      if (shown) show(`worker  ${line}`);
    }
  };
}

/** Takes the bridge's lines, which are pino's, and shows each as `event field=value …`. What repeats itself is shown once. */
export function bridgeLines(show: Show): (line: string) => void {
  let last = '';
  return function onLine(raw) {
    const line = `bridge  ${readable(raw)}`;
    if (line !== last) show(line);
    last = line;
  };
}

/**
 * The emulator's lines that are left out: settings, because this Worker has been given them already, and the order, because one in this
 * Worker's currency is among the payments to try.
 */
const FOR_OTHER_WORKERS = /\.dev\.vars:$|^\s+(STRIPE|PAYPAL|PAYMENT)_\w+=|^\s+an approved order/;

/** Takes the gateway emulator's lines. Where some are left out, their blank lines are as well. */
export function emulatorLines(show: Show): (line: string) => void {
  let last = '';
  return function onLine(line) {
    if (FOR_OTHER_WORKERS.test(line) || (line === '' && last === '')) return;
    show(line && `gateway ${line}`);
    last = line;
  };
}

const WARN = 40;
const ERROR = 50;

function readable(line: string): string {
  if (!isJson(line)) return line;
  const { level, time: _, service: __, msg, err, ...fields } = JSON.parse(line);
  const severity = level >= ERROR ? 'ERROR ' : level >= WARN ? 'WARN ' : '';
  const values = Object.entries(err === undefined ? fields : { ...fields, error: err.message || err.code });
  return [`${severity}${msg}`, ...values.map(([name, value]) => `${name}=${asText(value)}`)].join(' ');
}

function asText(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

function isJson(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
