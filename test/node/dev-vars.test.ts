/** Settings as wrangler reads them from a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { unstable_getVarsForDev } from 'wrangler';
import { devVarsText } from '../../src/local/dev-vars.ts';

const directory = mkdtempSync(join(tmpdir(), 'dev-vars-'));
afterAll(() => rmSync(directory, { recursive: true }));

it.each(['a"b', String.raw`a\b\n`, 'pa$HOME', "it's", '`', '# no comment', ' space ', '', 'two\nlines'])(
  '%j is read as it was written',
  (value) => {
    writeFileSync(join(directory, '.dev.vars'), devVarsText({ BEFORE: 'x', JWT_SECRET_KEY: value, AFTER: 'y' }));
    const read = unstable_getVarsForDev(join(directory, 'wrangler.toml'), undefined, {}, undefined, true);
    expect(read).toMatchObject({ BEFORE: { value: 'x' }, JWT_SECRET_KEY: { value }, AFTER: { value: 'y' } });
  },
);

it('a value that cannot be quoted is refused by its name', () => {
  expect(() => devVarsText({ JWT_SECRET_KEY: "'`" })).toThrow('JWT_SECRET_KEY has a single quote and a backtick');
});
