/** The pages of the documentation: where their links lead, that all of them can be found, and that they name every code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/contract/error-codes.ts';
import { hasHeading, proseOf } from '../support/markdown.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'ops/README.md',
  ...readdirSync('docs').map((name) => join('docs', name)),
].filter((path) => path.endsWith('.md'));

describe.each(PAGES)('%s', (page) => {
  it('links only to what exists', () => {
    const broken = linksOf(page).filter(([path, anchor]) => !existsSync(path) || !hasHeading(path, anchor));
    expect(broken).toEqual([]);
  });
});

it('README.md leads to each page', () => {
  const linked = new Set(linksOf('README.md').map(([path]) => path));
  expect(PAGES.filter((page) => page !== 'README.md' && !linked.has(page))).toEqual([]);
});

it('docs/api.md has each error code', () => {
  const page = readFileSync('docs/api.md', 'utf8');
  expect(ERROR_CODES.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});

/** Of this repository, each as its path and its anchor. */
function linksOf(page: string): [path: string, anchor: string][] {
  const links = proseOf(page).matchAll(/\]\((?![a-z]+:)([^)#\s]*)#?([^)\s]*)\)/g);
  return [...links].map(([, path = '', anchor = '']) => [
    path === '' ? page : normalize(join(dirname(page), path)),
    anchor,
  ]);
}
