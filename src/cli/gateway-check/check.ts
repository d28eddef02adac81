/** One thing that is tried, and the table of all of them. */

export interface Check {
  what: string;
  expected: string;
  /** What came; its text is compared, as far as it is expected. */
  got: unknown;
  /** Whether that is as expected; null: it could not be tried, and `got` says why. */
  passed: boolean | null;
}

/** Something that can be tried. An error is one more thing that was not expected. */
export async function check(
  what: string,
  expected: string,
  run: () => Promise<unknown>,
  isExpected: (got: never) => boolean | null,
): Promise<Check> {
  try {
    const got = await run();
    return { what, expected, got, passed: isExpected(got as never) };
  } catch (error) {
    return { what, expected, got: error instanceof Error ? error.message : String(error), passed: false };
  }
}

/** Prints each as it comes. @returns whether none was unexpected */
export async function runChecks(checks: AsyncIterable<Check>, print: (line: string) => void): Promise<boolean> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { what, expected, got, passed } of checks) {
    const mark = passed === null ? 'skipped' : passed ? 'ok' : 'NOT OK';
    counts[passed === null ? 'skipped' : passed ? 'passed' : 'failed'] += 1;
    print(`  ${mark.padEnd(8)} ${what.padEnd(58)} ${passed === true ? expected : `${expected}; came: ${asText(got)}`}`);
  }
  print(`  ${counts.passed} as expected, ${counts.failed} not, ${counts.skipped} skipped\n`);
  return counts.failed === 0;
}

function asText(got: unknown): string {
  return typeof got === 'string' ? got : JSON.stringify(got);
}
