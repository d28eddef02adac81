/**
 * Verifies the audit logs of an installation. Each database has a log of its own; an export of more than one has a line before each log that
 * says whose it is.
 */
import { type Broken, notSealedWith, type OneOfSeveral, UNREAD, type Verdict, verifyAudit } from './verify-audit.ts';

export interface AuditVerdict {
  /** By the numbers of the databases. */
  logs: (Verdict & { headFound: boolean })[];
  /** What is wrong with all of them together; null if there is nothing. */
  broken: Broken | null;
}

/** The line before the log of a database, where there is more than one. */
export function databaseLine(number: number, of: number): string {
  return JSON.stringify({ database: { number, of } });
}

/** @param heads hashes that were logged earlier; each must be in one of the logs */
export async function verifyEach(
  count: number,
  heads: readonly string[],
  verifyOne: (number: number, expectedHead: string | null, several?: OneOfSeveral) => Promise<Verdict>,
): Promise<AuditVerdict> {
  if (count === 1) {
    const [head = null, ...more] = heads;
    if (more.length > 0) throw new Error('There is one database, whose log has one head: give --head once');
    return { logs: [{ ...(await verifyOne(0, head)), headFound: head !== null }], broken: null };
  }
  const missingHeads = new Set(heads);
  const logs: AuditVerdict['logs'] = [];
  for (let number = 0; number < count; number += 1) {
    const missing = missingHeads.size;
    const verdict = await verifyOne(number, null, { missingHeads });
    logs.push({ ...verdict, headFound: missingHeads.size < missing });
  }
  // A log that is broken was not read to its end.
  const isLacking = missingHeads.size > 0 && logs.every(({ broken }) => broken === null);
  return { logs, broken: isLacking ? { where: 'an end', what: notSealedWith([...missingHeads].join(', ')) } : null };
}

export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  heads: readonly string[],
): Promise<AuditVerdict> {
  const source = (async function* all() {
    yield* lines;
  })();
  let [next, number] = [await source.next(), 1];
  const advance = async () => {
    [next, number] = [await source.next(), number + 1];
  };
  const isDatabaseLine = () => !next.done && DATABASE_LINE.test(next.value);
  async function* rest(isEnd = () => false) {
    for (; !next.done && !isEnd(); await advance()) yield next.value;
  }
  const count = Number(DATABASE_LINE.exec(next.value ?? '')?.[1] ?? 1);
  if (count === 1) return verifyEach(1, heads, (_, head) => verifyAudit(rest(), head));

  const verdict = await verifyEach(count, heads, async (database, head, several) => {
    if (next.done || next.value !== databaseLine(database, count)) {
      const what = `here the log of database ${database} of ${count} should begin`;
      return { ...UNREAD, broken: { where: next.done ? 'the end' : `line ${number}`, what } };
    }
    const linesBefore = number;
    await advance();
    const read = await verifyAudit(rest(isDatabaseLine), head, { ...several, linesBefore });
    while (!next.done && !isDatabaseLine()) await advance();
    return read;
  });
  if (next.done || verdict.logs.some(({ broken }) => broken !== null)) return verdict;
  const what = `it comes after the logs of all ${count} databases`;
  return { ...verdict, broken: { where: `line ${number}`, what } };
}

const DATABASE_LINE = /^\{"database":\{"number":\d{1,2},"of":(\d{1,2})\}\}$/;
