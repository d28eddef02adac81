/** What all commands of `payctl` have in common: help, refused arguments, and no option that npm kept. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ended, npxPayctl, payctl } from '../support/operator-command.ts';
import { copyProject } from '../support/project-copy.ts';

const COMMANDS: Record<string, readonly string[]> = {
  find: [],
  show: [],
  refund: [],
  capture: [],
  void: [],
  resolve: [],
  resend: [],
  keys: ['create', 'list', 'revoke', 'rotate'],
  events: ['status', 'replay'],
  audit: ['export', 'verify', 'show'],
  export: ['payments', 'refunds', 'settlement'],
  archive: ['list', 'print', 'restore'],
  'personal-data': ['export', 'erase'],
  reconcile: [],
  disputes: [],
  shards: [],
  'gateway-check': [],
};
const GROUPS = Object.keys(COMMANDS);
const LEAVES = Object.entries(COMMANDS).flatMap(([name, verbs]) =>
  verbs.length === 0 ? [[name]] : verbs.map((verb) => [name, verb]),
);
const NO_DATABASE = ['gateway-check'];
const ALL = [[], ...GROUPS.map((name) => [name]), ...LEAVES.filter(({ length }) => length > 1)];

// Each starts processes, which a busy machine does slowly.
vi.setConfig({ testTimeout: 60_000 });

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'payctl-'));
});
afterAll(() => rmSync(home, { recursive: true }));

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => payctl(args, { home, env });

const helps = new Map<string, Promise<Ended>>();
/** The help of a command, printed once for all tests: each start takes a second. */
function helpOf(words: readonly string[]): Promise<Ended> {
  const name = words.join(' ');
  const help = helps.get(name) ?? run([...words, '--help']);
  helps.set(name, help);
  return help;
}

