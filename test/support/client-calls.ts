/** The clients of both languages behind one function, so that a test can ask the same of each. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PaymentClient, type PaymentClientOptions } from '../../clients/typescript/payment-client.ts';
import { PYTHON } from '../../scripts/python-clients.ts';

export interface ClientCall {
  baseUrl: string;
  apiKey?: string;
  headers?: Record<string, string>;
  deadlineSeconds?: number;
  operation: 'pay' | 'capture' | 'void' | 'refund' | 'status';
  /** The operation's own. */
  args: unknown[];
}

/** What a call ended with: an answer, or an error with its name, its text and what it carries. */
export interface Ended {
  answer?: Record<string, unknown>;
  error?: { name: string; text: string; code?: string; httpStatus?: number | null; transactionId?: string };
}

export async function callInTypeScript({ deadlineSeconds = 30, operation, args, ...options }: ClientCall): Promise<Ended> {
  try {
    const client = new PaymentClient({ ...options, deadlineMs: deadlineSeconds * 1_000 } satisfies PaymentClientOptions);
    // As a caller in JavaScript does, whose arguments no compiler has seen.
    const call = client[operation].bind(client) as (...values: unknown[]) => Promise<Record<string, unknown>>;
    return { answer: await call(...args) };
  } catch (error) {
    const { name, message, cause, code, httpStatus, transactionId } = error as Error & NonNullable<Ended['error']>;
    return { error: { name, text: `${message} ${cause ?? ''}`, code, httpStatus, transactionId } };
  }
}

const PYTHON_DEADLINE_MS = 30_000;
const PYTHON_CALL = `
import json, sys, traceback
from payment_client import PaymentClient
base_url, api_key, headers, deadline_seconds, operation, args = json.loads(sys.argv[1])
try:
    client = PaymentClient(base_url, api_key, deadline_seconds=deadline_seconds, headers=headers)
    ended = {"answer": getattr(client, operation)(*args)}
except Exception as error:
    of_error = {"code": "code", "http_status": "httpStatus", "transaction_id": "transactionId"}
    known = {name: getattr(error, attribute) for attribute, name in of_error.items() if hasattr(error, attribute)}
    ended = {"error": {"name": type(error).__name__, "text": traceback.format_exc(), **known}}
print(json.dumps(ended))`;

export async function callInPython(call: ClientCall): Promise<Ended> {
  const { baseUrl, apiKey = null, headers = null, deadlineSeconds = 30, operation, args } = call;
  const argument = JSON.stringify([baseUrl, apiKey, headers, deadlineSeconds, operation, args]);
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', PYTHON_CALL, argument], {
    cwd: 'clients/python',
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    timeout: PYTHON_DEADLINE_MS,
  });
  return JSON.parse(stdout);
}
