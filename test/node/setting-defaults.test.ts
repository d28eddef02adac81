/** What operators find in files is what the Worker's table of variables has. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { readSettings } from '../../src/core/settings/settings.ts';
import { GENERATED_SECRETS, SECRETS, WORKER_SETTINGS } from '../../src/core/settings/variables.ts';
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
