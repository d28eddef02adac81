/** `payctl`, the operators' command: each of its commands is a file in commands/. */
import { Command, CommanderError } from 'commander';
import { documented, EXIT_FAILED } from '../local/command.ts';
import { keptByNpm } from '../local/kept-by-npm.ts';
import { addArchive } from './commands/archive.ts';
import { addAudit } from './commands/audit.ts';
import { addDisputes } from './commands/disputes.ts';
import { addEvents } from './commands/events.ts';
import { addExport } from './commands/export.ts';
import { addFind } from './commands/find.ts';
import { addGatewayCheck } from './commands/gateway-check.ts';
import { addCapture, addVoid } from './commands/holds.ts';
import { addKeys } from './commands/keys.ts';
import { addPersonalData } from './commands/personal-data.ts';
import { addReconcile } from './commands/reconcile.ts';
import { addRefund } from './commands/refund.ts';
import { addResend } from './commands/resend.ts';
import { addResolve } from './commands/resolve.ts';
import { addShards } from './commands/shards.ts';
import { addShow } from './commands/show.ts';

/**
 * Options that are also settings of npm's own: npm sets them in the environment, whatever this command's arguments are. A --yes that npm kept does
 * no harm: the command asks.
 */
const SETTINGS_OF_NPM = ['json', 'yes'];

const program = new Command('npx payctl').description('Operates the payment service.').exitOverride();
const COMMANDS = [
  addFind,
  addShow,
  addRefund,
  addCapture,
  addVoid,
  addResolve,
  addResend,
  addDisputes,
  addEvents,
  addReconcile,
  addExport,
  addKeys,
  addAudit,
  addArchive,
  addPersonalData,
  addShards,
  addGatewayCheck,
];
for (const add of COMMANDS) add(program);
program.hook('preAction', (_, command) => refuseKeptByNpm(command));
documented(program, {
  examples: [
    ['find BOOK-789012', 'the payments of a booking'],
    ['show TXN-…', 'one payment, and all that has happened to it'],
    ['events status', 'events that wait for delivery'],
    ['reconcile --remote --secrets-file .production-secrets', 'compares the gateway with the ledger on Cloudflare'],
    ['keys create --help', 'the options, examples and exit codes of a command'],
  ],
  exitCodes: [
    [0, 'done'],
    [EXIT_FAILED, 'not done, or an argument was refused'],
    ['other', 'see the help of the command'],
  ],
});

// The reader of the output, such as `head`, has closed it. Any other failed write loses output, as on a full disk: an exit code of the command's own,
// such as 1 for differences, would say that it is complete.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') console.error(`The output could not be written: ${error.message}`);
  process.exit(EXIT_FAILED);
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own errors, and help that was asked for ends with 0.
  if (!(error instanceof CommanderError)) console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : EXIT_FAILED;
}

/** Without its --remote, a command would work on another database than the one that was asked for. */
function refuseKeptByNpm(command: Command): void {
  const names = command.options.flatMap(({ long }) => long?.slice('--'.length) ?? []);
  const [kept] = keptByNpm(names, process.env).filter((name) => !SETTINGS_OF_NPM.includes(name));
  if (kept !== undefined) {
    command.error(`error: npm kept --${kept} for itself: use \`npx payctl\`, or write \`--\` before the arguments`);
  }
}
