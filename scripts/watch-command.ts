/** How `npm run dev` names its broker, and the command that shows the events on it, for a second terminal. */
import { withCredentials } from '../src/bridge/broker-address.ts';
import { DEFAULT_EXCHANGE, DEFAULT_RABBITMQ_URL } from '../src/bridge/settings.ts';
import { shellWord } from './payments-to-try.ts';

const GUEST = /^amqps?:\/\/guest:guest@/;

/** A broker's address without its user and password. */
export function shownBroker(rabbitmqUrl: string): string {
  const { protocol, host, pathname } = new URL(rabbitmqUrl);
  return `${protocol}//${host}${pathname}`;
}

/** The command, with what it needs in its environment. A password that is not guest's is not printed: the person has it. */
export function watchCommand(rabbitmqUrl: string, exchange: string, env: NodeJS.ProcessEnv): string {
  const url = withCredentials(rabbitmqUrl);
  const isPublic = GUEST.test(url);
  const variables = {
    ...(isPublic && url !== withCredentials(DEFAULT_RABBITMQ_URL) && { RABBITMQ_URL: url }),
    ...(exchange !== DEFAULT_EXCHANGE && { RABBITMQ_EXCHANGE: exchange }),
    ...(url.startsWith('amqps:') && env.NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS: env.NODE_EXTRA_CA_CERTS }),
  };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${shellWord(value)}`);
  const command = [...words, 'npm run watch-events'].join(' ');
  return isPublic ? command : `${command} (with RABBITMQ_URL set as it is here)`;
}
