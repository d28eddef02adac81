/** One check, and its result. */

export interface Check {
  what: string;
  expected: string;
  /** The actual result; its text is compared with the expected part. */
  got: unknown;
  /** Whether that is as expected; null: the check could not run, and `got` is the reason. */
  passed: boolean | null;
}

/** A check to run. An error is a failed check. */
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

/** Runs all of them. @param onChecked is called after each, with how many there have been */
export async function runChecks(checks: AsyncIterable<Check>, onChecked: (done: number) => void): Promise<Check[]> {
  const ran: Check[] = [];
  for await (const one of checks) {
    ran.push(one);
    onChecked(ran.length);
  }
  return ran;
}

export function outcomeOf({ passed }: Check): 'ok' | 'not_ok' | 'skipped' {
  if (passed === null) return 'skipped';
  return passed ? 'ok' : 'not_ok';
}

/** The actual result, as text. */
export function gotText({ got }: Check): string {
  return typeof got === 'string' ? got : (JSON.stringify(got) ?? '');
}
