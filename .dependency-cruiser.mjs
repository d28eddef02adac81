/**
 * Which folder may import which, stated once: `npm run check` fails where an import goes another way, and the picture in
 * docs/architecture.md is drawn by the same rules. https://github.com/sverweij/dependency-cruiser
 */

/** From the ground up. Each imports what is below it; those on one floor do not import each other. */
const FLOORS = [
  ['contract'],
  ['core/domain'],
  ['core/security'],
  ['core/settings'],
  ['core/ledger', 'core/gateways'],
  ['core/outbox'],
  ['core/outcomes'],
  ['core/recovery'],
  ['core/payments', 'core/background'],
  ['worker', 'bridge', 'cli', 'emulator'],
];
const inside = (...folders) => `^src/(${folders.join('|')})/`;

const arrows = FLOORS.flatMap((floor, index) =>
  floor.map((folder) => ({
    name: `not-above-${folder.replace('/', '-')}`,
    severity: 'error',
    comment: `src/${folder}/ may only import what is below it.`,
    from: { path: inside(folder) },
    to: {
      path: inside(
        ...FLOORS.slice(index)
          .flat()
          .filter((other) => other !== folder),
      ),
    },
  })),
);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: 'bridge-knows-the-contract',
      severity: 'error',
      comment: 'The bridge shares contract/ with the service, and nothing else.',
      from: { path: inside('bridge') },
      to: { path: inside('core') },
    },
    {
      name: 'routes-are-called-by-the-app',
      severity: 'error',
      comment:
        'Arrows point down: app.ts uses routes/ and middleware/; a route uses middleware/, never the other way round.',
      from: { path: '^src/worker/http/middleware/' },
      to: { path: '^src/worker/(http/(app\\.ts|routes/)|index\\.ts)' },
    },
    {
      name: 'core-has-no-platform',
      severity: 'error',
      comment:
        'core/ runs in the Worker, in the command line and in the simulator: a platform comes in as an argument.',
      from: { path: inside('contract', 'core') },
      to: { path: '^(cloudflare:|node_modules/(hono|pino|wrangler|@hono|@cloudflare)/)' },
    },
    {
      name: 'core-has-no-node',
      severity: 'error',
      comment:
        'PayPal’s certificates are read with node:crypto and node:zlib, which Workers have as well; nothing else of Node’s.',
      from: { path: inside('contract', 'core'), pathNot: '^src/core/gateways/paypal/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'product-without-tests',
      severity: 'error',
      comment: 'src/ is what runs in production: it needs neither tests nor the scripts of developers.',
      from: { path: '^src/', pathNot: inside('cli') },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle of more than types has no order in which it can be read.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'published-apis' },
  },
};
