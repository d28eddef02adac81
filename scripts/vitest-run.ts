/** One run of vitest, and which of its files failed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { startProcess } from './processes.ts';

/** Of the end of a run, where vitest says what failed and why. */
const LAST_LINES = 80;

export interface VitestRun {
  passed: boolean;
  /** Files with a test that failed, from the project's directory. None where vitest itself failed, or where nobody asked for them. */
  failedFiles: string[];
  /** What it was, how it ended, and the last that it said. */
  account: string;
}

export async function runVitest(
  args: readonly string[],
  options: { asksForFiles: boolean; env: Record<string, string>; niceness?: number; signal: AbortSignal },
): Promise<VitestRun> {
  const { asksForFiles, env, niceness = 0, signal } = options;
  // Not where the run writes: the names of tests have card numbers.
  const directory = await mkdtemp(join(tmpdir(), 'vitest-'));
  const report = join(directory, 'report.json');
  const reporters = asksForFiles ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
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
  const failedFiles = passed || !asksForFiles ? [] : await failedIn(report);
  await rm(directory, { recursive: true });
  return {
    passed,
    failedFiles,
    account: [`vitest ${args.join(' ')}: ${how}`, ...lines.slice(-LAST_LINES)].join('\n'),
  };
}

/** None where vitest ended before it wrote its report. */
async function failedIn(report: string): Promise<string[]> {
  const text = await readFile(report, 'utf8').catch(() => '{"testResults":[]}');
  const { testResults } = JSON.parse(text) as { testResults: { name: string; status: string }[] };
  return testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));
}
