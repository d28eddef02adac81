/**
 * A value that must not be logged or stored, such as a card number. Showing, serializing or copying it yields `[redacted]` or
 * nothing; only its `reveal` method returns the value.
 */
const SHOWN = '[redacted]';

export class Redacted<T> {
  // In a function, because the console of a debugger shows private fields, and does not look into functions.
  readonly #value: () => T;

  constructor(value: T) {
    this.#value = () => value;
  }

  /** Only for code that validates, sends or hashes card data: test/node/reveal.test.ts lists the files that may call it. */
  reveal(): T {
    return this.#value();
  }

  toJSON(): string {
    return SHOWN;
  }

  /** Used by templates, concatenation and comparisons, too. */
  toString(): string {
    return SHOWN;
  }

  /** What console.log shows, in Node as in workerd. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return SHOWN;
  }
}

/** The JSON of an object with its redacted values revealed; the JSON is redacted in turn. */
export function redactedJson(value: object): Redacted<string> {
  // A replacer is given what toJSON has made of a value. The value itself is still where it was.
  function unredacted(this: Record<string, unknown>, key: string, shown: unknown): unknown {
    const original = this[key];
    return original instanceof Redacted ? original.reveal() : shown;
  }
  return new Redacted(JSON.stringify(value, unredacted));
}
