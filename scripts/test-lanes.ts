/**
 * Which projects of vitest.config.ts run beside each other. Those of a lane run one after the other; on two cores, lanes that end at about the same
 * time take least. Every project has its place in each list.
 */
export const LANES = {
  quick: [
    ['end-to-end', 'gateways', 'simulation'],
    ['worker', 'node', 'operations'],
  ],
  // Deployments take longest, in `node`.
  long: [['end-to-end', 'gateways'], ['node'], ['worker', 'operations', 'simulation']],
} as const;
