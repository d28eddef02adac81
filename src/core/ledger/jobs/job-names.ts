/** The jobs by their names in `job_slots`. What each one does is in background/jobs.ts. */

export const JOBS = ['look_ups', 'sweep', 'seal', 'pack', 'archive', 'purge', 'reconcile'] as const;
export type Job = (typeof JOBS)[number];
