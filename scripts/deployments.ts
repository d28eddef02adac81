/** The deployments of a Worker, as Cloudflare keeps them. */
import type { EnvironmentSource } from '../src/local/environments.ts';
import { runWrangler, type WranglerRun, whyWranglerFailed } from '../src/local/wrangler.ts';

const DEADLINE_MS = 2 * 60_000;

interface Deployment {
  created_on: string;
  versions: { version_id: string; percentage: number }[];
}

/**
 * The versions that got all requests, the deployed one first. Empty if the Worker has not been deployed.
 *
 * @throws Error if Cloudflare does not list them
 */
export function deployedVersions(environment: EnvironmentSource): string[] {
  const listed = runInEnvironment(environment, ['deployments', 'list', '--json']);
  if (listed.status !== 0) {
    if (/does not exist on your account|\[code: 10007\]/.test(listed.output)) return [];
    throw new Error(whyWranglerFailed(listed));
  }
  const deployments: Deployment[] = JSON.parse(listed.stdout);
  return deployments
    .toSorted((one, other) => other.created_on.localeCompare(one.created_on))
    .flatMap(({ versions }) => versions.find(({ percentage }) => percentage === 100)?.version_id ?? []);
}

export function runInEnvironment(
  { config, section }: EnvironmentSource,
  command: string[],
  output?: 'shown',
): WranglerRun {
  return runWrangler([...command, '--config', config, '--env', section], DEADLINE_MS, output);
}
