/**
 * Dialogs of requests that move money. Each refund has one Idempotency-Key, so that a second click, or a retry after a lost answer, is the same
 * refund. The next try has a new key only after an answer that is final.
 */
import { useState } from 'preact/hooks';
import type { PaymentSuccessResponse, PaymentVoidedResponse, RefundSuccessResponse } from '../../contract/responses.ts';
import type { StoryResponse } from '../../contract/search-responses.ts';
import { useConsole } from '../console-context.ts';
import { amountText, plainAmount, readAmount } from '../text/amount.ts';
import { isRepeatable, outcomeOf, type Problem } from '../text/answer.ts';
import { localTime } from '../text/format.ts';
import type { Tone } from '../text/words.ts';
import { Button, Id, Notice } from './basics.tsx';
import { Dialog } from './dialog.tsx';
import { Field, TextField } from './field.tsx';
import { ProblemNotice } from './problem.tsx';

type Payment = StoryResponse['transaction'];

/** The result of a request, as the page shows it. */
export interface Ordered {
  tone: Tone;
  title: string;
  lines: readonly string[];
}

interface Props {
  payment: Payment;
  /** @param wasSent whether a request was sent, so that the payment may have changed */
  onClose: (wasSent: boolean) => void;
  onDone: (what: Ordered) => void;
}

/** Of the API: see contract/requests.ts. */
const REASON_MAX_LENGTH = 1000;

interface SentRefund {
  key: string;
  amount: string;
  reason: string;
  /** When it was first sent. */
  sentAtMs: number;
}

/** Refunds without a final answer, by the id of their payment: opening the dialog again continues with the same refund. */
const unanswered = new Map<string, SentRefund>();

/** The refund of this payment that was sent without a final answer. Too old: sent again, it could be a second refund. */
function formerOf(transactionId: string): { sent: SentRefund; isTooOld: boolean } | null {
  const sent = unanswered.get(transactionId);
  return sent ? { sent, isTooOld: !isRepeatable(sent.sentAtMs, Date.now()) } : null;
}

export function RefundDialog({ payment, onClose, onDone }: Props) {
  const { service } = useConsole();
  const { transaction_id, booking_id, user_id, currency, refundable_amount } = payment;
  const [former, setFormer] = useState(() => formerOf(transaction_id));
  const [typed, setTyped] = useState(former?.sent.amount ?? plainAmount(refundable_amount, currency));
  const [reason, setReason] = useState(former?.sent.reason ?? '');
  const [wrong, setWrong] = useState<{ amount?: string; reason?: string }>({});
  const [problem, setProblem] = useState<Problem | null>(former && !former.isTooOld ? { kind: 'unanswered' } : null);
  const [busy, setBusy] = useState(false);
  /** Until the answer is final, only the very same refund can be sent. */
  const isLost = former !== null && !former.isTooOld;
  // What is left may already be without it.
  const amount = readAmount(typed, currency, isLost ? Number.POSITIVE_INFINITY : refundable_amount);
  const text = amount.kind === 'amount' ? amountText(amount.amount, currency) : null;
  const isAll = amount.kind === 'amount' && amount.amount === refundable_amount;

  async function order() {
    // Its answer may have come meanwhile, to a dialog that is gone: sent again with its key, it is still the same refund.
    const kept = formerOf(transaction_id) ?? former;
    if (isLost && kept?.isTooOld) {
      setProblem(null);
      return setFormer(kept);
    }
    if (amount.kind === 'wrong') return setWrong({ amount: amount.why });
    if (reason.trim() === '') return setWrong({ reason: 'Enter a reason.' });
    setWrong({});
    setBusy(true);
    const again = kept !== null && !kept.isTooOld ? kept.sent : null;
    const sent = again ?? { key: newKey(), amount: typed.trim(), reason: reason.trim(), sentAtMs: Date.now() };
    unanswered.set(transaction_id, sent);
    const answer = await service.post<RefundSuccessResponse>(
      '/refund',
      {
        booking_id,
        original_transaction_id: transaction_id,
        user_id,
        refund_amount: Number(sent.amount),
        reason: sent.reason,
      },
      { 'Idempotency-Key': sent.key },
    );
    setBusy(false);
    const outcome = outcomeOf(answer, again !== null);
    if (outcome.kind === 'lost') {
      setFormer({ sent, isTooOld: false });
      return setProblem(outcome.problem);
    }
    // Another dialog may have sent the next one.
    if (unanswered.get(transaction_id) === sent) unanswered.delete(transaction_id);
    if (outcome.kind === 'refused') {
      // This one was not made. What became of the one before it is as unknown as it was.
      if (former?.isTooOld) unanswered.set(transaction_id, former.sent);
      else setFormer(null);
      return setProblem(outcome.problem);
    }
    if (outcome.kind === 'pending') {
      return onDone({
        tone: 'waiting',
        title: `The refund of ${text ?? 'this payment'} has no outcome yet`,
        lines: [...outcome.lines, ASKING],
      });
    }
    onDone({
      tone: 'good',
      title: `${amountText(outcome.body.refund_amount, currency)} was refunded`,
      lines: [`${outcome.body.refund_transaction_id}. The event payment.refund is on its way to RabbitMQ.`],
    });
  }

  return (
    <Dialog
      title="Refund this payment"
      busy={busy}
      onClose={() => onClose(problem !== null)}
      onSubmit={() => void order()}
      actions={
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Refunding…' : isLost ? 'Send the same refund again' : text === null ? 'Refund' : `Refund ${text}`}
        </Button>
      }
    >
      {former?.isTooOld && (
        <Notice tone="waiting" title="No response: an earlier refund may have gone through" role="alert">
          <p>
            {amountText(Number(former.sent.amount), currency)} was sent at{' '}
            {localTime(new Date(former.sent.sentAtMs).toISOString())}. Check the history first: what you send now is
            another refund.
          </p>
        </Notice>
      )}
      {problem && (
        <ProblemNotice problem={problem} title="The refund was not made" lost={LOST_REFUND} currency={currency} />
      )}
      <Field
        name="amount"
        label={`Amount in ${currency}`}
        inputMode="decimal"
        first
        value={typed}
        onValue={(value) => {
          setTyped(value);
          setWrong({});
        }}
        readOnly={isLost || busy}
        wrong={wrong.amount}
        hint={`Up to ${amountText(refundable_amount, currency)} can still be refunded.`}
      />
      <TextField
        name="reason"
        label="Reason"
        value={reason}
        maxLength={REASON_MAX_LENGTH}
        onValue={(value) => {
          setReason(value);
          setWrong({});
        }}
        readOnly={isLost || busy}
        wrong={wrong.reason}
        hint="Other services receive it in the event. Do not enter personal data."
      />
      <p class="consequence">
        {text === null ? (
          'Enter an amount to see what will happen.'
        ) : (
          <>
            <strong>{text}</strong> goes back to user <Id>{user_id}</Id> for booking <Id>{booking_id}</Id>
            {isLost
              ? '.'
              : isAll
                ? ': all that is left of the payment.'
                : `. ${amountText(refundable_amount - chosen(amount), currency)} can still be refunded later.`}{' '}
            A refund cannot be undone.
          </>
        )}
      </p>
    </Dialog>
  );
}

