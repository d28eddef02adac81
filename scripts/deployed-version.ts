/** `npm run deployed-version`: prints the id of the deployed version, or nothing if there is none. */
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { environmentName, findEnvironment } from '../src/local/environments.ts';
import { listVersions } from './deployments.ts';

const { env } = optionsOf<{ env?: string }>(
  new Command('npm run deployed-version --')
    .description('Prints the id of the deployed version, or nothing if the Worker has not been deployed.')
    .option('--env <name>', 'of this environment; without it and without CLOUDFLARE_ENV, of production'),
  {
    examples: [['--env staging', 'the version of staging']],
    exitCodes: [
      [0, 'done'],
      [1, 'Cloudflare did not answer, or requests are split between versions'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  },
);
try {
  const { deployed } = listVersions(await findEnvironment(environmentName(env)));
  if (deployed.length > 1) throw new Error(`Requests are split between versions ${deployed.join(' and ')}`);
  for (const version of deployed) console.log(version);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
