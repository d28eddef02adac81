/** The settings of this machine, .dev.vars. They can be completed any number of times; what a person wrote stays as it is. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { GENERATED_SECRETS } from '../core/settings/variables.ts';
import { PROJECT } from './project.ts';

const DEV_VARS = join(PROJECT, '.dev.vars');
const DEV_VARS_HEADING = '# Settings of this machine, made by `npm run setup`. Change what you like.\n';
const SECRET_BYTES = 32;
const VELOCITY_LIMITS = ['VELOCITY_PER_CARD', 'VELOCITY_PER_USER', 'VELOCITY_DECLINE_PERCENT'];

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64');
}

/** Writes into .dev.vars, or into another such file, what it lacks, and returns the names of that. */
export function completeDevVars(file = DEV_VARS): string[] {
  const defaults: [name: string, value: string][] = [
    ['ENVIRONMENT', 'development'],
    ['BRIDGE_URL', 'http://127.0.0.1:8004'],
    ...GENERATED_SECRETS.map((name): [string, string] => [name, newSecret()]),
    // What a desk does without: everybody may call, and the same test card pays as often as you like.
    ['AUTH_MODE', 'none'],
    ...VELOCITY_LIMITS.map((name): [string, string] => [name, '0']),
  ];
  const text = existsSync(file) ? readFileSync(file, 'utf8') : DEV_VARS_HEADING;
  const present = parseEnv(text);
  const missing = defaults.filter(([name]) => present[name] === undefined);
  if (missing.length === 0) return [];

  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  const lines = missing.map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, `${text}${separator}${lines.join('')}`, { mode: 0o600 });
  chmodSync(file, 0o600); // there is a secret in it now, and the mode above is for new files only
  return missing.map(([name]) => name);
}

/**
 * The text of a file such as .dev.vars, for values of any kind.
 *
 * @throws Error if a value cannot be quoted
 */
export function devVarsText(variables: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(variables)
    .map(([name, value = '']) => `${name}=${quoted(name, value)}\n`)
    .join('');
}

/** Wrangler reads no escape in single quotes and in backticks. */
function quoted(name: string, value: string): string {
  const quote = ["'", '`'].find((one) => !value.includes(one));
  if (quote === undefined) throw new Error(`${name} has a single quote and a backtick: use one of them at most`);
  return `${quote}${value}${quote}`;
}

/** Empty where there is no such file. */
export function readDevVars(file = DEV_VARS): Record<string, string | undefined> {
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
}