const ASKING = 'The service keeps asking the gateway, and this page refreshes itself.';

const LOST_REFUND = {
  title: 'the refund may have gone through',
  check:
    'Sending it again is safe: the payment is refunded only once. For another refund, check the history, then reload.',
};

/** `crypto.randomUUID` exists at https and localhost only, and a development service can be opened by http from another machine. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function chosen(amount: ReturnType<typeof readAmount>): number {
  return amount.kind === 'amount' ? amount.amount : 0;
}

const END_HOLD = {
  capture: {
    title: 'Capture this payment',
    running: 'Capturing…',
    not: 'The payment was not captured',
    lost: 'the payment may have been captured',
    pending: 'The capture has no outcome yet',
  },
  void: {
    title: 'Void this payment',
    running: 'Voiding…',
    not: 'The payment was not voided',
    lost: 'the payment may have been voided',
    pending: 'The void has no outcome yet',
  },
} as const;

/** Captures or voids. Neither needs an Idempotency-Key: the first request decides, and a repetition gets the same answer. */
export function EndHoldDialog({ how, payment, onClose, onDone }: Props & { how: 'capture' | 'void' }) {
  const { service } = useConsole();
  const { transaction_id, booking_id, user_id, currency, status } = payment;
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [wasLost, setWasLost] = useState(false);
  const words = END_HOLD[how];
  const text = amountText(payment.amount, currency);

  async function order() {
    setBusy(true);
    const answer = await service.post<PaymentSuccessResponse | PaymentVoidedResponse>(`/${how}`, {
      booking_id,
      transaction_id,
      user_id,
    });
    setBusy(false);
    const outcome = outcomeOf(answer, wasLost);
    setWasLost(outcome.kind === 'lost');
    switch (outcome.kind) {
      case 'lost':
      case 'refused':
        return setProblem(outcome.problem);
      case 'pending':
        return onDone({
          tone: 'waiting',
          title: words.pending,
          lines: [...outcome.lines, ASKING],
        });
      case 'done':
        return onDone({
          tone: 'good',
          title: how === 'capture' ? `${text} was captured` : 'The payment was voided: nothing was charged',
          lines: [`The event ${how === 'capture' ? 'payment.success' : 'payment.failed'} is on its way to RabbitMQ.`],
        });
    }
  }

  return (
    <Dialog
      title={words.title}
      busy={busy}
      onClose={() => onClose(problem !== null)}
      onSubmit={() => void order()}
      actions={
        <Button type="submit" kind={how === 'void' ? 'danger' : 'primary'} busy={busy}>
          {busy ? words.running : how === 'capture' ? `Capture ${text}` : 'Void the payment'}
        </Button>
      }
    >
      {problem && (
        <ProblemNotice
          problem={problem}
          // At a conflict, somebody else's request ended the payment, perhaps in this very way.
          {...(!isConflict(problem) && { title: words.not })}
          lost={{ title: words.lost, check: 'Sending it again is safe: the service does it only once.' }}
          currency={currency}
        />
      )}
      <p class="consequence">
        {how === 'capture' ? (
          <>
            <strong>{text}</strong> is taken from user <Id>{user_id}</Id> for booking <Id>{booking_id}</Id>. It can be
            refunded later.
          </>
        ) : (
          <>
            {status === 'authorized' ? (
              <>
                The hold of <strong>{text}</strong> is released.
              </>
            ) : (
              'The payer can no longer authenticate this payment.'
            )}{' '}
            Booking <Id>{booking_id}</Id> is not paid, and its payment ends as failed. This cannot be undone; the
            booking can be paid again.
          </>
        )}
      </p>
    </Dialog>
  );
}

function isConflict(problem: Problem): boolean {
  return problem.kind === 'refused' && problem.status === 409;
}
