/** The recovery jobs by their names in `job_slots`. What each one does is in background/recovery-jobs.ts. */

export const JOBS = ['look_ups', 'sweep'] as const;
export type Job = (typeof JOBS)[number];
