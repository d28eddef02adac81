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
 * @throws Error if Cloudflare does not list them, or if requests are split between versions now
 */
export function deployedVersions(environment: EnvironmentSource): string[] {
  const listed = runInEnvironment(environment, ['deployments', 'list', '--json']);
  if (listed.status === 0) return versionsOf(JSON.parse(listed.stdout));
  if (/does not exist on your account|\[code: 10007\]/.test(listed.output)) return [];
  throw new Error(whyWranglerFailed(listed));
}

/** Pure. @throws Error if requests are split between versions now: none of them is the deployed one */
export function versionsOf(deployments: readonly Deployment[]): string[] {
  const newestFirst = deployments.toSorted((one, other) => other.created_on.localeCompare(one.created_on));
  const deployed = newestFirst[0]?.versions ?? [];
  if (deployed.length > 1) {
    const shares = deployed.map(({ version_id, percentage }) => `${version_id} (${percentage}%)`).join(' and ');
    throw new Error(
      `Requests are split between ${shares}. Send all of them to one version first: npx wrangler versions deploy VERSION@100%`,
    );
  }
  return newestFirst.flatMap(({ versions }) => versions.find(({ percentage }) => percentage === 100)?.version_id ?? []);
}

export function runInEnvironment(
  { config, section }: EnvironmentSource,
  command: string[],
  output?: 'shown',
): WranglerRun {
  return runWrangler([...command, '--config', config, '--env', section], DEADLINE_MS, output);
}
