/** Text that people type or paste: what surrounds a value by accident is no part of it. */

/** White space of any kind, and what nobody sees at all: zero-width spaces, byte order marks, marks of direction. */
const BLANK = /^[\p{White_Space}\p{Format}]$/u;

/** The text without blanks around it. In linear time, which a regular expression for the end would not take. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANK.test(text.charAt(start))) start += 1;
  while (end > start && BLANK.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
