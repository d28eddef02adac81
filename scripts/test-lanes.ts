/**
 * Which projects of vitest.config.ts run beside each other. Those of a lane run one after the other; on two cores, lanes that end at about the same
 * time take least. Every project has its place in each list.
 */
export const LANES = {
  quick: [
    ['end-to-end', 'gateways'],
    ['worker', 'simulation'],
    ['node', 'operations'],
  ],
  // The longest by far are deployments, in `node`.
  long: [['end-to-end', 'gateways'], ['node'], ['worker', 'operations', 'simulation']],
} as const;
