/** Shows why a request failed, with the details of the service's answer. */
import { useRef } from 'preact/hooks';
import type { ErrorDetails } from '../../contract/responses.ts';
import { amountText } from '../text/amount.ts';
import { outcomeOf, type Problem } from '../text/answer.ts';
import { Notice } from './basics.tsx';

interface Props {
  problem: Problem;
  /** What was not done. */
  title?: string;
  /** Of a POST, shown in place of the title if it may have been carried out. */
  lost?: {
    /** What may have been done. */
    title: string;
    /** How to find out, and whether it can be sent again. */
    check: string;
  };
  /** Of the amounts in the answer: the payment's. */
  currency?: string;
}

export function ProblemNotice({ problem, title, lost, currency }: Props) {
  /** Of the former problem that was shown here: a refusal of the repetition does not take it back. */
  const wasLost = useRef(false);
  if (problem.kind === 'cancelled') return null;
  wasLost.current = outcomeOf(problem, wasLost.current).kind === 'lost';
  if (lost && wasLost.current) {
    return (
      <Notice
        tone="waiting"
        title={`${problem.kind === 'refused' ? 'Outcome unknown' : 'No response'}: ${lost.title}`}
        role="alert"
      >
        {problem.kind === 'refused' && <Refusal problem={problem} withMessage currency={currency} />}
        <p>{lost.check}</p>
      </Notice>
    );
  }
  if (problem.kind === 'unanswered') {
    return (
      <Notice tone="bad" title={title ?? 'The service did not answer'} role="alert">
        <p>Check your connection and try again. Nothing on this page is lost.</p>
      </Notice>
    );
  }
  return (
    <Notice tone="bad" title={title ?? problem.message} role="alert">
      <Refusal problem={problem} withMessage={title !== undefined} currency={currency} />
    </Notice>
  );
}

type Refused = Extract<Problem, { kind: 'refused' }>;

function Refusal({
  problem,
  withMessage,
  currency,
}: {
  problem: Refused;
  withMessage: boolean;
  currency: string | undefined;
}) {
  const { message, details, requestId } = problem;
  return (
    <>
      {withMessage && <p>{message}</p>}
      {detailLines(details, currency).map((line) => (
        <p key={line}>{line}</p>
      ))}
      {requestId && (
        <p class="small">
          Request <code>{requestId}</code> in the Worker’s log
        </p>
      )}
    </>
  );
}

function detailLines(details: ErrorDetails, currency: string | undefined): string[] {
  const amount = (of: number | undefined) =>
    of === undefined || currency === undefined ? null : amountText(of, currency);
  const refundable = amount(details.refundable_amount);
  const reserved = amount(details.pending_refund_amount);
  return [
    details.reason,
    details.next_step,
    refundable && `${refundable} can still be refunded.`,
    reserved && `${reserved} is reserved by pending refunds.`,
    details.needed_scope && `The key needs the scope ${details.needed_scope}.`,
    details.retry_after_seconds !== undefined && `Try again in ${details.retry_after_seconds} s.`,
    details.archived && 'The payment is in the archive.',
    ...(details.problems ?? []),
    ...(details.issues ?? []).map(({ path, message }) => `${path === '' ? 'The request' : path} ${message}.`),
  ].filter((line): line is string => typeof line === 'string' && line !== '');
}
