/** A text as the title of a test can have it. */
export function abridged(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 12)}…${text.slice(-6)} (${text.length} characters)`;
}

/** Cases for `it.each`: each text with its title before it. */
export const titled = (texts: readonly string[]): [title: string, text: string][] =>
  texts.map((text) => [abridged(text), text]);
