/** `npx gateway-emulator`: Stripe and PayPal on this machine, for any program that pays with them. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { EXIT_FAILED, optionsOf } from '../local/command.ts';
import { whatToAsk } from './control-commands.ts';
import { startGatewayEmulator } from './emulator.ts';
import { settingsFor } from './service-settings.ts';

const SEND_AGAIN_AFTER_MS = 10_000;
const EXIT_NOT_STARTED = 1;

interface Options {
  port: number;
  webhooksTo: string;
  stripeWebhooksTo?: string;
  paypalWebhooksTo?: string;
  quiet?: true;
}

const program = new Command('npx gateway-emulator')
  .description(
    'Emulates Stripe and PayPal: stateful, with errors on demand and signed webhooks. It forgets everything when it ends.',
  )
  .addOption(
    new Option('--port <port>', 'where it listens').env('GATEWAY_EMULATOR_PORT').default(8005).argParser(readPort),
  )
  .addOption(
    new Option('--webhooks-to <url>', 'posts webhooks to /webhooks/stripe and /webhooks/paypal below this address')
      .env('WEBHOOKS_TO')
      .default('http://127.0.0.1:8003')
      .argParser(readAddress),
  )
  .option('--stripe-webhooks-to <url>', 'posts those of Stripe to exactly this address instead', readAddress)
  .option('--paypal-webhooks-to <url>', 'posts those of PayPal to exactly this address instead', readAddress)
  .option('--quiet', 'print calls and webhooks only');
const options = optionsOf<Options>(program, {
  examples: [
    ['', 'for this service, on its usual port'],
    ['--port 9000 --stripe-webhooks-to http://localhost:3000/api/stripe', 'for an application of your own'],
  ],
  exitCodes: [
    [0, 'you have ended it'],
    [EXIT_NOT_STARTED, 'it could not start'],
    [EXIT_FAILED, 'an argument was refused'],
  ],
});
const webhooksTo = {
  stripe: options.stripeWebhooksTo ?? below(options.webhooksTo, 'webhooks/stripe'),
  paypal: options.paypalWebhooksTo ?? below(options.webhooksTo, 'webhooks/paypal'),
};

const emulator = await startGatewayEmulator({
  port: options.port,
  webhooksTo,
  sendsWebhooksAgainAfterMs: SEND_AGAIN_AFTER_MS,
  log: console.log,
}).catch((error) => {
  const isTaken = error.code === 'EADDRINUSE';
  console.error(`gateway-emulator: ${isTaken ? `port ${options.port} is in use: set --port` : error.message}`);
  process.exit(EXIT_NOT_STARTED);
});
const { url } = emulator;
if (!options.quiet) {
  const settings = Object.entries(settingsFor(url)).map(([name, value]) => `  ${name}=${value}`);
  const lines = whatToAsk(url).map((line) => line && `  ${line}`);
  console.log(`Stripe and PayPal, emulated, at ${url}. Webhooks go to ${webhooksTo.stripe} and ${webhooksTo.paypal}.
It remembers what it moved until it ends.

  For a Worker of this service that you run yourself, in its .dev.vars:
${settings.join('\n')}

${lines.join('\n')}
`);
}

const end = () => void emulator.stop().then(() => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
process.once('disconnect', end); // of what has launched it

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('It must be a port.');
  return port;
}

function readAddress(text: string): string {
  if (!URL.canParse(text)) throw new InvalidArgumentError('It must be an address such as http://127.0.0.1:8003.');
  return text;
}

function below(base: string, path: string): string {
  return new URL(path, base.endsWith('/') ? base : `${base}/`).href;
}
