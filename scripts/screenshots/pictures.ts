/** The pictures of the documentation. Each one is in docs/images under its name, as a PNG. */
export const PICTURES = [
  'dev-terminal',
  'checkout-demo',
  'api-pages',
  'console-overview',
  'console-overview-dark',
  'console-payments',
  'console-payment',
  'console-events',
  'console-cases',
  'console-disputes',
  'console-reconciliation',
  'console-gateways',
  'console-databases',
  'console-keys',
] as const;
export type Picture = (typeof PICTURES)[number];

export const IMAGES = 'docs/images';
/** Of all of them together: each clone of the repository has them. */
export const TOTAL_MAX_BYTES = 1_500_000;
