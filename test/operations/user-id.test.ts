/** How `npm run gdpr` and the commands that need secrets are told what belongs on no command line. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { readArguments } from '../../src/cli/operator-arguments.ts';

const READ = `import('./src/cli/user-id.ts')
  .then(({ readUserId }) => readUserId(process.argv[1], 'erase'))
  .then((id) => console.log(JSON.stringify(id)), (error) => console.log(error.message))`;

function read(args: string[], input: string): string {
  return spawnSync(process.execPath, ['-e', READ, ...args], { input, encoding: 'utf8', timeout: 20_000 }).stdout.trim();
}

it.each<[string[], string, string]>([
  [['-'], 'user_123\n', '"user_123"'],
  [['-'], 'user with spaces', '"user with spaces"'],
  [['-'], '', 'erase which user?'],
  [['-'], '\n', 'erase which user?'],
  [['user_123'], 'another\n', '"user_123"'],
  // Without a terminal nobody can be asked.
  [[], 'user_123\n', 'erase which user?'],
])('a user’s id, given %j and %j on standard input, is %s', (args, input, expected) => {
  expect(read(args, input)).toBe(expected);
});

it('takes a file of secrets for the database on Cloudflare only', () => {
  expect(readArguments(['--remote', '--secrets-file', 'a'], []).place).toMatchObject({ secretsFile: 'a' });
  expect(() => readArguments(['--secrets-file', 'a'], [])).toThrow('.dev.vars');
});

it('refuses options that npm kept for itself, instead of working on another database than it was told', () => {
  const environment = { npm_config_remote: 'true', npm_lifecycle_event: 'gdpr' };
  expect(() => readArguments(['erase', '-'], [], environment)).toThrow(
    'npm kept --remote for itself: write `npm run gdpr -- … --remote …`',
  );
  expect(() => readArguments(['list', 'x'], ['from'], { npm_config_persist_to: 'true' })).toThrow('--persist-to');
  // Variables that npm always sets, and those of options which are not this command's, are none of its business.
  expect(
    readArguments([], [], { npm_config_yes: 'true', npm_config_json: 'true', npm_config_from: 'x' }).words,
  ).toEqual([]);
});
