/** How commands ask: for the id of a user, which belongs on no command line, and before they erase data, move money or end a payment. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { confirms, readUserId, requireConfirmation, type Terminal } from '../../src/cli/prompt.ts';

/** @param typed is given as the answer to the first question; undefined ends the input instead */
function terminal(typed: string | undefined): Terminal & { shown(): string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stderr = new PassThrough();
  let shown = '';
  stderr.on('data', (text) => {
    if (shown === '') stdin.end(typed === undefined ? '' : `${typed}\n`);
    shown += text;
  });
  return { stdin, stderr, shown: () => shown };
}

function piped(input: string): Terminal {
  const stdin = new PassThrough();
  stdin.end(input);
  return { stdin, stderr: new PassThrough() };
}

it.each<[string[], string, string]>([
  [['-'], 'user_123\n', 'user_123'],
  [['-'], 'user with spaces', 'user with spaces'],
  [['-'], 'first\nsecond\n', 'first'],
])('given %j and %j on standard input, the id is %s', async (args, input, userId) => {
  expect(await readUserId(args, piped(input))).toEqual({ kind: 'read', userId });
});

it.each<[string[], string]>([
  [['-'], ''],
  [['-'], '\n'],
  // Without a terminal nobody can be asked.
  [[], 'user_123\n'],
])('given %j and %j on standard input, there is no id', async (args, input) => {
  expect(await readUserId(args, piped(input))).toMatchObject({
    kind: 'none',
    reason: expect.stringContaining('no user id'),
  });
});

it.each([[['user_123']], [['-', 'user_123']], [['user_123', '-']]])(
  'an id is never an argument: %j is refused, and not repeated',
  async (args) => {
    const read = await readUserId(args, piped('another\n'));
    expect(read).toEqual({ kind: 'none', reason: expect.stringContaining('is not accepted as an argument') });
    expect(JSON.stringify(read)).not.toContain('user_123');
  },
);

it('asks for the id at a terminal, on standard error', async () => {
  const person = terminal('user_123');
  expect(await readUserId([], person)).toEqual({ kind: 'read', userId: 'user_123' });
  expect(person.shown()).toMatch(/^User id: /);
});

it('does nothing where the person ends the prompt, as with Ctrl-C', async () => {
  await expect(readUserId([], terminal(undefined))).rejects.toThrow(/^Nothing was done$/);
});

it.each([
  ['y', true],
  ['YES', true],
  ['n', false],
  ['', false],
  ['yellow', false],
  [undefined, false],
])('the answer %j to a question at a terminal is %s', async (typed, confirmed) => {
  const person = terminal(typed);
  expect(await confirms('Erase?', person)).toBe(confirmed);
  expect(person.shown()).toMatch(/^Erase\? \[y\/N\] /);
});

describe('before money moves', () => {
  it.each(['y', 'Yes', ' y '])('%j is a yes', async (typed) => {
    const person = terminal(typed);
    await requireConfirmation('Refund 5.00 USD?', false, person);
    expect(person.shown()).toContain('Refund 5.00 USD? [y/N] ');
  });

  it.each(['', 'n', 'yse', undefined])('%j is a no', async (typed) => {
    await expect(requireConfirmation('Refund?', false, terminal(typed))).rejects.toThrow('Nothing was done');
  });

  it('a pipe is nobody who could be asked, whatever is in it', async () => {
    await expect(requireConfirmation('Refund?', false, piped('y\n'))).rejects.toThrow(
      'Not confirmed, so nothing was done: there is no terminal. Pass --yes to skip the question',
    );
  });

  it('--yes is not asked', async () => {
    const person = terminal('n');
    await requireConfirmation('Refund?', true, person);
    expect(person.shown()).toBe('');
  });
});
