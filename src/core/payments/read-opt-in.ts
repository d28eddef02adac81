/** What a payment request opts in to: sending its payer to authenticate, and holding the money before it is taken. */
import type { CaptureMethod, PaymentRequest } from '../../contract/requests.ts';
import type { Settings } from '../settings/settings.ts';

export interface OptIn {
  captureMethod: CaptureMethod;
  /** Null where nothing is held. */
  holdMinutes: number | null;
  /** Null where the payer cannot be sent anywhere. */
  returnUrl: string | null;
}

/** A field that the settings do not allow, as validation reports it. */
export interface OptInProblem {
  path: 'return_url' | 'hold_minutes';
  message: string;
}

/** What this installation's settings do not allow of it; empty if they allow all of it. */
export function optInProblems(
  { production, returnUrlOrigins, holdMinutes: longest }: Settings,
  { return_url: returnUrl, capture_method: captureMethod, hold_minutes: minutes }: PaymentRequest,
): OptInProblem[] {
  const problems: OptInProblem[] = [];
  if (returnUrl) {
    const { protocol, hostname, origin } = new URL(returnUrl);
    if (protocol !== 'https:' && (production || !LOOPBACK.has(hostname))) {
      problems.push({ path: 'return_url', message: 'must be an https address' });
    } else if (returnUrlOrigins.length > 0 && !returnUrlOrigins.includes(origin)) {
      problems.push({ path: 'return_url', message: 'must have one of the origins of RETURN_URL_ORIGINS' });
    }
  }
  if (typeof minutes === 'number') {
    if (captureMethod !== 'manual') {
      problems.push({ path: 'hold_minutes', message: 'is only allowed with capture_method manual' });
    } else if (minutes > longest) {
      problems.push({ path: 'hold_minutes', message: `must be at most ${longest}, as PAYMENT_HOLD_MINUTES says` });
    }
  }
  return problems;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** @param transactionId is set in `return_url`, replacing any there: the shop compares it with its own session's */
export function readOptIn({ holdMinutes }: Settings, request: PaymentRequest, transactionId: string): OptIn {
  const isHeld = request.capture_method === 'manual';
  return {
    captureMethod: isHeld ? 'manual' : 'automatic',
    holdMinutes: isHeld ? (request.hold_minutes ?? holdMinutes) : null,
    returnUrl: request.return_url ? withTransactionId(request.return_url, transactionId) : null,
  };
}

function withTransactionId(returnUrl: string, transactionId: string): string {
  const url = new URL(returnUrl);
  url.searchParams.set('transaction_id', transactionId);
  return url.href;
}
