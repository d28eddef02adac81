/** `npm run deployed-version`: prints the id of the deployed version, or nothing if there is none. */
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { environmentName, findEnvironment } from '../src/local/environments.ts';
import { deployedVersions } from './deployments.ts';

const { env } = optionsOf<{ env?: string }>(
  new Command('npm run deployed-version --')
    .description('Prints the id of the deployed version, or nothing if the Worker has not been deployed.')
    .option('--env <name>', 'of this environment; without it, of production'),
  {
    examples: [['--env staging', 'the version of staging']],
    exitCodes: [
      [0, 'done'],
      [1, 'Cloudflare did not answer'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  },
);
try {
  const [deployed] = deployedVersions(await findEnvironment(environmentName(env)));
  if (deployed !== undefined) console.log(deployed);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
