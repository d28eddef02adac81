/** The one place that reads what `npm run dev` can be told: the environment, .dev.vars and the command line. */
import { parseArgs } from 'node:util';
import { type BridgeSettings, readBridgeSettings } from '../src/bridge/settings.ts';
import { completeDevVars, readDevVars } from './local-settings.ts';
import { whyPortIsTaken } from './processes.ts';

export interface DevSettings {
  servicePort: number;
  /** The directory of the local state; null is wrangler's own place, .wrangler/state. */
  persistTo: string | null;
  bridge: BridgeSettings;
  /** The Worker's way to the bridge as .dev.vars has it. */
  bridgeUrl: string | undefined;
}

const SERVICE_DEFAULT_PORT = '8003';

/** The settings, or every reason why there are none. Makes the .dev.vars where it is missing. */
export async function readDevSettings(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ settings: DevSettings } | { problems: string[] }> {
  const { values } = parseArgs({ args, options: { 'persist-to': { type: 'string' } } });
  completeDevVars();
  const { BRIDGE_SIGNING_SECRET, BRIDGE_URL } = readDevVars();

  const bridge = readBridgeSettings({ ...env, BRIDGE_SIGNING_SECRET });
  const problems = 'problems' in bridge ? bridge.problems.map(withPlace) : [];
  const servicePort = Number(env.PAYMENT_SERVICE_PORT ?? SERVICE_DEFAULT_PORT);
  if (!(Number.isInteger(servicePort) && servicePort >= 1 && servicePort <= 65_535)) {
    problems.push('PAYMENT_SERVICE_PORT must be a port');
  }
  if ('problems' in bridge || problems.length > 0) return { problems };

  const taken = await portProblems(servicePort, bridge.settings.port);
  if (taken.length > 0) return { problems: taken };
  const persistTo = values['persist-to'] ?? null;
  return { settings: { servicePort, persistTo, bridge: bridge.settings, bridgeUrl: BRIDGE_URL } };
}

/** The secret is the only one of the bridge's settings that does not come from the environment here. */
function withPlace(problem: string): string {
  return problem.startsWith('BRIDGE_SIGNING_SECRET') ? `${problem} (it is in .dev.vars)` : problem;
}

async function portProblems(servicePort: number, bridgePort: number): Promise<string[]> {
  if (servicePort === bridgePort) return [`PAYMENT_SERVICE_PORT and BRIDGE_PORT are both ${servicePort}`];
  const problems: string[] = [];
  for (const [setting, port] of [
    ['PAYMENT_SERVICE_PORT', servicePort],
    ['BRIDGE_PORT', bridgePort],
  ] as const) {
    const why = await whyPortIsTaken(port);
    if (why !== null) problems.push(`Port ${port} ${why}; ${setting} sets another one`);
  }
  return problems;
}
