/** The arguments of `npm run deploy`. All others are refused, since a misread argument would change production. */
import { Command, CommanderError, Option } from 'commander';
import { documented, EXIT_FAILED } from '../src/local/command.ts';
import { environmentName } from '../src/local/environments.ts';
import { keptByNpm, keptMessage } from '../src/local/kept-by-npm.ts';

/** The locations that Cloudflare offers for a database and a queue. */
const JURISDICTIONS = ['eu', 'fedramp', 'us'];

export interface DeployArguments {
  /** Help has been printed. */
  help: boolean;
  dryRun: boolean;
  /** See src/local/environments.ts; the empty string is production. */
  env: string;
  jurisdiction: string | null;
  secretsFile: string | null;
  /** `all but the end`: without the migrations that follow the deployment; `the end`: nothing but those. */
  part: 'all' | 'all but the end' | 'the end';
}

/** The message has all that is to be printed. */
export class BadDeployArguments extends Error {
  override name = 'BadDeployArguments';
}

interface Options {
  env?: string;
  jurisdiction?: string;
  secretsFile?: string;
  finishLater?: true;
  finish?: true;
  dryRun?: true;
}

function deployProgram(): Command {
  const program = new Command('npm run deploy --')
    .description(
      'Creates the databases and queues that wrangler.toml names and the account lacks, applies the migrations, and deploys the Worker.',
    )
    .option(
      '--env <name>',
      'deploys environments/NAME.toml, or [env.NAME] of wrangler.toml; without it and without CLOUDFLARE_ENV, production',
    )
    .addOption(
      new Option(
        '--jurisdiction <name>',
        'where databases and queues are created; those that exist must be there already',
      ).choices(JURISDICTIONS),
    )
    .option('--secrets-file <file>', 'sets these secrets of the Worker (NAME=value lines) with the deployment')
    .addOption(
      new Option('--finish-later', 'leaves the migrations that follow the deployment to --finish').conflicts('finish'),
    )
    .addOption(
      new Option('--finish', 'applies only those, when the deployed version has shown that it works').conflicts([
        'secretsFile',
        'jurisdiction',
      ]),
    )
    .option('--dry-run', 'prints what each step would do, and changes nothing');
  documented(program, {
    examples: [
      ['--dry-run --secrets-file .production-secrets', 'what a first deployment would do'],
      ['--secrets-file .production-secrets --jurisdiction eu', 'the first deployment, in the EU'],
      ['', 'a later one'],
      ['--env staging --finish-later', 'a later one of staging, after which a smoke test decides'],
    ],
    exitCodes: [
      [0, 'done'],
      [1, 'not done; the output has the reason'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  });
  return program;
}

/**
 * @param environment of the process: npm keeps each option without `--` before it for itself, and passes on only a variable
 * @throws BadDeployArguments
 */
export function readDeployArguments(args: string[], environment: NodeJS.ProcessEnv): DeployArguments {
  let refusal = '';
  const program = deployProgram()
    .exitOverride()
    .configureOutput({ writeErr: (text) => (refusal += text) });
  let help = false;
  try {
    // An ignored --dry-run would deploy, so it applies even if npm kept it.
    const kept = keptByNpm(['dry-run', 'env', 'jurisdiction', 'secrets-file', 'finish-later', 'finish'], environment);
    const wrong = kept.find((name) => name !== 'dry-run');
    if (wrong !== undefined) program.error(`error: ${keptMessage(wrong, environment)}`);
    program.parse(args, { from: 'user' });
    if (kept.includes('dry-run')) program.setOptionValue('dryRun', true);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new BadDeployArguments(refusal.trimEnd());
    help = true;
  }
  const { env, jurisdiction, secretsFile, finishLater, finish, dryRun } = program.opts<Options>();
  return {
    help,
    dryRun: dryRun ?? false,
    env: environmentName(env, environment),
    jurisdiction: jurisdiction ?? null,
    secretsFile: secretsFile ?? null,
    part: finish ? 'the end' : finishLater ? 'all but the end' : 'all',
  };
}
