/**
 * A value that must not be written down, such as a card's number. Whatever shows, serializes or copies it has `[redacted]`
 * or nothing; who needs the value itself has to ask for it by name.
 */
const SHOWN = '[redacted]';

export class Redacted<T> {
  // In a function, because the console of a debugger shows private fields, and does not look into functions.
  readonly #value: () => T;

  constructor(value: T) {
    this.#value = () => value;
  }

  /** Only for what judges, sends or hashes card data: test/node/reveal.test.ts has the files that may. */
  reveal(): T {
    return this.#value();
  }

  toJSON(): string {
    return SHOWN;
  }

  /** Also what templates, concatenation and comparisons make of it. */
  toString(): string {
    return SHOWN;
  }

  /** What console.log shows, in Node as in workerd. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return SHOWN;
  }
}

/** The JSON of what has redacted values in it, with these values, and so redacted itself. */
export function redactedJson(value: object): Redacted<string> {
  // A replacer is given what toJSON has made of a value. The value itself is still where it was.
  function unredacted(this: Record<string, unknown>, key: string, shown: unknown): unknown {
    const original = this[key];
    return original instanceof Redacted ? original.reveal() : shown;
  }
  return new Redacted(JSON.stringify(value, unredacted));
}
