/** Typed or pasted text: removes accidental characters around a value. */

/** White space of any kind, and invisible characters: zero-width spaces, byte order marks, marks of direction. */
const BLANK = /^[\p{White_Space}\p{Format}]$/u;

/** The text without blanks around it. In linear time; a regular expression for the end would take quadratic time. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANK.test(text.charAt(start))) start += 1;
  while (end > start && BLANK.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
