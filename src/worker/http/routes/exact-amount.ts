/**
 * The digits of an amount as they were sent. A parsed JSON number has been rounded to a double already, and then nobody
 * can distinguish 25.500000000000000001 from 25.50; so the body is parsed once more, for this one field.
 */
import { UnreadableRequest } from '../middleware/unreadable-request.ts';

/** What a reviver gets of a primitive value, in engines that have JSON.parse with source text. */
interface ReviverContext {
  source?: string;
}

/**
 * The decimal literal of a top-level field of the body, whether it was sent as a number or as a string.
 *
 * @throws UnreadableRequest where the body is nested so deeply that the engine's stack does not suffice
 */
export function exactAmount(body: string, field: string): string {
  return onlyNumber(body, field) ?? parsedAmount(body, field);
}

const NUMBER_BEHIND_NAME = /[ \t\n\r]*:[ \t\n\r]*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;

/**
 * The same for nearly every body, without another parser: where nothing is escaped, and the name is in quotes but once, the one that
 * the validator has found at the top is this one. Null where that is not so.
 */
function onlyNumber(body: string, field: string): string | null {
  const name = `"${field}"`;
  const at = body.indexOf(name);
  if (at < 0 || body.includes(name, at + 1) || body.includes('\\') || mayBeDeep(body)) return null;
  NUMBER_BEHIND_NAME.lastIndex = at + name.length;
  return NUMBER_BEHIND_NAME.exec(body)?.[1] ?? null;
}

/** More braces than a body of the contract has. */
const MANY_BRACES = /(?:\{[^{]*){4}/;

/** The parser refuses what is nested too deeply. */
function mayBeDeep(body: string): boolean {
  return body.includes('[') || MANY_BRACES.test(body);
}

function parsedAmount(body: string, field: string): string {
  const literals = new Map<object, string>();
  function remember(this: object, key: string, value: unknown, context?: ReviverContext): unknown {
    if (key === field && typeof value === 'number') literals.set(this, context?.source ?? String(value));
    if (key === field && typeof value === 'string') literals.set(this, value);
    return value;
  }
  let root: object;
  try {
    root = JSON.parse(body, remember as (this: unknown, key: string, value: unknown) => unknown);
  } catch (error) {
    if (error instanceof RangeError) throw new UnreadableRequest('The request body is nested too deeply.');
    // The engine's own message quotes the body, which has a card in it.
    throw new Error('a validated body is no JSON');
  }
  const literal = literals.get(root);
  if (literal === undefined) throw new Error(`a validated body has no amount in ${field}`);
  return literal;
}
