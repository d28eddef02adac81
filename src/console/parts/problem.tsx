/** Shows why a request failed, with the details of the service's answer. */
import type { ErrorDetails } from '../../contract/responses.ts';
import type { Problem } from '../service.ts';
import { amountText } from '../text/amount.ts';
import { Notice } from './basics.tsx';

interface Props {
  problem: Problem;
  title?: string;
  /** Of the amounts in the answer: the payment's. */
  currency?: string;
}

export function ProblemNotice({ problem, title, currency }: Props) {
  if (problem.kind === 'cancelled') return null;
  if (problem.kind === 'unanswered') {
    return (
      <Notice tone="bad" title={title ?? 'The service did not answer'} role="alert">
        <p>Check your connection and try again. Nothing on this page is lost.</p>
      </Notice>
    );
  }
  const { details, requestId } = problem;
  return (
    <Notice tone="bad" title={title ?? problem.message} role="alert">
      {title && <p>{problem.message}</p>}
      <ProblemDetails details={details} currency={currency} />
      {requestId && (
        <p class="small">
          Request <code>{requestId}</code> in the Worker’s log
        </p>
      )}
    </Notice>
  );
}

function ProblemDetails({ details, currency }: { details: ErrorDetails; currency: string | undefined }) {
  const lines = [
    details.reason,
    details.next_step,
    currency !== undefined &&
      details.refundable_amount !== undefined &&
      `${amountText(details.refundable_amount, currency)} can still be refunded.`,
    currency !== undefined &&
      details.pending_refund_amount !== undefined &&
      `${amountText(details.pending_refund_amount, currency)} is reserved by pending refunds.`,
    details.needed_scope && `The key needs the scope ${details.needed_scope}.`,
    details.retry_after_seconds !== undefined && `Try again in ${details.retry_after_seconds} s.`,
    details.archived && 'The payment is in the archive.',
    ...(details.problems ?? []),
    ...(details.issues ?? []).map(({ path, message }) => `${path === '' ? 'The request' : path} ${message}.`),
  ].filter((line): line is string => typeof line === 'string' && line !== '');
  return (
    <>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </>
  );
}
