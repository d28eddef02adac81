/**
 * Two million entries of the audit log, packed and archived by the Worker's own jobs: how long it takes to verify them all, and whether one
 * altered byte of one object is found and named.
 */
import { execFile } from 'node:child_process';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { localDatabase, localDatabaseFile } from '../../test/support/local-database.ts';
import { copyProject } from '../../test/support/project-copy.ts';
import { runDirectory } from '../../test/support/run.ts';
import { writeSealedEntries } from '../backlogs.ts';
import type { Figure, Measuring } from '../figure.ts';
import { ARCHIVE_BUCKET, bundleWorker, startLocalWorker } from '../local-worker.ts';

const ENTRIES = 2_000_000;
const QUICK_ENTRIES = 20_000;
/** Older than anything stays in a database. */
const AGE_MS = 365 * 24 * 60 * 60_000;
const POLL_MS = 1_000;
const CRON_EACH_MS = 5_000;
const VERIFY_DEADLINE_MS = 10 * 60_000;
const EXIT_BROKEN = 1;

export const archivedAudit: Figure = {
  name: 'archived-audit',
  title: 'archived audit: two million entries, and one altered byte',
  isLong: true,
  async measure(measuring) {
    const directory = runDirectory('bench-archived');
    const project = copyProject();
    try {
      const entries = measuring.quick ? QUICK_ENTRIES : ENTRIES;
      const archiveSeconds = await fillArchive(directory, entries, measuring);
      bindArchive(join(project.directory, 'wrangler.toml'));
      const whole = await verify(project.directory, directory);
      const sealed = Number(JSON.parse(whole.output).sealed);
      const object = alterOneByte(directory);
      const altered = await verify(project.directory, directory);
      const isNamed = altered.code === EXIT_BROKEN && altered.output.includes(object);
      const count = sealed.toLocaleString('en');
      return {
        lines: [
          { what: `${count} entries: packed and archived in`, value: archiveSeconds, unit: 's' },
          { what: `${count} entries: verified in`, value: whole.seconds, unit: 's', note: `exit code ${whole.code}` },
          {
            what: 'one altered byte of one object: found, and the object named',
            value: isNamed ? 1 : 0,
            unit: '',
            target: { atLeast: 1 },
            note: object,
          },
        ],
        details: {
          sealed,
          archive_seconds: archiveSeconds,
          verify_seconds: whole.seconds,
          exit_code: whole.code,
          object,
        },
      };
    } finally {
      project.remove();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** Answers with the seconds in which the jobs have packed and archived all but the newest block. */
async function fillArchive(directory: string, entries: number, { progress, signal }: Measuring): Promise<number> {
  const script = await bundleWorker('src/worker/index.ts', join(directory, 'bundle'), signal);
  const variables = { ...LOCAL_VARIABLES, BRIDGE_URL: 'http://127.0.0.1:9' };
  const worker = await startLocalWorker({ script, directory, variables, hasArchive: true });
  try {
    const file = new DatabaseSync(localDatabaseFile(directory));
    try {
      writeSealedEntries(file, { count: entries, nowMs: Date.now() - AGE_MS });
    } finally {
      file.close();
    }
    const startedMs = performance.now();
    let cronAtMs = Number.NEGATIVE_INFINITY;
    for (let left = entries; left > 0; ) {
      signal.throwIfAborted();
      if (performance.now() - cronAtMs >= CRON_EACH_MS) {
        cronAtMs = performance.now();
        await worker.runCron();
      }
      await sleep(POLL_MS);
      const database = localDatabase(directory);
      left = database.count(
        `SELECT (SELECT coalesce(sum(entries), 0) FROM audit_blocks WHERE last_sequence < (SELECT max(last_sequence) FROM audit_blocks))
           - (SELECT coalesce(sum(entries), 0) FROM archived_ranges WHERE kind = 'audit')`,
      );
      database.close();
      progress.at(entries - left, entries);
    }
    return (performance.now() - startedMs) / 1_000;
  } finally {
    await worker.stop();
  }
}

/** The copy's configuration, with the archive that the one of the project leaves out. */
function bindArchive(config: string): void {
  const bucket = `[[r2_buckets]]\nbinding = "ARCHIVE"\nbucket_name = "${ARCHIVE_BUCKET}"\n`;
  writeFileSync(config, `${readFileSync(config, 'utf8')}\n${bucket}`);
}

async function verify(project: string, state: string): Promise<{ code: number; output: string; seconds: number }> {
  const startedMs = performance.now();
  const args = ['src/cli/launch.mjs', 'audit', 'verify', '--json', '--persist-to', state];
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) =>
    execFile(
      process.execPath,
      args,
      { cwd: project, timeout: VERIFY_DEADLINE_MS, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: stdout }),
    ),
  );
  return { code, output, seconds: (performance.now() - startedMs) / 1_000 };
}

/** In the middle of the largest object, in the files in which the local R2 has it. Answers with the object's name. */
function alterOneByte(directory: string): string {
  const blobs = globSync(`v3/r2/${ARCHIVE_BUCKET}/blobs/*`, { cwd: directory }).map((path) => join(directory, path));
  const [largest] = blobs.toSorted((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error('the local R2 has no object');
  const bytes = readFileSync(largest);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(largest, bytes);
  const database = localDatabase(directory);
  const [object] = database.column(
    `SELECT object FROM archived_ranges WHERE bytes = ${bytes.length} AND kind = 'audit'`,
  );
  database.close();
  if (object === undefined) throw new Error(`no object of ${bytes.length} bytes has been archived`);
  return object;
}
