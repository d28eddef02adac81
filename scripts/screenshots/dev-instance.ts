/** `npm run dev` in a copy of the project, with ports and a database of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { copyProject } from '../../test/support/project-copy.ts';
import { freePort } from '../free-port.ts';
import { startProcess } from '../processes.ts';

const START_DEADLINE_MS = 120_000;
const POLL_MS = 100;

export interface DevInstance {
  /** Of the service. */
  url: string;
  /** What it has printed so far, with its colours, and with the ports that it has where nothing else runs. */
  output(): string;
  /** Waits until it has printed this. @throws Error after two minutes, or where it has ended */
  untilPrinted(text: string | RegExp): Promise<void>;
  stop(): Promise<void>;
}

/** @param prepare is given the directory of the copy before anything runs in it */
export async function startDevInstance(
  rabbitmqUrl: string,
  args: string[] = [],
  prepare: (directory: string) => Promise<void> = async () => {},
): Promise<DevInstance> {
  const project = copyProject();
  await prepare(project.directory);
  const ports = { service: await freePort(), bridge: await freePort(), emulator: await freePort() };
  const shown: [string, string][] = [
    // What the default address does not need.
    [` RABBITMQ_URL=${rabbitmqUrl}`, ''],
    [String(ports.service), '8003'],
    [String(ports.bridge), '8004'],
    [String(ports.emulator), '8005'],
    [new URL(rabbitmqUrl).port, '5672'],
  ];
  const lines: string[] = [];
  const output = () => shown.reduce((text, [own, usual]) => text.replaceAll(own, usual), lines.join('\n'));
  const running = startProcess(['--disable-warning=ExperimentalWarning', 'scripts/dev.ts', ...args], {
    cwd: project.directory,
    env: {
      FORCE_COLOR: '1',
      RABBITMQ_URL: rabbitmqUrl,
      PAYMENT_SERVICE_PORT: String(ports.service),
      BRIDGE_PORT: String(ports.bridge),
      GATEWAY_EMULATOR_PORT: String(ports.emulator),
    },
    onLine: (line) => lines.push(line),
  });
  let how: string | null = null;
  void running.ended.then((ended) => {
    how = ended;
  });

  const instance: DevInstance = {
    url: `http://localhost:${ports.service}`,
    output,
    async untilPrinted(text) {
      const untilMs = Date.now() + START_DEADLINE_MS;
      while (!(typeof text === 'string' ? output().includes(text) : text.test(output()))) {
        if (how !== null || Date.now() > untilMs) throw new Error(`npm run dev did not print ${text}:\n${output()}`);
        await sleep(POLL_MS);
      }
    },
    async stop() {
      await running.stop();
      project.remove();
    },
  };
  try {
    await instance.untilPrinted('\nevents ');
  } catch (error) {
    await instance.stop();
    throw error;
  }
  return instance;
}
