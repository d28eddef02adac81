/**
 * `npm run roll-back`: deploys an earlier version again. The database stays as it is: the former version runs on the tables of
 * this one, see docs/upgrading.md.
 */
import { Command } from 'commander';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { environmentName, findEnvironment } from '../src/local/environments.ts';
import { listVersions, runInEnvironment } from './deployments.ts';

const { env, to } = optionsOf<{ env?: string; to?: string }>(
  new Command('npm run roll-back --')
    .description('Deploys the previous version again. The database stays as it is.')
    .option('--env <name>', 'in this environment; without it and without CLOUDFLARE_ENV, in production')
    .option('--to <version>', 'the id of the version, as `npm run deployed-version` printed it before a deployment'),
  {
    examples: [
      ['', 'production, to the version before'],
      ['--env staging --to 8a2b9c1e-…', 'staging, to that version; if it is deployed, nothing is done'],
    ],
    exitCodes: [
      [0, 'that version is deployed'],
      [1, 'not done; the output has the reason'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  },
);
try {
  const name = environmentName(env);
  const environment = await findEnvironment(name);
  const { deployed, former } = listVersions(environment);
  const version = to ?? former.find((id) => deployed.length > 1 || !deployed.includes(id));
  if (deployed.length === 0 || version === undefined) fail('There is no version to roll back to');
  if (deployed.join() === version) {
    console.log(`Version ${version} is deployed: there is nothing to roll back`);
    process.exit(0);
  }
  const from = deployed.join(' and ');
  console.log(`Rolling back from version ${from} to ${version}`);
  const message = `Rolled back from ${from}`;
  const { status } = runInEnvironment(environment, ['rollback', version, '--yes', '--message', message], 'shown');
  if (status !== 0) fail(`The rollback failed: version ${from} may still be deployed`);
  const at = ['--remote', ...(name === '' ? [] : ['--env', name])].join(' ');
  console.log(`Check it: \`npx payctl events status ${at}\` and \`npx payctl reconcile ${at}\`, see docs/upgrading.md`);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

function fail(why: string): never {
  console.error(why);
  process.exit(1);
}
