/** What `npm run deploy` can be told. Everything else is refused, since a misread argument would change production. */
import { parseArgs } from 'node:util';
import { keptByNpm } from '../src/local/kept-by-npm.ts';

/** Where Cloudflare can be told to keep a database and a queue. */
const JURISDICTIONS = ['eu', 'fedramp', 'us'];

export const USAGE = `Usage: npm run deploy -- [--env NAME] [--jurisdiction ${JURISDICTIONS.join('|')}] [--secrets-file FILE] [--dry-run]
Creates the databases and queues that wrangler.toml names and the account lacks, applies the migrations, and deploys the Worker.
  --env NAME           deploys [env.NAME] of wrangler.toml, with its own names and bindings
  --jurisdiction eu    creates databases and queues in the EU; those that exist must be there already
  --secrets-file FILE  sets these secrets of the Worker (NAME=value lines) with the deployment
  --dry-run            prints what each step would do, and changes nothing
  --help               prints this`;

export interface DeployArguments {
  help: boolean;
  dryRun: boolean;
  /** Of wrangler.toml; the empty string is its top level. */
  env: string;
  jurisdiction: string | null;
  secretsFile: string | null;
}

export class BadDeployArguments extends Error {
  override name = 'BadDeployArguments';
}

const OPTIONS = {
  help: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  env: { type: 'string' },
  jurisdiction: { type: 'string' },
  'secrets-file': { type: 'string' },
} as const;
const OPTION_NAMES = Object.keys(OPTIONS) as (keyof typeof OPTIONS)[];

/**
 * @param environment of the process: npm keeps each option without `--` before it for itself, and passes on only a variable
 * @throws BadDeployArguments
 */
export function readDeployArguments(args: string[], environment: NodeJS.ProcessEnv): DeployArguments {
  // A dry run that is taken for nothing would deploy, so it counts although npm kept it.
  const kept = keptByNpm(OPTION_NAMES, environment);
  const wrong = kept.find((name) => name !== 'dry-run');
  if (wrong !== undefined) {
    throw new BadDeployArguments(`npm kept --${wrong} for itself: write \`npm run deploy -- --${wrong} …\``);
  }
  const { values } = parsed(args);
  const { jurisdiction = null, 'secrets-file': secretsFile = null } = values;
  if (jurisdiction !== null && !JURISDICTIONS.includes(jurisdiction)) {
    throw new BadDeployArguments(`--jurisdiction must be one of ${JURISDICTIONS.join(', ')}, not "${jurisdiction}"`);
  }
  return {
    help: values.help ?? false,
    dryRun: (values['dry-run'] ?? false) || kept.includes('dry-run'),
    // Wrangler reads the variable as well; passed as an argument, it is the same in every step.
    env: values.env ?? environment.CLOUDFLARE_ENV ?? '',
    jurisdiction,
    secretsFile,
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: false });
  } catch (error) {
    throw new BadDeployArguments((error instanceof Error ? error.message : String(error)).split('. ')[0]);
  }
}
