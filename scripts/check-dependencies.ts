/**
 * `npm run check:dependencies`: asks the npm registry for known vulnerabilities in the packages that are deployed. Exits with 1 if one is
 * high or critical. Not every registry answers that question: the script then reports that nothing was checked, and fails only with
 * `--require-answer`, as in CI on GitHub.
 */
import { spawnSync } from 'node:child_process';

const DEADLINE_MS = 60_000;
/** What is less does not hold up a release. */
const SERIOUS = ['high', 'critical'] as const;
const REQUIRE_ANSWER = '--require-answer';

interface AuditReport {
  /** Where the registry did not answer. */
  message?: string;
  error?: { summary?: string };
  vulnerabilities?: Record<string, { name: string; severity: string; range: string }>;
}

const [unknown] = process.argv.slice(2).filter((argument) => argument !== REQUIRE_ANSWER);
if (unknown !== undefined) {
  console.error(`${unknown} is unknown. Usage: npm run check:dependencies [-- ${REQUIRE_ANSWER}]`);
  process.exit(2);
}
const requireAnswer = process.argv.includes(REQUIRE_ANSWER);

// Where npm is set to be offline, it sends no request and reports that nothing was found.
const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json', '--no-offline'], {
  encoding: 'utf8',
  timeout: DEADLINE_MS,
});
const report = parsed(stdout);
if (report?.vulnerabilities === undefined) {
  console.log(`Dependencies: NOT CHECKED for known vulnerabilities. The registry did not answer (${reasonOf(report)})`);
  process.exit(requireAnswer ? 1 : 0);
}
const found = Object.values(report.vulnerabilities);
const serious = found.filter(({ severity }) => SERIOUS.some((level) => level === severity));
for (const { name, severity, range } of found) console.log(`${severity}: ${name} ${range}`);
console.log(`Dependencies: ${found.length} with known vulnerabilities, ${serious.length} of them high or critical`);
process.exit(serious.length === 0 ? 0 : 1);

function parsed(text: string | null): AuditReport | null {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null; // npm itself failed and has reported it
  }
}

function reasonOf(report: AuditReport | null): string {
  return report?.message || report?.error?.summary || error?.message || 'npm audit printed no report';
}
