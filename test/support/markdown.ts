/** What a Markdown page has, as GitHub shows it. */
import { readFileSync } from 'node:fs';

/** Whether a link to this anchor of the page leads somewhere. The empty one leads to its top. */
export function hasHeading(page: string, anchor: string): boolean {
  if (anchor === '') return true;
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor);
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Without its blocks of code. */
export function proseOf(page: string): string {
  return readFileSync(page, 'utf8').replace(/^ *```.*?^ *```/gms, '');
}
