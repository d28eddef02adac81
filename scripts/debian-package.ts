/**
 * The commands that install what a test needs and a machine may lack, as packages of Debian's: `npm run install:…`. They need root, start
 * no service, and print with `--dry-run` what they would run.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';

export interface DebianPackage {
  /** Of the packages. */
  names: string[];
  /** Of the npm script. */
  script: string;
  description: string;
  /** What it is called in a sentence. */
  title: string;
  /** What is to be done where it cannot be installed. */
  elsewhere: string;
  /** Where the machine has it already, or null. */
  installed: string | null;
}

const DEADLINE_MS = 300_000;
/** While this script exits with 101, Debian's packages start no services. */
const POLICY = '/usr/sbin/policy-rc.d';

/** Reads the command line, and installs the packages if they are not there. Ends the process where that is not possible. */
export function installDebianPackage({ names, script, description, title, elsewhere, installed }: DebianPackage): void {
  const { dryRun } = optionsOf<{ dryRun?: true }>(
    new Command(`npm run ${script} --`)
      .description(description)
      .option('--dry-run', 'print the commands, and run nothing'),
    {
      examples: [
        ['', 'install it, if it is not there'],
        ['--dry-run', 'show what that would run'],
      ],
      exitCodes: [
        [0, 'it is installed, or was already; or it was a dry run'],
        [EXIT_FAILED, 'it cannot be installed here, or an argument was refused'],
      ],
    },
  );
  const commands = aptCommands(names);
  if (installed !== null) console.log(`${title} is installed already: ${installed}`);
  if (dryRun) {
    const would = installed === null ? 'Would run' : 'Where it is not, this would run';
    for (const command of commands) console.log(`${would}: ${command.join(' ')}`);
  } else if (installed === null) install(commands, elsewhere);
}

export function aptCommands(names: string[]): string[][] {
  return [
    ['apt-get', 'update'],
    ['apt-get', 'install', '--yes', '--no-install-recommends', ...names],
  ];
}

/** Whether this process may install packages of Debian's. */
export function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

function install(commands: string[][], elsewhere: string): void {
  if (!mayInstall()) {
    const shown = commands.map((command) => command.join(' ')).join(' && ');
    console.error(`This needs root on Debian or Ubuntu: there it runs \`${shown}\`. Elsewhere, ${elsewhere}`);
    process.exit(EXIT_FAILED);
  }
  runCommands(commands, (line) => console.log(line));
}

/** Runs them in order, with no service started by what they install. @throws Error where one fails */
export function runCommands(commands: string[][], print: (line: string) => void): void {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const [command = '', ...args] of commands) {
      print(`${command} ${args.join(' ')} …`);
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      execFileSync(command, args, { env, timeout: DEADLINE_MS, stdio: ['ignore', 'ignore', 'inherit'] });
    }
  } finally {
    if (ours) rmSync(POLICY);
  }
}
