/** An environment is made of production, and shares nothing with it. */
import { parse } from 'node:path';
import { expect, it } from 'vitest';
import { experimental_readRawConfig } from 'wrangler';
import { derivedConfig, findEnvironment } from '../../src/local/environments.ts';

const production = experimental_readRawConfig({ config: 'wrangler.toml' }).rawConfig;
const staging = experimental_readRawConfig({ config: 'environments/staging.toml' }).rawConfig;
const vars = { ...production.vars, BRIDGE_URL: 'https://bridge.example' };

it('staging is as production, with names of its own and its own variables', () => {
  const derived = derivedConfig({ ...production, routes: ['pay.example/*'] }, staging, 'staging');
  const named = JSON.stringify(derived).replaceAll(/("(?:payment-[a-z-]+?))-staging"/g, '$1"');
  expect(JSON.parse(named)).toEqual({
    ...production,
    r2_buckets: [],
    vars: { ...production.vars, ...staging.vars },
  });
  expect(derived).toMatchObject({
    name: 'payment-service-staging',
    d1_databases: [{ binding: 'DB', database_name: 'payment-service-staging' }],
  });
});

it('an environment has databases, queues and buckets of its own, found by their names', () => {
  const d1_databases = [
    { binding: 'DB', database_name: 'their-database', database_id: '11111111-1111-4111-8111-111111111111' },
    { binding: 'DB_1', database_name: 'their-database-1' },
  ];
  const r2_buckets = [{ binding: 'ARCHIVE', bucket_name: 'their-archive', jurisdiction: 'eu' }];
  const queues = {
    producers: [{ binding: 'PAYMENT_EVENTS', queue: 'their-events' }],
    consumers: [{ queue: 'their-events', dead_letter_queue: 'their-lost', max_retries: 3 }],
  };
  expect(derivedConfig({ ...production, d1_databases, r2_buckets, queues }, {}, 'test')).toMatchObject({
    d1_databases: [
      { binding: 'DB', database_name: 'their-database-test' },
      { binding: 'DB_1', database_name: 'their-database-1-test' },
    ],
    r2_buckets: [{ binding: 'ARCHIVE', bucket_name: 'their-archive-test', jurisdiction: 'eu' }],
    queues: {
      producers: [{ binding: 'PAYMENT_EVENTS', queue: 'their-events-test' }],
      consumers: [{ queue: 'their-events-test', dead_letter_queue: 'their-lost-test', max_retries: 3 }],
    },
  });
  expect(JSON.stringify(derivedConfig({ ...production, d1_databases }, {}, 'test'))).not.toContain('11111111');
});

it.each([
  ['the bridge of production', {}, 'has the BRIDGE_URL https://bridge.example, which'],
  ['its Worker', { name: 'payment-service', vars: { BRIDGE_URL: '' } }, 'has the name payment-service, which'],
  [
    'its database',
    { vars: { BRIDGE_URL: '' }, d1_databases: [{ binding: 'DB', database_name: 'payment-service' }] },
    'has the database payment-service, which',
  ],
  ['its address', { vars: { BRIDGE_URL: '' }, routes: ['pay.example/*'] }, 'has the route "pay.example/*", which'],
])('an environment is refused that has %s', (_, own, why) => {
  expect(() => derivedConfig({ ...production, vars, routes: ['pay.example/*'] }, own, 'test')).toThrow(
    `environments/test.toml ${why} is production's`,
  );
});

it('an environment is refused where production has something that it cannot have of its own', () => {
  expect(() => derivedConfig({ ...production, kv_namespaces: [{ id: '1' }] }, staging, 'staging')).toThrow(
    'environments/staging.toml needs a kv_namespaces of its own',
  );
  expect(() =>
    derivedConfig({ ...production, kv_namespaces: [{ id: '1' }] }, { ...staging, kv_namespaces: [] }, 'staging'),
  ).not.toThrow();
});

it('production is wrangler.toml itself, and an unknown name is nothing', async () => {
  for (const name of ['', 'production']) {
    const { config, section } = await findEnvironment(name);
    expect([parse(config).base, section]).toEqual(['wrangler.toml', '']);
  }
  await expect(findEnvironment('stagign')).rejects.toThrow('There is no environment stagign');
  await expect(findEnvironment('../x')).rejects.toThrow('There is no environment ../x');
});
