/** The pictures of the documentation: that `npm run screenshots` makes those which the pages show, and that they are there. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SIZE } from '../../scripts/screenshots/browser.ts';
import { IMAGES, PICTURES, TOTAL_MAX_BYTES } from '../../scripts/screenshots/pictures.ts';
import { coloured } from '../../scripts/screenshots/terminal-page.ts';
import { proseOf } from '../support/markdown.ts';

const files = PICTURES.map((picture) => `${picture}.png`).toSorted();
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'ops/README.md'],
  ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? join('docs', name) : [])),
];
const shown = pages.flatMap((page) =>
  [...proseOf(page).matchAll(/!\[([^\]]*)\]\(([^)]+\.png)\)/g)].map(([, alt = '', path = '']) => ({
    alt,
    path: normalize(join(dirname(page), path)),
  })),
);

describe('the pictures', () => {
  it('are those that npm run screenshots makes, and each is shown on a page', () => {
    expect(readdirSync(IMAGES).toSorted()).toEqual(files);
    expect([...new Set(shown.map(({ path }) => path))].toSorted()).toEqual(files.map((file) => join(IMAGES, file)));
  });

  it('are described for those who do not see them', () => {
    for (const { alt } of shown) expect(alt).toMatch(/^.{20,}$/);
  });

  it('have one size, and together few bytes', () => {
    for (const file of files) {
      const png = readFileSync(join(IMAGES, file));
      expect([png.toString('latin1', 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([
        'PNG',
        SIZE.width,
        SIZE.height,
      ]);
    }
    const bytes = files.reduce((sum, file) => sum + statSync(join(IMAGES, file)).size, 0);
    expect(bytes).toBeLessThan(TOTAL_MAX_BYTES);
  });
});

describe("a terminal's text as HTML", () => {
  it('keeps colours, and ends each where the terminal does', () => {
    expect(coloured('a \u001b[1m\u001b[31mred\u001b[39m bold\u001b[22m plain')).toBe(
      'a <span style="font-weight:700;color:#e0626c">red</span><span style="font-weight:700"> bold</span> plain',
    );
  });

  it('keeps text as text', () => {
    expect(coloured('{"a":"<b>&"}\u001b[2K')).toBe('{&quot;a&quot;:&quot;&lt;b&gt;&amp;&quot;}');
  });
});
