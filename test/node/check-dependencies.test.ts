/** `npm run check:dependencies`, with a stand-in for npm: what a registry answers is not the same from day to day. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** As npm 11 prints it for a registry that has no such endpoint. */
const REFUSED = {
  message: '405 Method Not Allowed - POST https://registry.test/-/npm/v1/security/advisories/bulk',
  method: 'POST',
  statusCode: 405,
  error: { summary: '', detail: '' },
};
const NOTHING_FOUND = { auditReportVersion: 2, vulnerabilities: {} };
const finding = (severity: string) => ({
  auditReportVersion: 2,
  vulnerabilities: { hono: { name: 'hono', severity, range: '<4.13.20' } },
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'check-dependencies-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** With an npm that writes down what it is called with, prints this, and exits as npm does. */
function check(printed: string, ...parameters: string[]) {
  const npm = join(directory, 'npm');
  const calls = join(directory, 'calls');
  writeFileSync(join(directory, 'report'), printed);
  writeFileSync(npm, `#!/bin/sh\necho "$@" >> '${calls}'\ncat '${join(directory, 'report')}'\nexit 1\n`);
  chmodSync(npm, 0o755);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/check-dependencies.ts', ...parameters], {
    encoding: 'utf8',
    env: { ...process.env, PATH: [directory, dirname(process.execPath), process.env.PATH].join(delimiter) },
  });
  return { status, output: `${stdout}${stderr}`, calls: () => readFileSync(calls, 'utf8').trim().split('\n') };
}

describe('npm run check:dependencies', () => {
  it.each([
    { answer: 'a refusal', printed: JSON.stringify(REFUSED), reason: '405 Method Not Allowed' },
    { answer: 'an error', printed: JSON.stringify({ error: { summary: 'ENOTFOUND' } }), reason: 'ENOTFOUND' },
    { answer: 'nothing', printed: '', reason: 'npm audit printed no report' },
    { answer: 'a page of a proxy', printed: '<html>', reason: 'npm audit printed no report' },
  ])(
    'says that it was not checked where the registry gives $answer, and fails only if an answer is required',
    ({ printed, reason }) => {
      const tolerant = check(printed);
      expect(tolerant.output).toContain(
        `NOT CHECKED for known vulnerabilities. The registry did not answer (${reason}`,
      );
      expect(tolerant.status).toBe(0);
      const strict = check(printed, '--require-answer');
      expect(strict.output).toBe(tolerant.output);
      expect(strict.status).toBe(1);
    },
  );

  it.each([
    { severity: 'critical', serious: 1, status: 1 },
    { severity: 'high', serious: 1, status: 1 },
    { severity: 'moderate', serious: 0, status: 0 },
  ])('names a $severity vulnerability and exits with $status', ({ severity, serious, status }) => {
    for (const parameters of [[], ['--require-answer']]) {
      const answer = check(JSON.stringify(finding(severity)), ...parameters);
      expect(answer.output).toBe(
        `${severity}: hono <4.13.20\nDependencies: 1 with known vulnerabilities, ${serious} of them high or critical\n`,
      );
      expect(answer.status).toBe(status);
    }
  });

  it('passes where nothing is known, having asked about what is deployed, also if npm is set to be offline', () => {
    const answer = check(JSON.stringify(NOTHING_FOUND), '--require-answer');
    expect(answer.output).toBe('Dependencies: 0 with known vulnerabilities, 0 of them high or critical\n');
    expect(answer.status).toBe(0);
    expect(answer.calls()).toEqual(['audit --omit=dev --json --no-offline']);
  });

  it('refuses an argument that it does not know, and asks nobody', () => {
    const answer = check(JSON.stringify(NOTHING_FOUND), '--require-anser');
    expect(answer.status).toBe(2);
    expect(answer.output).toContain('--require-anser is unknown');
    expect(() => answer.calls()).toThrow('ENOENT');
  });
});
