/**
 * Which folder may import which, stated once: `npm run lint` fails where an import goes another way.
 * https://github.com/sverweij/dependency-cruiser
 */

/** From the ground up. A folder imports what is on the floors below it; those on one floor do not import each other. */
const FLOORS = [
  ['contract'],
  ['core/domain'],
  ['core/security'],
  ['core/settings'],
  ['core/ledger', 'core/gateways'],
  ['core/outbox'],
  ['core/outcomes'],
  ['core/recovery'],
  ['core/monitoring'],
  ['core/payments', 'core/background', 'core/by-hand'],
  ['local'],
  ['emulator'],
  ['worker', 'bridge', 'cli', 'api-document', 'console'],
];

const inside = (...folders) => `^src/(${folders.join('|')})/`;
const notBelow = (folder, floor) =>
  FLOORS.slice(floor)
    .flat()
    .filter((other) => other !== folder);
const arrows = FLOORS.flatMap((folders, floor) =>
  folders.map((folder) => ({
    name: `${folder.replace('/', '-')}-imports-what-is-below`,
    comment: `src/${folder}/ may not import what is on its own floor or above it.`,
    from: { path: inside(folder) },
    to: { path: inside(...notBelow(folder, floor)) },
  })),
);

const rules = [
  ...arrows,
  {
    name: 'bridge-shares-the-contract-only',
    comment:
      'The bridge runs beside RabbitMQ and knows what crosses the border to it, and nothing else of the service.',
    from: { path: inside('bridge') },
    to: { path: inside('core', 'local', 'emulator') },
  },
  {
    name: 'console-shares-the-contract-only',
    comment: 'The console runs in browsers, and knows what crosses the border to them.',
    from: { path: inside('console') },
    to: { path: inside('core', 'local', 'emulator') },
  },
  {
    name: 'api-document-describes-the-contract',
    comment: 'The document is made of what crosses the border to callers, and of the words of failures and scopes.',
    from: { path: inside('api-document') },
    to: { path: inside('core', 'local', 'emulator'), pathNot: inside('core/domain', 'core/security') },
  },
  {
    name: 'worker-is-deployed-alone',
    comment: 'Neither the project nor the emulator is there where the Worker runs.',
    from: { path: inside('worker') },
    to: { path: inside('local', 'emulator') },
  },
  {
    name: 'emulator-is-a-program-of-its-own',
    comment:
      'It is modelled after the providers, and knows nothing of this service: a mistake of ours must not be in both.',
    from: { path: inside('emulator') },
    to: { path: inside('contract', 'core') },
  },
  {
    name: 'product-pays-with-no-emulator',
    comment: 'Of the emulator, others know its settings alone.',
    from: { path: inside('cli') },
    to: { path: inside('emulator'), pathNot: '^src/emulator/service-settings' },
  },
  {
    name: 'middleware-knows-no-route',
    comment: 'app.ts uses routes and middleware, and a route uses middleware.',
    from: { path: '^src/worker/http/middleware/' },
    to: { path: '^src/worker/(http/(app|routes/)|index)' },
  },
  {
    name: 'core-has-no-platform',
    comment:
      'core/ runs in the Worker, on the command line and in the simulator: what a platform has comes in as an argument.',
    from: { path: inside('contract', 'core') },
    to: { path: '^(cloudflare:|(node_modules/)?(hono|pino|wrangler|@hono|@cloudflare)(/|$))' },
  },
  {
    name: 'core-has-no-node',
    comment:
      "PayPal's certificates are read with node:crypto and node:zlib, which Workers have too; nothing else of Node is.",
    from: { path: inside('contract', 'core', 'api-document'), pathNot: '^src/core/gateways/paypal/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'worker-has-no-node',
    comment: 'Cloudflare has few of Node’s modules, and the Worker needs none.',
    from: { path: inside('worker') },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'product-needs-no-developers',
    comment: 'Neither tests nor what developers run is there where src/ runs.',
    from: { path: '^src/' },
    to: { path: '^(test|bench|scripts)/' },
  },
  {
    name: 'no-cycles',
    comment: 'Types may refer to each other; code that needs itself first has no order in which it can be read.',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: rules.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'published-apis' },
    enhancedResolveOptions: { conditionNames: ['workerd', 'worker', 'import', 'node', 'default', 'types'] },
  },
};
