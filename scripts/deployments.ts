/** The deployments of a Worker, as Cloudflare keeps them. */
import type { EnvironmentSource } from '../src/local/environments.ts';
import { runWrangler, type WranglerRun, whyWranglerFailed } from '../src/local/wrangler.ts';

const DEADLINE_MS = 2 * 60_000;

interface Deployment {
  created_on: string;
  versions: { version_id: string; percentage: number }[];
}

export interface Versions {
  /** More than one while requests are split between them; empty if the Worker has not been deployed. */
  deployed: string[];
  /** Those that got all requests, the newest first. */
  former: string[];
}

/** @throws Error if Cloudflare does not list them */
export function listVersions(environment: EnvironmentSource): Versions {
  const listed = runInEnvironment(environment, ['deployments', 'list', '--json']);
  if (listed.status === 0) return versionsOf(JSON.parse(listed.stdout));
  if (/does not exist on your account|\[code: 10007\]/.test(listed.output)) return { deployed: [], former: [] };
  throw new Error(whyWranglerFailed(listed));
}

/** Pure. */
export function versionsOf(deployments: readonly Deployment[]): Versions {
  const [last, ...earlier] = deployments.toSorted((one, other) => other.created_on.localeCompare(one.created_on));
  return {
    deployed: last?.versions.map(({ version_id }) => version_id) ?? [],
    former: earlier.flatMap(({ versions }) => versions.find(({ percentage }) => percentage === 100)?.version_id ?? []),
  };
}

export function runInEnvironment(
  { config, section }: EnvironmentSource,
  command: string[],
  output?: 'shown',
): WranglerRun {
  return runWrangler([...command, '--config', config, '--env', section], DEADLINE_MS, output);
}
