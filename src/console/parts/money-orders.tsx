/**
 * Dialogs of requests that move money. Each refund has one Idempotency-Key, so that a second click, or a retry after a lost answer, is the same
 * refund. Only a refusal gives the next try a new key.
 */
import { useRef, useState } from 'preact/hooks';
import type { PaymentSuccessResponse, PaymentVoidedResponse, RefundSuccessResponse } from '../../contract/responses.ts';
import type { StoryResponse } from '../../contract/search-responses.ts';
import { useConsole } from '../console-context.ts';
import type { Answer, Problem } from '../service.ts';
import { amountText, plainAmount, readAmount } from '../text/amount.ts';
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
  onClose: () => void;
  onDone: (what: Ordered) => void;
}

/** Of the API: see contract/requests.ts. */
const REASON_MAX_LENGTH = 1000;

/** Refunds whose answer was lost, by the id of their payment: opening the dialog again continues with the same refund. */
const unanswered = new Map<string, { key: string; amount: string; reason: string }>();

export function RefundDialog({ payment, onClose, onDone }: Props) {
  const { service } = useConsole();
  const { transaction_id, booking_id, user_id, currency, refundable_amount } = payment;
  const former = unanswered.get(transaction_id);
  const [typed, setTyped] = useState(former?.amount ?? plainAmount(refundable_amount, currency));
  const [reason, setReason] = useState(former?.reason ?? '');
  const [wrong, setWrong] = useState<{ amount?: string; reason?: string }>({});
  const [problem, setProblem] = useState<Problem | null>(former ? { kind: 'unanswered' } : null);
  const [busy, setBusy] = useState(false);
  const key = useRef(former?.key ?? newKey());
  /** The amount cannot be changed before the answer is known. */
  const isLost = problem?.kind === 'unanswered';
  const amount = readAmount(typed, currency, refundable_amount);
  const text = amount.kind === 'amount' ? amountText(amount.amount, currency) : null;
  const isAll = amount.kind === 'amount' && amount.amount === refundable_amount;

  async function order() {
    if (amount.kind === 'wrong' && !isLost) return setWrong({ amount: amount.why });
    if (reason.trim() === '')
      return setWrong({ reason: 'Enter a reason. It is stored with the refund and is part of the event.' });
    setWrong({});
    setBusy(true);
    unanswered.set(transaction_id, { key: key.current, amount: typed, reason });
    const answer = await service.post<RefundSuccessResponse>(
      '/refund',
      {
        booking_id,
        original_transaction_id: transaction_id,
        user_id,
        refund_amount: Number(typed.trim()),
        reason: reason.trim(),
      },
      { 'Idempotency-Key': key.current },
    );
    setBusy(false);
    const outcome = outcomeOf(answer, 'refund');
    if (outcome.kind === 'lost') return setProblem({ kind: 'unanswered' });
    unanswered.delete(transaction_id);
    if (outcome.kind === 'refused') {
      key.current = newKey();
      return setProblem(outcome.problem);
    }
    if (outcome.kind === 'pending') {
      return onDone({
        tone: 'waiting',
        title: `The refund of ${text ?? 'this payment'} has no outcome yet`,
        lines: [
          ...outcome.lines,
          'The amount is reserved. The service keeps asking the gateway, and this page refreshes itself.',
        ],
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
      onClose={onClose}
      onSubmit={() => void order()}
      actions={
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Refunding …' : isLost ? 'Send the same refund again' : text === null ? 'Refund' : `Refund ${text}`}
        </Button>
      }
    >
      {isLost ? (
        <Notice tone="waiting" title="The answer was lost: the refund may have been made" role="alert">
          <p>
            Sending it again is safe: both requests have the same key, so the payment is refunded only once. You can
            also check the history of the payment.
          </p>
        </Notice>
      ) : (
        problem && <ProblemNotice problem={problem} title="The refund was not made" currency={currency} />
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
        wrong={wrong.reason}
        hint="Other services receive it in the event. Do not enter personal data."
      />
      <p class="consequence">
        {text === null ? (
          'Enter an amount to see what will happen.'
        ) : (
          <>
            <strong>{text}</strong> goes back to user <Id>{user_id}</Id> for booking <Id>{booking_id}</Id>
            {isAll
              ? ': all that is left of the payment.'
              : `. ${amountText(refundable_amount - chosen(amount), currency)} can still be refunded later.`}{' '}
            A refund cannot be undone.
          </>
        )}
      </p>
    </Dialog>
  );
}

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
    button: 'Capture',
    running: 'Capturing …',
    not: 'The payment was not captured',
    lost: 'the payment may have been captured',
    pending: 'The capture has no outcome yet',
  },
  void: {
    title: 'Void this payment',
    button: 'Void',
    running: 'Voiding …',
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
    const outcome = outcomeOf(answer, how);
    switch (outcome.kind) {
      case 'lost':
        return setProblem({ kind: 'unanswered' });
      case 'refused':
        return setProblem(outcome.problem);
      case 'pending':
        return onDone({
          tone: 'waiting',
          title: words.pending,
          lines: [...outcome.lines, 'The service keeps asking the gateway, and this page refreshes itself.'],
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
      onClose={onClose}
      onSubmit={() => void order()}
      actions={
        <Button type="submit" kind={how === 'void' ? 'danger' : 'primary'} busy={busy}>
          {busy ? words.running : how === 'capture' ? `Capture ${text}` : 'Void the payment'}
        </Button>
      }
    >
      {problem?.kind === 'unanswered' ? (
        <Notice tone="waiting" title={`The answer was lost: ${words.lost}`} role="alert">
          <p>Sending it again is safe: the service does it only once.</p>
        </Notice>
      ) : (
        problem && <ProblemNotice problem={problem} title={words.not} />
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

type Outcome<T> =
  | { kind: 'done'; body: T }
  /** Recorded, without an outcome yet. */
  | { kind: 'pending'; lines: readonly string[] }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'lost' };

function outcomeOf<T>(answer: Answer<T>, how: 'refund' | 'capture' | 'void'): Outcome<T> {
  switch (answer.kind) {
    case 'ok':
      return { kind: 'done', body: answer.body };
    case 'unanswered':
    case 'cancelled':
      return { kind: 'lost' };
    case 'refused': {
      const { details, message, status } = answer;
      // A server in front of the Worker answered, which does not know the outcome; or the database did not confirm the request.
      const isUncertain =
        answer.code === null || (answer.code === 'SERVICE_UNAVAILABLE' && details.status === 'pending');
      if (isUncertain && status >= 500) return { kind: 'lost' };
      if (status >= 500 && details.status === 'pending')
        return { kind: 'pending', lines: [message, ...reasonOf(details)] };
      // The same refund is already on its way: this is an answer to a second click.
      if (answer.code === 'IDEMPOTENCY_IN_PROGRESS' && how === 'refund') return { kind: 'pending', lines: [message] };
      return { kind: 'refused', problem: answer };
    }
  }
}

function reasonOf({ reason }: { reason?: string | null }): string[] {
  return reason ? [reason] : [];
}
