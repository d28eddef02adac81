/** The command that `npm run dev` prints for a second terminal. It lies here with what else it prints. */
import { describe, expect, it } from 'vitest';
import { shownBroker, watchCommand } from '../../scripts/watch-command.ts';

const EXCHANGE = 'movie_app_events';

describe('the command to watch events', () => {
  it.each([
    ['amqp://localhost:5672/', EXCHANGE, {}, 'npm run watch-events'],
    ['amqp://guest:guest@localhost:5672/', EXCHANGE, {}, 'npm run watch-events'],
    [
      'amqp://guest:guest@127.0.0.1:41234/',
      EXCHANGE,
      {},
      'RABBITMQ_URL=amqp://guest:guest@127.0.0.1:41234/ npm run watch-events',
    ],
    [
      'amqp://[::1]:5671/',
      'my exchange',
      {},
      "RABBITMQ_URL='amqp://guest:guest@[::1]:5671/' RABBITMQ_EXCHANGE='my exchange' npm run watch-events",
    ],
    [
      'amqps://guest:guest@rabbitmq.example/v',
      EXCHANGE,
      { NODE_EXTRA_CA_CERTS: '/etc/ca.pem' },
      'RABBITMQ_URL=amqps://guest:guest@rabbitmq.example/v NODE_EXTRA_CA_CERTS=/etc/ca.pem npm run watch-events',
    ],
  ])('for %s and %s carries what it needs', (url, exchange, env, command) => {
    expect(watchCommand(url, exchange, env)).toBe(command);
  });

  it('names the variable in place of a password', () => {
    const command = watchCommand('amqp://app:hunter2@rabbitmq.example/v', 'events', {});
    expect(command).toBe('RABBITMQ_EXCHANGE=events npm run watch-events (with RABBITMQ_URL set as it is here)');
    expect(shownBroker('amqp://app:hunter2@rabbitmq.example:5672/v')).toBe('amqp://rabbitmq.example:5672/v');
  });
});
