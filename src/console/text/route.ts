/** Addresses of the pages. They are in the fragment, so that ids and searches do not reach the server's logs. */

/** The pages and their titles. */
export const PAGES = {
  overview: 'Overview',
  payments: 'Payments',
  find: 'Find',
  cases: 'Needs a person',
  disputes: 'Disputes',
  events: 'Events',
  reconciliation: 'Reconciliation',
  gateways: 'Gateways',
  databases: 'Databases',
  keys: 'API keys',
} as const;
export type PageName = keyof typeof PAGES;

export interface Route {
  /** Null: there is no such page. */
  page: PageName | null;
  /** Of one payment, or of one of its refunds. */
  id: string | null;
  query: URLSearchParams;
}

/** @param hash `#/payments/TXN-1?…`, as location has it */
export function readRoute(hash: string): Route {
  const [path = '', query = ''] = splitOnce(hash.replace(/^#\/?/, ''), '?');
  const [name = '', ...rest] = path.split('/');
  const id = rest.length === 0 ? null : decoded(rest.join('/'));
  const page = name === '' ? 'overview' : isPage(name) ? name : null;
  return { page: id === null || page === 'payments' ? page : null, id, query: new URLSearchParams(query) };
}

/** Filters without a value are left out. */
export function addressOf(page: PageName, filters: Record<string, string | undefined> = {}): string {
  const given = Object.entries(filters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const query = new URLSearchParams(given).toString();
  return `#/${page === 'overview' ? '' : page}${query === '' ? '' : `?${query}`}`;
}

export function addressOfPayment(id: string): string {
  return `#/payments/${encodeURIComponent(id)}`;
}

/** The address for a text in the search box: the payment, if it is an id, else a search; null if it is empty. */
export function addressOfTyped(typed: string): string | null {
  const text = typed.trim();
  if (text === '') return null;
  return /^(TXN|REF)-[\w-]+$/.test(text) ? addressOfPayment(text) : addressOf('find', { q: text });
}

function isPage(name: string): name is PageName {
  return Object.hasOwn(PAGES, name);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** A truncated address is shown as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
