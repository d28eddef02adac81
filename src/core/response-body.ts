/** Bodies of HTTP answers: never more of one is read than is of use. */

/** The text of an answer of no more than `maxBytes`; null where it is longer, and then the rest is not read. */
export async function textAtMost(response: Response, maxBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The JSON of an answer; undefined where it is longer than `maxBytes`, or is not JSON. */
export async function jsonAtMost(response: Response, maxBytes: number): Promise<unknown> {
  return parsedJson((await textAtMost(response, maxBytes)) ?? '');
}

/** Undefined where the text is not JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
