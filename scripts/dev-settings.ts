/** The one place that reads what `npm run dev` can be told: the environment, .dev.vars and the command line. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BridgeSettings, readBridgeSettings } from '../src/bridge/settings.ts';
import { completeDevVars, PROJECT, readDevVars } from './local-settings.ts';
import { whyPortIsTaken } from './processes.ts';

export interface DevSettings {
  servicePort: number;
  /** The directory of the local state; null is wrangler's own place, .wrangler/state. */
  persistTo: string | null;
  bridge: BridgeSettings;
  /** The Worker's way to the bridge as .dev.vars has it. */
  bridgeUrl: string | undefined;
  /** Where Stripe and PayPal are emulated; null where the gateways are those of .dev.vars. */
  emulatorPort: number | null;
  /** Of the payments to try. */
  currency: string;
}

const SERVICE_DEFAULT_PORT = '8003';
const EMULATOR_DEFAULT_PORT = '8005';
const EMULATED_STATE = join(PROJECT, '.wrangler/emulated');

/** The settings, or every reason why there are none. Makes the .dev.vars where it is missing. */
export async function readDevSettings(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ settings: DevSettings } | { problems: string[] }> {
  const { values } = parseArgs({ args, options: { 'persist-to': { type: 'string' }, gateway: { type: 'string' } } });
  if (values.gateway !== undefined && values.gateway !== 'emulator') {
    return { problems: [`--gateway can be emulator, and is ${values.gateway}: other gateways are set in .dev.vars`] };
  }
  completeDevVars();
  const { BRIDGE_SIGNING_SECRET, BRIDGE_URL, PAYMENT_CURRENCY: currency = 'USD' } = readDevVars();

  const bridge = readBridgeSettings({ ...env, BRIDGE_SIGNING_SECRET });
  const problems = 'problems' in bridge ? bridge.problems.map(withPlace) : [];
  const servicePort = Number(env.PAYMENT_SERVICE_PORT ?? SERVICE_DEFAULT_PORT);
  if (!isPort(servicePort)) problems.push('PAYMENT_SERVICE_PORT must be a port');
  const emulatorPort =
    values.gateway === 'emulator' ? Number(env.GATEWAY_EMULATOR_PORT ?? EMULATOR_DEFAULT_PORT) : null;
  if (emulatorPort !== null && !isPort(emulatorPort)) problems.push('GATEWAY_EMULATOR_PORT must be a port');
  if ('problems' in bridge || problems.length > 0) return { problems };

  const taken = await portProblems([
    ['PAYMENT_SERVICE_PORT', servicePort],
    ['BRIDGE_PORT', bridge.settings.port],
    ...(emulatorPort === null ? [] : [['GATEWAY_EMULATOR_PORT', emulatorPort] as const]),
  ]);
  if (taken.length > 0) return { problems: taken };
  // What was paid with the emulator is known to nobody else: it stays apart from what a test key has paid.
  const persistTo = values['persist-to'] ?? (emulatorPort === null ? null : EMULATED_STATE);
  return {
    settings: { servicePort, persistTo, bridge: bridge.settings, bridgeUrl: BRIDGE_URL, emulatorPort, currency },
  };
}

/** The secret is the only one of the bridge's settings that does not come from the environment here. */
function withPlace(problem: string): string {
  return problem.startsWith('BRIDGE_SIGNING_SECRET ') ? `${problem} (it is in .dev.vars)` : problem;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

async function portProblems(ports: readonly (readonly [setting: string, port: number])[]): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, [setting, port]] of ports.entries()) {
    const same = ports.slice(0, index).find(([, other]) => other === port);
    if (same !== undefined) return [`${same[0]} and ${setting} are both ${port}`];
    const why = await whyPortIsTaken(port);
    if (why !== null) problems.push(`Port ${port} ${why}; ${setting} sets another one`);
  }
  return problems;
}
