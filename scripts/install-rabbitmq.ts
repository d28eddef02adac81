/**
 * `npm run install:rabbitmq`: Debian's rabbitmq-server, for tests and development on a machine without Docker. It starts no service: each
 * run has a broker of its own. `--dry-run` prints what it would run.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { serverOfMachine } from './rabbitmq.ts';

const COMMANDS = [
  ['apt-get', 'update'],
  ['apt-get', 'install', '--yes', '--no-install-recommends', 'rabbitmq-server'],
];
const DEADLINE_MS = 300_000;
/** While this script exits with 101, Debian's packages start no services. */
const POLICY = '/usr/sbin/policy-rc.d';

const { dryRun } = optionsOf<{ dryRun?: true }>(
  new Command('npm run install:rabbitmq --')
    .description("Installs Debian's rabbitmq-server, as root, without starting it as a service.")
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

const installed = serverOfMachine();
if (installed !== null) console.log(`RabbitMQ is installed already: ${installed}`);
if (dryRun) {
  const would = installed === null ? 'Would run' : 'Where it is not, this would run';
  for (const command of COMMANDS) console.log(`${would}: ${command.join(' ')}`);
} else if (installed === null) install();

function install(): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    const commands = COMMANDS.map((command) => command.join(' ')).join(' && ');
    console.error(
      `This needs root on Debian or Ubuntu: there it runs \`${commands}\`. Elsewhere, start Docker instead`,
    );
    process.exit(EXIT_FAILED);
  }
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const [command = '', ...args] of COMMANDS) {
      console.log(`${command} ${args.join(' ')} …`);
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      execFileSync(command, args, { env, timeout: DEADLINE_MS, stdio: ['ignore', 'ignore', 'inherit'] });
    }
  } finally {
    if (ours) rmSync(POLICY);
  }
}
