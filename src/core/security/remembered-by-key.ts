/** What an isolate keeps of the secrets in its settings, so that each is imported once: keys of the platform, which show nobody their bytes. */

/** An environment has fewer secrets; tests have many environments. */
const MAX_REMEMBERED = 64;

/** The same function, which makes of each key once what it makes of it. */
export function rememberedByKey<Made>(make: (key: string) => Promise<Made>): (key: string) => Promise<Made> {
  // What was made, not the promise of it: a request must not wait for what another one has begun.
  const known = new Map<string, Made>();
  return async function remembered(key) {
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = await make(key);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(key, made);
    return made;
  };
}
