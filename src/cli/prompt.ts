/**
 * What commands ask a person for: confirmation, and the id of a user. That is personal data: it is read from a prompt or standard input and is
 * never an argument, so that it does not appear in process lists, shell histories or npm's logs.
 */
import { createInterface } from 'node:readline/promises';

type Input = NodeJS.ReadableStream & { isTTY?: boolean };

export interface Terminal {
  stdin: Input;
  /** For questions: what the command prints may be on its way into a file. */
  stderr: NodeJS.WritableStream;
}

/**
 * @param args of the command: `-` for standard input, or none, which asks where there is a terminal
 * @returns the id, or why there is none
 * @throws Error where the person ends the prompt, as with Ctrl-C
 */
export async function readUserId(
  args: readonly string[],
  { stdin, stderr }: Terminal = process,
): Promise<{ kind: 'read'; userId: string } | { kind: 'none'; reason: string }> {
  if (args.length > 1 || (args.length === 1 && args[0] !== '-')) {
    return {
      kind: 'none',
      reason:
        "the id of a user is not accepted as an argument, because the shell's history would keep it: type it at the prompt, or pipe it in with -",
    };
  }
  const isPiped = args.length === 1;
  const userId = isPiped ? await firstLine(stdin) : stdin.isTTY ? await ask('User id: ', { stdin, stderr }) : '';
  if (userId === null) throw new Error('Nothing was done');
  return userId === ''
    ? { kind: 'none', reason: 'no user id: type it at the prompt, or pipe it in with -' }
    : { kind: 'read', userId };
}

/** Asks for confirmation before an irreversible step, unless the id comes from a pipe. */
export async function confirms(question: string, { stdin, stderr }: Terminal = process): Promise<boolean> {
  if (!stdin.isTTY) return true;
  return asksYesOrNo(question, { stdin, stderr });
}

/**
 * Asks for confirmation before something that moves money or ends a payment.
 *
 * @param yes whether it was given on the command line
 * @throws Error where it is refused, or where there is no terminal to ask at
 */
export async function requireConfirmation(
  question: string,
  yes: boolean,
  { stdin, stderr }: Terminal = process,
): Promise<void> {
  if (yes) return;
  if (!stdin.isTTY)
    throw new Error('Not confirmed, so nothing was done: there is no terminal. Pass --yes to skip the question');
  if (!(await asksYesOrNo(question, { stdin, stderr }))) throw new Error('Nothing was done');
}

async function asksYesOrNo(question: string, terminal: Terminal): Promise<boolean> {
  const answer = await ask(`${question} [y/N] `, terminal);
  return answer !== null && /^y(es)?$/i.test(answer.trim());
}

/** At a terminal. Null where the person ends the input. */
async function ask(question: string, { stdin, stderr }: Terminal): Promise<string | null> {
  const lines = createInterface({ input: stdin, output: stderr });
  const ended = new Promise<null>((resolve) => lines.once('close', () => resolve(null)));
  try {
    const answer = await Promise.race([lines.question(question), ended]);
    if (answer === null) stderr.write('\n'); // the cursor is still behind the question
    return answer;
  } finally {
    lines.close();
  }
}

async function firstLine(input: Input): Promise<string> {
  const lines = createInterface({ input });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  return '';
}
