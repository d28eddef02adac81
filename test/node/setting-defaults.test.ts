/** What operators find in files is what the tables of variables have, of the Worker and of the bridge. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import type * as z from 'zod/mini';
import { BRIDGE_VARIABLES } from '../../src/bridge/settings.ts';
import { readSettings } from '../../src/core/settings/settings.ts';
import {
  type AnyVariable,
  GENERATED_SECRETS,
  SECRETS,
  VARIABLES,
  WORKER_SETTINGS,
} from '../../src/core/settings/variables.ts';
import { PRODUCTION_VARIABLES } from '../data/local-variables.ts';

const { vars } = readConfig({ config: 'wrangler.toml' }) as { vars: Record<string, string> };

it('wrangler.toml has each default as it is without it', () => {
  const read = readSettings({ ...vars, ...PRODUCTION_VARIABLES });
  expect(read.kind).toBe('valid');
  expect(read).toEqual(readSettings(PRODUCTION_VARIABLES));
});

it('wrangler.toml has no secret, and nothing that is not read', () => {
  const names = Object.keys(vars);
  expect(names.filter((name) => !WORKER_SETTINGS.has(name))).toEqual([]);
  expect(names.filter((name) => SECRETS.some((secret) => secret === name))).toEqual([]);
});

it('the Deploy button asks for each secret that every installation has', () => {
  expect(Object.keys(parseEnv(readFileSync('.dev.vars.example', 'utf8'))).toSorted()).toEqual(
    GENERATED_SECRETS.toSorted(),
  );
});

describe('docs/settings.md', () => {
  const workerTable = Object.values(VARIABLES).flatMap((area) => Object.values<AnyVariable>(area));

  it.each([
    ['Worker', workerTable],
    ['Bridge', Object.values(BRIDGE_VARIABLES)],
  ])('lists each setting of the %s, with its default', (section, table: { name: string; form: z.ZodMiniType }[]) => {
    const listed = documented(section);
    expect([...listed.keys()].toSorted()).toEqual(table.map(({ name }) => name).toSorted());
    for (const { name, form } of table) {
      const value = form.safeParse(undefined).data;
      const hasDefault = ['string', 'number', 'boolean'].includes(typeof value);
      expect(`${name}: ${listed.get(name)}`).toBe(`${name}: ${hasDefault ? value : null}`);
    }
  });
});

/** The defaults of a section's tables, by name; null where the page says in words when a setting is needed, or nothing. */
function documented(section: string): Map<string, string | null> {
  const page = readFileSync('docs/settings.md', 'utf8');
  const [, text = ''] = new RegExp(`^## ${section}$(.*?)^## `, 'ms').exec(page) ?? [];
  const rows = [...text.matchAll(/^\| (`[A-Z].*?) \|(.*?)\|/gm)].map(([, names = '', defaults = '']) => {
    const values = defaults.split(',').map((value) => /^`(.*)`$|^(\d+)$/.exec(value.trim()));
    return names.split(', ').map((name, index): [string, string | null] => {
      const value = values[index];
      // What is in words and has code in it, such as "with `http`", is no default.
      return [name.replaceAll('`', ''), value?.[1] ?? value?.[2] ?? null];
    });
  });
  return new Map(rows.flat());
}
