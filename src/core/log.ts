/**
 * One JSON line for each thing worth knowing, with the request's id. What is logged is named field by field, so that no
 * card data can come along (invariant 5).
 */
export type LogLevel = 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** A log whose lines all carry `context`, such as the request id. */
export function createLog(context: LogFields): Log {
  return function log(level, event, fields) {
    const line = JSON.stringify({ level, event, ...context, ...fields });
    if (level === 'error') console.error(line);
    else if (level === 'warn') console.warn(line);
    else console.log(line);
  };
}

/** The same log, with these fields in each line. */
export function withFields(log: Log, context: LogFields): Log {
  return (level, event, fields) => log(level, event, { ...context, ...fields });
}

/** An error's name and message for a log line. A parser's message quotes what it was given, and is left out. */
export function errorFields(error: unknown): LogFields {
  if (error instanceof SyntaxError) return errorPlace(error);
  return error instanceof Error ? { error: error.name, message: error.message } : { error: String(error) };
}

/** The error's name alone, for a call that carries an event: its message may quote the event. */
export function errorName(error: unknown): LogFields {
  return { error: error instanceof Error ? error.name : typeof error };
}

/** An error's name and where it was thrown, for work on card data: a message may quote the data, as those of parsers do. */
export function errorPlace(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error };
  const calls = error.stack?.split('\n').filter((line) => /^ +at .*:\d+:\d+\)?$/.test(line));
  return { error: error.name, at: calls?.map((call) => call.trim()).join(', ') };
}
