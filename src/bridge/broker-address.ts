/** The AMQP client's options for a broker's address. Every program that connects uses them: the bridge, `npm run dev`, watch-events, tests. */
import type { ConnectionOptions } from 'rabbitmq-client';

const AMQP_PORT = 5672;
const AMQPS_PORT = 5671;

export interface BrokerEndpoint {
  /** A name or an address; an IPv6 address is without brackets, as sockets take it. */
  host: string;
  port: number;
  tls: boolean;
}

/**
 * The client's options for an `amqp:` or `amqps:` URL, with guest's credentials where it names no user. The client takes the
 * host out of the URL with the brackets of an IPv6 address and looks it up as a name, so the socket's address is given apart.
 */
export function connectionTo(rabbitmqUrl: string): Pick<ConnectionOptions, 'url' | 'socket'> {
  const { host, port } = brokerEndpoint(rabbitmqUrl);
  return { url: withCredentials(rabbitmqUrl), socket: { host, port } };
}

export function brokerEndpoint(rabbitmqUrl: string): BrokerEndpoint {
  const { protocol, hostname, port } = new URL(rabbitmqUrl);
  const tls = protocol === 'amqps:';
  return { host: withoutBrackets(hostname), port: Number(port || (tls ? AMQPS_PORT : AMQP_PORT)), tls };
}

/** `[::1]`, as URLs have it, is `::1` for sockets; anything else stays as it is. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** The contract's address has no user. RabbitMQ's own clients then log in as guest; ours would be refused. */
export function withCredentials(rabbitmqUrl: string): string {
  const url = new URL(rabbitmqUrl);
  if (url.username === '') {
    url.username = 'guest';
    url.password = 'guest';
  }
  return url.toString();
}