describe('--help', () => {
  it.each(ALL.map((words) => [words.join(' '), words] as const))(
    'of `payctl %s` has examples and exit codes',
    async (_, words) => {
      const { exitCode, stdout, stderr } = await helpOf(words);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: npx ${['payctl', ...words].join(' ')} `));
      const [, examples = '', codes = ''] = /\nExamples:\n(.*)\n\nExit codes:\n(.*)$/s.exec(stdout) ?? [];
      expect(examples).toMatch(/^ {2}# .*\n {2}\$ npx payctl /);
      expect(codes).toMatch(/^ {2}0 +\w.*^ {2}2 +\w/ms);
    },
  );

  it.each(LEAVES.map((words) => [words.join(' '), words] as const))(
    'of `payctl %s` offers JSON, and names the options that choose a database',
    async (name, words) => {
      const { stdout } = await helpOf(words);
      expect(stdout).toContain('--json');
      const places = ['--remote ', '--env <name>', '--persist-to <dir>', '--secrets-file <file>'];
      const hasDatabase = !NO_DATABASE.includes(name.replace(' ', ','));
      expect(places.map((option) => stdout.includes(option))).toEqual(places.map(() => hasDatabase));
    },
  );

  it('is what a command without its verb prints, as an error', async () => {
    for (const name of GROUPS.filter((group) => COMMANDS[group]?.length !== 0)) {
      const { exitCode, stdout, stderr } = await run([name]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      for (const verb of COMMANDS[name] ?? []) expect(stderr).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
    }
  });
});

describe('an argument that is wrong', () => {
  it.each([
    ['kyes list', 'unknown command', 'keys'],
    ['keys lisst', 'unknown command', 'list'],
    ['keys create Shop --scope admin', 'unknown option', '--scopes'],
    ['events statsu', 'unknown command', 'status'],
    ['events replay --form 2026-11-22', 'unknown option', '--from'],
    ['audit verfy', 'unknown command', 'verify'],
    ['audit export --remot', 'unknown option', '--remote'],
    ['audit show --subjct TXN-1', 'unknown option', '--subject'],
    ['export setlement', 'unknown command', 'settlement'],
    ['export refunds --form 2026-11-22', 'unknown option', '--from'],
    ['disputes --opne', 'unknown option', '--open'],
    ['personal-data exprot', 'unknown command', 'export'],
    ['personal-data erase - --tenat x', 'unknown option', '--tenant'],
    ['reconcile --jsno', 'unknown option', '--json'],
    ['shards --remot', 'unknown option', '--remote'],
    ['gateway-check --aproval-seconds 0', 'unknown option', '--approval-seconds'],
    ['refnud TXN-1', 'unknown command', 'refund'],
    ['refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --amuont 5', 'unknown option', '--amount'],
    ['resolve --dealtwith', 'unknown option', '--dealt-with'],
  ])('`payctl %s` is refused, and the nearest known one is named', async (line, why, nearest) => {
    const { exitCode, stdout, stderr } = await run(line.split(' '));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: ${why} '\\S+'\n\\(Did you mean ${nearest}\\?\\)\nUsage: npx payctl`));
  });

  it.each([
    ['export payments --to 2026-11-23', "required option '--from <time>' not specified"],
    ['export payments --from 2026-11-23', "required option '--to <time>' not specified"],
    ['export refunds --from 2026-11-23 --to 2026-11-22', 'must be before --to'],
    ['audit show', "required option '--subject <id>' not specified"],
    ['keys list --created-before soon', 'It must be a time'],
    ['reconcile yesterday', "too many arguments for 'reconcile'"],
    ['reconcile --remote --persist-to x', "'--remote' cannot be used with option '--persist-to <dir>'"],
    ['find BOOK-1 --env staging', '--env requires --remote'],
    [
      'reconcile --secrets-file x',
      '--secrets-file requires --remote; the secrets of a local database are in .dev.vars',
    ],
    ['refund TXN-1', 'It must be the id of a payment (TXN-…). npx payctl find BOOKING lists the payments of a booking'],
    ['refund BOOK-9', 'It must be the id of a payment (TXN-…). npx payctl find BOOK-9 lists the payments of a booking'],
    ['refund 4111-1111-1111-1111', 'npx payctl find BOOKING lists'],
    [
      'refund REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD',
      'npx payctl show REF-01M84N7ZMCZCJ1ZC4MRCMVD5CD shows the payment of this refund',
    ],
    ...['0', '-5', '1.0005', '5,00', 'abc'].map(
      (amount) =>
        [
          `refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --amount ${amount}`,
          'It must be more than 0, with a decimal point and at most as many decimals as the currency has, such as 5.00.',
        ] as [string, string],
    ),
    ['capture BOOK-9', 'npx payctl find BOOK-9 lists'],
    ['capture', "missing required argument 'payment'"],
    ['void TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --wait 1h', '0 to 3600'],
    ['resend', 'resend takes ids of events, payments or refunds, or --booking'],
    [
      'resend BOOK-1',
      'It must be the id of an event (evt_…), of a payment (TXN-…) or of a refund (REF-…). npx payctl find BOOK-1 lists',
    ],
    ['resolve --retry', 'resolve requires the id of a case'],
    [
      'resolve BOOK-1 --retry',
      'It must be an id as `payctl resolve` lists it: TXN-…, REF-… or TXN-…/REFERENCE. npx payctl find BOOK-1 lists',
    ],
    ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'one of --retry, --as and --dealt-with'],
    ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --retry --as failed --reason x', 'one of --retry, --as and --dealt-with'],
    ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --as failed', '--reason is required'],
    ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --as completed --reason x', '--as completed requires --reference'],
    ['resolve TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --as refunded --reason x', 'Allowed choices are completed, failed'],
    ['find --status paid', 'Allowed choices are pending, authorized, completed, failed, refunded'],
    ['find --from soon', 'It must be a time such as 2026-11-22, 2026-11-22T18:30:00Z, today or yesterday.'],
    ['find --from today --to yesterday', 'must be before --to'],
    ['find --limit 0', 'It must be a whole number from 1 to 10000.'],
    ['find --user user_123', "the shell's history would keep it"],
    [
      'find TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --status failed --tenant cinema-2',
      'names one payment: leave out --status, --tenant',
    ],
    [
      'show BOOK-1',
      'It must be the id of a payment (TXN-…) or of a refund (REF-…). npx payctl find BOOK-1 lists the payments of a booking',
    ],
    ['audit show --subject TXN-1/', 'It must be the id of a payment, refund, key or dispute, or TXN-…/REFERENCE'],
    ['gateway-check --approval-seconds 3601', '0 to 3600'],
    ['gateway-check --approval-seconds soon', '0 to 3600'],
    ['gateway-check --approval-seconds=', '0 to 3600'],
  ])('`payctl %s` is refused, and says why', async (line, why) => {
    const { exitCode, stdout, stderr } = await run(line.split(' '));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(why);
  });

  it.each([
    ['keys list --remote --secrets-file /none', 'There is no file /none'],
    ['keys list --remote --secrets-file /tmp', '/tmp is a directory, not a file'],
    ['refund TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD --remote --secrets-file /none/x', 'There is no file /none/x'],
    ['audit verify /none', 'There is no file /none'],
    ['audit verify /tmp', '/tmp is a directory, not a file'],
    ['audit verify /dev/null/x', '/dev/null is not a directory'],
  ])('is a file that cannot be read: `payctl %s`', async (line, why) => {
    const { exitCode, stdout, stderr } = await run(line.split(' '));
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: `${why}\n` });
  });
});

