/** Whether a RabbitMQ answers at an address, as the bridge would ask, and why one that is there does not let us in. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Connection } from 'rabbitmq-client';
import { brokerEndpoint, connectionTo } from '../src/bridge/broker-address.ts';

const HANDSHAKE_DEADLINE_MS = 2_000;

/** `absent`: nothing listens there. `refuses`: something does, and does not let us in; `reason` has no password in it. */
export type BrokerAnswer = { state: 'answers' } | { state: 'absent' } | { state: 'refuses'; reason: string };

/** Asks the broker at this address for a connection, as the bridge does, within four seconds. Never rejects. */
export async function askBroker(url: string): Promise<BrokerAnswer> {
  return (await greet(url)) ?? (await logIn(url));
}

/** The protocol header that AMQP 0-9-1 clients send first. */
const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
/** The first byte of a broker's answer: of a method frame, or of its own protocol header. */
const METHOD_FRAME = 1;
const HEADER = 'A'.charCodeAt(0);

/** Null where a broker answers the protocol header. The client itself crashes on the answer of some servers that are none. */
async function greet(url: string): Promise<BrokerAnswer | null> {
  const { host, port, tls } = brokerEndpoint(url);
  const signal = AbortSignal.timeout(HANDSHAKE_DEADLINE_MS);
  const socket = tls ? connectTls({ host, port }) : connect({ host, port });
  // For TLS, `connect` comes before the certificate is judged.
  let connected = false;
  socket.once('connect', () => {
    connected = true;
  });
  const refuses = (reason: string): BrokerAnswer => ({ state: 'refuses', reason });
  try {
    socket.write(PROTOCOL_HEADER);
    const ended = once(socket, 'end', { signal }).then(() => null);
    const chunk = await Promise.race([once(socket, 'data', { signal }).then(([data]) => data as Buffer), ended]);
    if (chunk === null) return refuses(`it hangs up: ${NO_BROKER}`);
    return chunk[0] === METHOD_FRAME || chunk[0] === HEADER ? null : refuses(`it does not speak AMQP: ${NO_BROKER}`);
  } catch (error) {
    if (!connected) return { state: 'absent' };
    if (signal.aborted) return refuses(`it does not answer within ${HANDSHAKE_DEADLINE_MS / 1000} s: ${NO_BROKER}`);
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (UNTRUSTED.test(code))
      return refuses(`its certificate is not trusted (${code}): NODE_EXTRA_CA_CERTS names a private CA’s`);
    return refuses(code === 'ECONNRESET' || code === 'EPROTO' ? `it breaks off: ${NO_BROKER}` : message);
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

const NO_BROKER = 'is it a RabbitMQ, and does it take amqps: or amqp: there?';
/** Codes of OpenSSL's and Node's for certificates, see tls.connect in Node's documentation. */
const UNTRUSTED = /CERT|SIGNATURE|ISSUER|CRL/;

async function logIn(url: string): Promise<BrokerAnswer> {
  const connection = new Connection({ ...connectionTo(url), connectionTimeout: HANDSHAKE_DEADLINE_MS });
  const answer = await new Promise<BrokerAnswer>((resolve) => {
    connection.once('connection', () => resolve({ state: 'answers' }));
    // In the broker's own words: "ACCESS_REFUSED - Login was refused …", "NOT_ALLOWED - vhost … not found".
    connection.on('error', ({ message }) => resolve({ state: 'refuses', reason: message.replace(/^\w+: /, '') }));
  });
  if (answer.state === 'answers') await connection.close();
  else connection.unsafeDestroy();
  return answer;
}
