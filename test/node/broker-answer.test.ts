/** What `npm run dev` finds at RABBITMQ_URL: a broker that lets it in, something that does not, or nothing. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { askBroker } from '../../scripts/ask-broker.ts';
import { freePort } from '../../scripts/free-port.ts';
import { rabbitmqUrl } from '../support/run.ts';

describe('the broker at an address', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
    server = null;
  });

  async function serve(listening: Server): Promise<number> {
    server = listening;
    await once(listening.listen(0, '127.0.0.1'), 'listening');
    return (listening.address() as AddressInfo).port;
  }

  function changed(change: (url: URL) => void): string {
    const url = new URL(rabbitmqUrl());
    change(url);
    return url.toString();
  }

  it('answers', async () => {
    expect(await askBroker(rabbitmqUrl())).toEqual({ state: 'answers' });
  });

  it.each([
    ['127.0.0.1', null],
    ['localhost', null],
    ['[::1]', null],
    ['rabbitmq.invalid', 5672],
  ])('is absent where nothing listens at %s', async (host, port) => {
    expect(await askBroker(`amqp://${host}:${port ?? (await freePort())}/`)).toEqual({ state: 'absent' });
  });

  it('refuses a wrong password, which its reason does not repeat', async () => {
    const answer = await askBroker(changed((url) => Object.assign(url, { username: 'guest', password: 'hunter2' })));
    expect(answer).toEqual({ state: 'refuses', reason: expect.stringMatching(/^ACCESS_REFUSED - Login was refused/) });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it('ends `npm run watch-events` where it refuses, since trying on would not help', async () => {
    const url = changed((url) => Object.assign(url, { username: 'guest', password: 'hunter2' }));
    const watching = promisify(execFile)(process.execPath, ['scripts/watch-events.ts'], {
      env: { ...process.env, RABBITMQ_URL: url },
      timeout: 20_000,
    });
    await expect(watching).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^The broker at amqp:\S+ refuses the connection \(ACCESS_REFUSED.*\): check RABBITMQ_URL\n$/,
      ),
    });
    await expect(watching).rejects.toMatchObject({ stderr: expect.not.stringContaining('hunter2') });
  });

  it('refuses a virtual host that it does not have', async () => {
    expect(await askBroker(changed((url) => Object.assign(url, { pathname: '/nowhere' })))).toEqual({
      state: 'refuses',
      reason: 'NOT_ALLOWED - vhost nowhere not found',
    });
  });

  it('refuses TLS where it has none', async () => {
    expect(await askBroker(rabbitmqUrl().replace('amqp:', 'amqps:'))).toEqual({
      state: 'refuses',
      reason: expect.stringMatching(/^it (breaks off|hangs up): is it a RabbitMQ/),
    });
  });

  it.each([
    ['greets like NATS', 'INFO {"server_id":"x"}\r\n', /^it does not speak AMQP/],
    ['answers like HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', /^it does not speak AMQP/],
    ['hangs up', null, /^it hangs up/],
    ['says nothing', '', /^it does not answer within 2 s/],
  ])('refuses where it is a server that %s', async (_, answer, reason) => {
    const port = await serve(
      createServer((socket) => {
        socket.on('error', () => {});
        if (answer === null) socket.end();
        else socket.write(answer);
      }),
    );
    expect(await askBroker(`amqp://127.0.0.1:${port}/`)).toEqual({
      state: 'refuses',
      reason: expect.stringMatching(reason),
    });
  });

  it('refuses with a certificate of a private CA, and the reason names the variable for it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'private-ca-'));
    try {
      const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-days', '2'];
      await promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert],
        ...subject,
      ]);
      const port = await serve(createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }));
      expect(await askBroker(`amqps://127.0.0.1:${port}/`)).toEqual({
        state: 'refuses',
        reason:
          'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT): NODE_EXTRA_CA_CERTS names a private CA’s',
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