describe('an option that npm kept for itself', () => {
  it.each([
    ['keys list', { npm_config_remote: 'true' }, '--remote'],
    ['personal-data erase -', { npm_config_remote: 'true' }, '--remote'],
    ['events status', { npm_config_persist_to: 'true' }, '--persist-to'],
    ['reconcile', { npm_config_from: '2026-11-22' }, '--from'],
  ])('is refused, instead of working on something else: `payctl %s` with %j', async (line, env, option) => {
    const { exitCode, stdout, stderr } = await run(line.split(' '), env as Record<string, string>);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: npm kept ${option} for itself: use \`npx payctl\``));
  });

  it('is none that npm always sets, and none of another command', async () => {
    const env = { npm_config_yes: 'true', npm_config_json: 'true', npm_config_from: 'x' };
    const { stderr } = await run(['events', 'status', '--persist-to', join(home, 'nowhere')], env);
    expect(stderr).toContain('There is no local database');
    const refund = ['refund', 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', '--persist-to', join(home, 'nowhere')];
    expect((await run(refund, env)).stderr).toContain('There is no local database');
  });
});

describe('the bin of package.json', () => {
  it('runs the command through npx, with its arguments and its exit code, from any folder of the project', async () => {
    const place = { home, cwd: 'docs' };
    const [help, wrong] = await Promise.all([
      npxPayctl(['reconcile', '--help'], place),
      npxPayctl(['reconcile', '--json', '--dry-run'], place),
    ]);
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: npx payctl reconcile /);
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining("'--dry-run'") });
  });

  it('says what to do where the dependencies are not installed', async () => {
    const project = copyProject();
    try {
      rmSync(join(project.directory, 'node_modules'));
      const ended = await npxPayctl(['keys', 'list'], { home, cwd: project.directory });
      expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('run `npm ci` in ') });
    } finally {
      project.remove();
    }
  });

  it('names the command that migrates the database that was asked for', async () => {
    mkdirSync(join(home, 'v3/d1'), { recursive: true });
    const { exitCode, stdout, stderr } = await run(['keys', 'list', '--persist-to', home]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^The database lacks tables or columns \(.*\bdatabase_place\b.*\): run `(.*)`\n$/);
    expect(stderr).toContain(`run \`npm run dev -- --persist-to ${home}\``);
  }, 30_000);

  it('ends when its reader has read enough', async () => {
    const command = 'src/cli/launch.mjs reconcile --help | head -n 1';
    const { stdout, stderr } = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
    expect({ stdout, stderr }).toEqual({ stdout: 'Usage: npx payctl reconcile [options]\n', stderr: '' });
  });

  it('fails where its output cannot be written, with the exit code for that', () => {
    const command = 'src/cli/launch.mjs reconcile --help > /dev/full';
    const { status, stderr } = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
    expect(stderr).toMatch(/^The output could not be written: ENOSPC\b.*\n$/);
    expect(status).toBe(2);
  });
});
