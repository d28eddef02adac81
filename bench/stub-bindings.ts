/**
 * Bindings that answer at once, so that what is measured is the service's own work. The database repeats what a real one has answered
 * to the same request, with the ids and times of the request at hand.
 */

/** A cell of a recorded row: as it was, or what was bound to a statement of this request. */
export type RecordedCell = { value: unknown } | { batch: number; statement: number; parameter: number };
export type RecordedRow = Record<string, RecordedCell>;

/** Of each batch of a request, the rows of each statement. */
export type RecordedAnswers = RecordedRow[][][];

interface StubStatement {
  values: readonly unknown[];
  bind(...values: unknown[]): StubStatement;
}

/** A database that is told when the next request begins, and what it answers to it. */
export interface RequestDatabase {
  begin(answers: RecordedAnswers): void;
}

const STATEMENT = statementOf([]);

function statementOf(values: readonly unknown[]): StubStatement {
  return { values, bind: (...bound) => statementOf(bound) };
}

export function stubDatabase() {
  let answers: RecordedAnswers = [];
  let sent: StubStatement[][] = [];
  const cellValue = (cell: RecordedCell) =>
    'value' in cell ? cell.value : sent[cell.batch]?.[cell.statement]?.values[cell.parameter];
  return {
    begin(recorded: RecordedAnswers) {
      answers = recorded;
      sent = [];
    },
    prepare: () => STATEMENT,
    async batch(statements: StubStatement[]) {
      const recorded = answers[sent.length];
      // The first batch of an isolate presents the place of the database before all else.
      const isFirst = recorded !== undefined && statements.length === recorded.length + 1;
      const known = isFirst ? statements.slice(1) : statements;
      if (recorded?.length !== known.length) throw new Error('the database is asked for what was not recorded');
      sent.push(known);
      return [...(isFirst ? [[]] : []), ...recorded].map((rows) => ({
        results: rows.map((row) => {
          const result: Record<string, unknown> = {};
          for (const name in row) result[name] = cellValue(row[name] as RecordedCell);
          return result;
        }),
        meta: { changes: 1 },
      }));
    },
  };
}

/** The other bindings of the Worker. Each request is admitted. */
export function stubBindings(variables: Record<string, string>, database: RequestDatabase) {
  const admission = {
    admitted: true,
    remaining: 19,
    resetAtMs: Date.now() + 60_000,
    windows: [
      { limit: 20, windowMs: 10_000, remaining: 19, resetAtMs: Date.now() + 10_000 },
      { limit: 100, windowMs: 60_000, remaining: 99, resetAtMs: Date.now() + 60_000 },
    ],
  };
  const queue = { send: async () => {}, sendBatch: async () => {} };
  return {
    ...variables,
    DB: database,
    RATE_LIMITER: { getByName: () => ({ admit: async () => admission }) },
    PAYMENT_EVENTS: queue,
    PAYMENT_WORK: queue,
  };
}

/** What is sent again and again, and what the database answers. `BOOKING` in the body is a new booking each time. */
export interface RepeatedRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  answers: RecordedAnswers;
}
export const BOOKING = 'BOOK-f00000000000';

/** What the Worker that repeats requests inside workerd is asked for. */
export interface CpuRun {
  variables: Record<string, string>;
  request: RepeatedRequest;
  times: number;
  /** Whether the service is left out. */
  idle: boolean;
}

interface Handler {
  fetch(request: Request, env: unknown, execution: unknown): Response | Promise<Response>;
}

/** Sends the request so often, one after the other, and waits for all that each of them causes. */
export async function repeatRequest(
  worker: Handler,
  env: object,
  database: RequestDatabase,
  { method, path, headers, body, answers }: RepeatedRequest,
  times: number,
): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    database.begin(answers);
    const own = body?.replace(BOOKING, `BOOK-f${String(n).padStart(11, '0')}`);
    const request = new Request(`https://payments.test${path}`, { method, headers, ...(own && { body: own }) });
    const rest: Promise<unknown>[] = [];
    const execution = {
      waitUntil: (promise: Promise<unknown>) => void rest.push(promise),
      passThroughOnException: () => {},
      props: {},
    };
    const response = await worker.fetch(request, env, execution);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path} was answered with ${response.status}: ${text}`);
    await Promise.all(rest);
  }
}

/** Does nothing with the same requests: what it takes is the loop's and the runtime's. */
export const IDLE_WORKER: Handler = {
  async fetch(request) {
    if (request.method === 'POST') await request.text();
    return new Response('{}');
  },
};
