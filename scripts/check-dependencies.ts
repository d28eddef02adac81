/**
 * `npm run check:dependencies`: what the registry knows of weaknesses in the packages that are deployed. Not every registry can be asked
 * that; where it can't, that is said, and is no failure.
 */
import { spawnSync } from 'node:child_process';

const DEADLINE_MS = 60_000;
/** What is less does not hold up a release. */
const SERIOUS = ['high', 'critical'] as const;

interface AuditReport {
  /** Where the registry did not answer. */
  message?: string;
  error?: { summary?: string };
  vulnerabilities?: Record<string, { name: string; severity: string; range: string }>;
}

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  timeout: DEADLINE_MS,
});
const report = parsed(stdout);
if (report?.vulnerabilities === undefined) {
  console.log(`Dependencies: the registry was asked for known weaknesses, and did not say (${reasonOf(report)})`);
  process.exit(0);
}
const found = Object.values(report.vulnerabilities);
const serious = found.filter(({ severity }) => SERIOUS.some((level) => level === severity));
for (const { name, severity, range } of found) console.log(`${severity}: ${name} ${range}`);
console.log(`Dependencies: ${found.length} with known weaknesses, ${serious.length} of them serious`);
process.exit(serious.length === 0 ? 0 : 1);

function parsed(text: string | null): AuditReport | null {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null; // npm itself failed, and said so in its own way
  }
}

function reasonOf(report: AuditReport | null): string {
  return report?.message ?? report?.error?.summary ?? error?.message ?? 'no answer';
}
