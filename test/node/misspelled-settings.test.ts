import { describe, expect, it } from 'vitest';
import { misspelledSettings } from '../../src/contract/misspelled-settings.ts';

const KNOWN = new Set(['PAYMENT_CURRENCY', 'RABBITMQ_URL', 'BRIDGE_URL', 'CORS_ORIGINS', 'LOG_LEVEL', 'DB']);

describe('a misspelled setting', () => {
  it.each([
    ['PAYMENT_CURENCY', 'PAYMENT_CURRENCY'],
    ['PAYMENT_CURRENCYY', 'PAYMENT_CURRENCY'],
    ['PAYMNET_CURRENCY', 'PAYMENT_CURRENCY'],
    ['PAYMENT-CURRENCY', 'PAYMENT_CURRENCY'],
    ['RABITMQ_URL', 'RABBITMQ_URL'],
    ['RABBITMQ_URI', 'RABBITMQ_URL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['LOGLEVEL', 'LOG_LEVEL'],
  ])('%s is named together with %s', (name, meant) => {
    expect(misspelledSettings({ [name]: 'x' }, KNOWN)).toEqual([`${name} is not a setting: did you mean ${meant}?`]);
  });

  it.each([
    ['a setting itself', { PAYMENT_CURRENCY: 'EUR' }],
    ['a name that adds a part', { BRIDGE_URL_2: 'x', RABBITMQ_URL_OLD: 'x' }],
    ['a name of another program', { PATH: 'x', HOME: 'x', NODE_ENV: 'x', RABBITMQ_NODENAME: 'x', DATABASE_URL: 'x' }],
    ['a short name', { DBS: 'x', D: 'x' }],
    ['a binding', { PAYMENT_CURENCY: {}, RABITMQ_URL: undefined }],
  ])('is not %s', (_, env) => {
    expect(misspelledSettings(env, KNOWN)).toEqual([]);
  });
});
