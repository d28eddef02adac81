/** What splits a migration into statements on Cloudflare is another program than on a desk, and cannot be had here. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

describe.each(readdirSync('migrations'))('%s', (file) => {
  const lines = readFileSync(`migrations/${file}`, 'utf8').split('\n');

  it('has neither quotes nor semicolons in its comments', () => {
    const comments = lines.filter((line) => line.includes('--')).map((line) => line.slice(line.indexOf('--')));
    expect(comments.length).toBeGreaterThan(0);
    expect(comments.filter((comment) => /['"`;]/.test(comment))).toEqual([]);
  });

  it('has each trigger on one line, with one statement', () => {
    for (const line of lines.filter((line) => /CREATE TRIGGER/i.test(line))) {
      expect(line).toMatch(/^CREATE TRIGGER [^;]* BEGIN [^;]*; END;$/);
    }
  });
});
