/**
 * The id of a user, which is personal data: typed at a prompt or read from standard input, it is in no list of processes, no history of
 * a shell, and not in npm's log of commands.
 */
import { createInterface } from 'node:readline/promises';
import { BadArguments } from './operator-arguments.ts';

/**
 * @param argument of the command: an id, `-` for standard input, or undefined, which asks where there is a terminal
 * @throws BadArguments where there is no id
 */
export async function readUserId(argument: string | undefined, verb: string): Promise<string> {
  const { stdin } = process;
  if (argument !== undefined && argument !== '-') return nonEmpty(argument, verb);
  if (argument === undefined && !stdin.isTTY) return nonEmpty('', verb);
  // To standard error: what the command prints may be on its way into a file.
  const lines = createInterface({ input: stdin, output: stdin.isTTY ? process.stderr : undefined });
  if (stdin.isTTY) return nonEmpty(await lines.question('User id: ').finally(() => lines.close()), verb);
  for await (const line of lines) {
    lines.close();
    return nonEmpty(line, verb);
  }
  return nonEmpty('', verb);
}

function nonEmpty(userId: string, verb: string): string {
  if (userId === '') throw new BadArguments(`${verb} which user?`);
  return userId;
}
