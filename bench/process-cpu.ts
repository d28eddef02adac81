/** CPU time of processes from /proc, which only Linux has. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of USER_HZ, which is 100 on every Linux that Node runs on. */
const MS_A_TICK = 10;

/** Milliseconds that the process has spent on CPUs, in user and system mode; NaN where that is unknown. */
export function cpuMs(pid: number): number {
  const stat = statOf(pid);
  return stat === null ? Number.NaN : (Number(stat.fields[11]) + Number(stat.fields[12])) * MS_A_TICK;
}

/** The workerd processes that a process has started. */
export function workerdsOf(parent: number): number[] {
  return pids().filter((pid) => {
    const stat = statOf(pid);
    return stat?.command === 'workerd' && Number(stat.fields[1]) === parent;
  });
}

function pids(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

/** The command's name may have spaces in it: it ends at the last parenthesis. `fields` begins with the state. */
function statOf(pid: number): { command: string; fields: string[] } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    return { command: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') };
  } catch {
    return null; // it has ended, or this is no Linux
  }
}
