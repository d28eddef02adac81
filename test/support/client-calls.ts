/** The clients of both languages behind one function, so that a test can ask the same of each. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PaymentClient } from '../../clients/typescript/payment-client.ts';
import { PYTHON } from '../../scripts/python-clients.ts';

export interface ClientCall {
  baseUrl: string;
  apiKey?: string;
  headers?: Record<string, string>;
  deadlineSeconds?: number;
  operation: 'pay' | 'capture' | 'void' | 'refund' | 'status';
  /** The operation's own. */
  args: readonly unknown[];
}

/** What a call ended with: an answer, or an error with its name, its text and what it carries. */
export interface Ended {
  answer?: Record<string, unknown>;
  error?: {
    name: string;
    text: string;
    code: string | undefined;
    httpStatus: number | null | undefined;
    transactionId: string | undefined;
  };
}

/** One call after the other. */
export async function callInTypeScript(...calls: ClientCall[]): Promise<Ended[]> {
  const ended: Ended[] = [];
  for (const call of calls) ended.push(await callOnce(call));
  return ended;
}

async function callOnce({ deadlineSeconds = 30, operation, args, ...options }: ClientCall): Promise<Ended> {
  try {
    const client = new PaymentClient({ ...options, deadlineMs: deadlineSeconds * 1_000 });
    // As a caller in JavaScript does, whose arguments no compiler has seen.
    const call = client[operation].bind(client) as (...values: unknown[]) => Promise<Record<string, unknown>>;
    return { answer: await call(...args) };
  } catch (error) {
    const { name, message, cause, code, httpStatus, transactionId } = error as Error & NonNullable<Ended['error']>;
    return { error: { name, text: `${message} ${cause ?? ''}`, code, httpStatus, transactionId } };
  }
}

const PYTHON_DEADLINE_MS = 90_000;
const PYTHON_CALLS = `
import json, sys, traceback
from payment_client import PaymentClient

def call(base_url, api_key, headers, deadline_seconds, operation, args):
    try:
        client = PaymentClient(base_url, api_key, deadline_seconds=deadline_seconds, headers=headers)
        return {"answer": getattr(client, operation)(*args)}
    except Exception as error:
        of_error = {"code": "code", "http_status": "httpStatus", "transaction_id": "transactionId"}
        known = {name: getattr(error, attribute) for attribute, name in of_error.items() if hasattr(error, attribute)}
        return {"error": {"name": type(error).__name__, "text": traceback.format_exc(), **known}}

print(json.dumps([call(*one) for one in json.loads(sys.argv[1])]))`;

/** One call after the other, in one process. */
export async function callInPython(...calls: ClientCall[]): Promise<Ended[]> {
  const values = calls.map(({ baseUrl, apiKey = null, headers = null, deadlineSeconds = 30, operation, args }) => [
    ...[baseUrl, apiKey, headers, deadlineSeconds, operation, args],
  ]);
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', PYTHON_CALLS, JSON.stringify(values)], {
    cwd: 'clients/python',
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    timeout: PYTHON_DEADLINE_MS,
  });
  return JSON.parse(stdout);
}
