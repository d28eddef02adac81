/** The one place that reads the settings of `npm run dev`: the command line, the environment and .dev.vars. */
import { Command, InvalidArgumentError } from 'commander';
import { BRIDGE_SETTINGS, type BridgeSettings, readBridgeSettings } from '../src/bridge/settings.ts';
import { misspelledSettings, type SettingsReading } from '../src/contract/misspelled-settings.ts';
import { WORKER_SETTINGS } from '../src/core/settings/variables.ts';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { EMULATED_STATE } from '../src/local/dev-instance.ts';
import { completeDevVars, readDevVars } from '../src/local/dev-vars.ts';
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
  /** Of the payments to try, as .dev.vars has them. */
  currency: string;
  maxAmount: string;
  authMode: string;
  /** What is read from the environment and will not do what it seems to. */
  warnings: string[];
}

const SERVICE_DEFAULT_PORT = '8003';
const EMULATOR_DEFAULT_PORT = '8005';
/** What is read from the environment here. Of the bridge's settings, the secret is the only one that is in .dev.vars. */
const ENVIRONMENT_SETTINGS = new Set([
  ...[...BRIDGE_SETTINGS].filter((name) => !WORKER_SETTINGS.has(name)),
  ...['PAYMENT_SERVICE_PORT', 'GATEWAY_EMULATOR_PORT'],
]);
const ALL_SETTINGS = new Set([...WORKER_SETTINGS, ...ENVIRONMENT_SETTINGS]);

export interface DevOptions {
  persistTo?: string;
  gateway?: 'emulator';
  json?: true;
}

/** Of the command line. Ends the process where one is refused. */
export function readDevOptions(): DevOptions {
  const program = new Command('npm run dev --')
    .description(
      'Runs the whole service on this machine: Worker, database, queue, bridge, and a RabbitMQ if none answers.',
    )
    .option('--gateway <name>', 'emulator: Stripe and PayPal as well, emulated', readGateway)
    .option('--persist-to <dir>', 'another directory for the database')
    .option('--json', 'print JSON, a line for each thing that happens');
  return optionsOf(program, {
    examples: [
      ['', 'the service with the gateways of .dev.vars'],
      ['--gateway emulator', 'pay with Stripe and PayPal, emulated'],
      ['--persist-to /tmp/other --json', 'a second one beside the first, on ports of its own; output for a program'],
    ],
    exitCodes: [
      [0, 'you have ended it'],
      [1, 'it could not start, or a part of it broke'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  });
}

function readGateway(name: string): string {
  if (name !== 'emulator') throw new InvalidArgumentError('It can be emulator; other gateways are set in .dev.vars.');
  return name;
}

/**
 * The settings, or every reason why there are none. Makes the .dev.vars where it is missing. A name that is misspelled or in the
 * wrong place is a problem in .dev.vars, which is this service's own, and a warning in the environment, which is not.
 */
export function readDevSettings(
  { persistTo, gateway }: DevOptions,
  env: NodeJS.ProcessEnv,
): SettingsReading<DevSettings> {
  completeDevVars();
  const devVars = readDevVars();
  const { BRIDGE_SIGNING_SECRET } = devVars;

  const bridge = readBridgeSettings({ ...env, BRIDGE_SIGNING_SECRET });
  const problems = bridge.kind === 'invalid' ? bridge.problems.map(withPlace) : [];
  const servicePort = Number(env.PAYMENT_SERVICE_PORT ?? SERVICE_DEFAULT_PORT);
  if (!isPort(servicePort)) problems.push('PAYMENT_SERVICE_PORT must be a port');
  const emulatorPort = gateway === 'emulator' ? Number(env.GATEWAY_EMULATOR_PORT ?? EMULATOR_DEFAULT_PORT) : null;
  if (emulatorPort !== null && !isPort(emulatorPort)) problems.push('GATEWAY_EMULATOR_PORT must be a port');
  problems.push(
    ...misspelledSettings(devVars, ALL_SETTINGS).map((problem) => `${problem} (it is in .dev.vars)`),
    ...Object.keys(devVars)
      .filter((name) => ENVIRONMENT_SETTINGS.has(name))
      .map((name) => `${name} has no effect in .dev.vars: \`npm run dev\` reads it from its environment`),
  );
  if (bridge.kind === 'invalid' || problems.length > 0) return { kind: 'invalid', problems };

  return {
    kind: 'valid',
    settings: {
      servicePort,
      persistTo: persistTo ?? (emulatorPort === null ? null : EMULATED_STATE),
      bridge: bridge.settings,
      bridgeUrl: devVars.BRIDGE_URL,
      emulatorPort,
      currency: devVars.PAYMENT_CURRENCY ?? 'USD',
      maxAmount: devVars.PAYMENT_MAX_AMOUNT ?? '100000',
      authMode: devVars.AUTH_MODE ?? 'none',
      warnings: environmentWarnings(env, devVars),
    },
  };
}

function environmentWarnings(env: NodeJS.ProcessEnv, devVars: Record<string, string | undefined>): string[] {
  const ignored = Object.keys(env).filter((name) => WORKER_SETTINGS.has(name) && env[name] !== devVars[name]);
  return [
    ...misspelledSettings(env, ALL_SETTINGS),
    ...ignored.map((name) => `${name} has no effect in the environment: \`npm run dev\` reads it from .dev.vars`),
  ];
}

/** The secret is the only one of the bridge's settings that does not come from the environment here. */
function withPlace(problem: string): string {
  return problem.startsWith('BRIDGE_SIGNING_SECRET ') ? `${problem} (it is in .dev.vars)` : problem;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Why its servers can't be started on their ports; empty where they can. */
export async function portProblems({ servicePort, bridge, emulatorPort }: DevSettings): Promise<string[]> {
  const ports = [
    ['PAYMENT_SERVICE_PORT', servicePort],
    ['BRIDGE_PORT', bridge.port],
    ...(emulatorPort === null ? [] : [['GATEWAY_EMULATOR_PORT', emulatorPort] as const]),
  ] as const;
  const problems: string[] = [];
  for (const [index, [setting, port]] of ports.entries()) {
    const same = ports.slice(0, index).find(([, other]) => other === port);
    if (same !== undefined) return [`${same[0]} and ${setting} are both ${port}`];
    const why = await whyPortIsTaken(port);
    if (why !== null) problems.push(`Port ${port} ${why}; ${setting} sets another one`);
  }
  return problems;
}
