/** One run of vitest, and which of its files failed. */
import { readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { startProcess } from './processes.ts';

/** Of the end of a run, where vitest says what failed and why. */
const LAST_LINES = 80;

export interface VitestRun {
  passed: boolean;
  /** Files with a test that failed, from the project's directory. None where vitest itself failed. */
  failedFiles: string[];
  /** What it was, how it ended, and the last that it said. */
  account: string;
}

/** @param report where vitest writes its report, from which the files are known; null: nobody asks for them */
export async function runVitest(
  args: readonly string[],
  options: { report: string | null; env: Record<string, string>; niceness?: number; signal: AbortSignal },
): Promise<VitestRun> {
  const { report, env, niceness = 0, signal } = options;
  const reporters = report === null ? [] : ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  if (report !== null) await rm(report, { force: true }); // of an earlier run
  const lines: string[] = [];
  const vitest = startProcess(['node_modules/vitest/vitest.mjs', 'run', ...args, ...reporters], {
    cwd: process.cwd(),
    env,
    onLine: (line) => {
      console.log(line);
      lines.push(line);
    },
    niceness,
  });
  signal.addEventListener('abort', () => void vitest.stop());
  if (signal.aborted) await vitest.stop();
  const how = await vitest.ended;
  const passed = how === 'exit code 0';
  return {
    passed,
    failedFiles: passed || report === null ? [] : await failedIn(report),
    account: [`vitest ${args.join(' ')}: ${how}`, ...lines.slice(-LAST_LINES)].join('\n'),
  };
}

/** None where vitest ended before it wrote its report. */
async function failedIn(report: string): Promise<string[]> {
  const text = await readFile(report, 'utf8').catch(() => '{"testResults":[]}');
  const { testResults } = JSON.parse(text) as { testResults: { name: string; status: string }[] };
  return testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));
}
