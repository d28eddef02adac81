/**
 * Which projects of vitest.config.ts run beside each other: those of a run together, and the runs of a lane one after the other. On two cores, lanes
 * that end at about the same time take least. Every project has its place in each list.
 */
export type Lane = readonly (readonly string[])[];

export const LANES: Record<'quick' | 'long', readonly Lane[]> = {
  quick: [[['end-to-end'], ['gateways', 'simulation']], [['worker', 'node', 'operations']]],
  // A third lane would make all of them slower on two cores.
  long: [[['end-to-end']], [['worker', 'node', 'operations', 'gateways', 'simulation']]],
};
