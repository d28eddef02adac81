/** Every route of the console: those of the whole installation, and those of an organisation. */
export const INSTALLATION_ROUTES = ['GET overview'] as const;

export const CONSOLE_ROUTES = [
  'GET session',
  'GET transactions',
  'GET transactions/TXN-01J00000000000000000000000',
  'POST refund',
  'POST capture',
  'POST void',
  ...INSTALLATION_ROUTES,
] as const;
