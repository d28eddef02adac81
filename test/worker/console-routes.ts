/** Every route of the console: those of the whole installation, and those of an organisation. */
export const INSTALLATION_ROUTES = [
  'GET overview',
  'GET gateways',
  'GET databases',
  'GET events',
  'POST events/send',
  'GET reconciliations',
  'POST reconciliations',
  'GET keys',
  'POST keys',
  'POST keys/key_000000000000/revoke',
] as const;

export const CONSOLE_ROUTES = [
  'GET session',
  'GET transactions',
  'GET transactions/TXN-01J00000000000000000000000',
  'POST refund',
  'POST capture',
  'POST void',
  'GET cases',
  'POST cases/resolve',
  'GET disputes',
  ...INSTALLATION_ROUTES,
] as const;
