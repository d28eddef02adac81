/** What the commands of this project have in common: help that ends with examples and exit codes, and refusals that say what to do. */
import { type Command, InvalidArgumentError } from 'commander';
import { keptByNpm, keptMessage } from './kept-by-npm.ts';

/** Of all commands: not done, or an argument was refused. */
export const EXIT_FAILED = 2;

export interface Documentation {
  /** Each without the program's name before it. */
  examples: readonly [args: string, what: string][];
  exitCodes: readonly [code: number | string, meaning: string][];
}

/** Ends the help of a command with examples and exit codes, and its errors with its usage. Called when its arguments have been added. */
export function documented(command: Command, { examples, exitCodes }: Documentation): void {
  const usage = command.createHelp().commandUsage(command);
  const [path = ''] = usage.split(/ [[<]/);
  const program = programOf(command).name();
  const shown = examples.map(([args, what]) => `  # ${what}\n  $ ${`${program} ${args}`.replace(/[ -]+$/, '')}`);
  const codes = exitCodes.map(([code, meaning]) => `  ${String(code).padEnd(7)}${meaning}`);
  command
    .addHelpText('after', `\nExamples:\n${shown.join('\n')}\n\nExit codes:\n${codes.join('\n')}`)
    .showHelpAfterError(`Usage: ${usage}\nOptions, examples and exit codes: ${path} --help`);
}

function programOf(command: Command): Command {
  return command.parent === null ? command : programOf(command.parent);
}

/** The options of a program that has no commands. Ends the process where one is refused, and after help that was asked for. */
export function optionsOf<Options extends object>(program: Command, documentation: Documentation): Options {
  documented(program, documentation);
  program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_FAILED));
  const names = program.options.flatMap(({ long }) => long?.slice('--'.length) ?? []);
  const [kept] = keptByNpm(names, process.env);
  if (kept !== undefined) program.error(`error: ${keptMessage(kept, process.env)}`);
  return program.parse().opts<Options>();
}

/** Of an option's argument: a count, or a number that counts from 1. */
export function readWholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}
