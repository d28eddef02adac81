/** Cases that need a person: each with what to check, and what can be recorded. */
import { useRef, useState } from 'preact/hooks';
import {
  CASE_REASON_MAX_LENGTH,
  type CaseResolved,
  type ConsoleCase,
  type ConsoleCases,
  type ResolveCase,
} from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import {
  Ago,
  Amount,
  Button,
  Card,
  Empty,
  Facts,
  focusTitleIfLost,
  Id,
  Notice,
  PageTitle,
  PaymentLink,
  Time,
} from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Field, TextField } from '../parts/field.tsx';
import { Load } from '../parts/load.tsx';
import { NotReadNotice } from '../parts/not-read.tsx';
import { ProblemNotice } from '../parts/problem.tsx';
import { Table } from '../parts/table.tsx';
import { amountText } from '../text/amount.ts';
import type { Problem } from '../text/answer.ts';
import { actorText, CASES, gatewayText } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

const EVERY_MS = 30_000;

export function CasesPage() {
  const cases = useLoaded<ConsoleCases>('/cases', EVERY_MS);
  const [done, setDone] = useState<string | null>(null);
  const result = useRef<HTMLDivElement>(null);
  /** Kept while the list refreshes, also after somebody else has resolved the case. */
  const [open, setOpen] = useState<{ one: ConsoleCase; way: Way } | null>(null);
  const close = () => {
    setOpen(null);
    void cases.reload().then(focusTitleIfLost);
  };
  return (
    <>
      <div class="page-head">
        <PageTitle page="cases" />
      </div>
      {done && (
        <div ref={result} tabIndex={-1}>
          <Notice tone="good" title={done} />
        </div>
      )}
      <Load of={cases}>
        {(data) => (
          <>
            <NotReadNotice databases={data.not_read} />
            {data.cases.length + data.not_read.length === 0 && (
              <Card>
                <Empty title="Nothing needs a person">
                  Payments and refunds that the service cannot resolve by itself appear here.
                </Empty>
              </Card>
            )}
            {data.cases.map((one) => (
              <Case key={one.subject} one={one} onResolve={(way) => setOpen({ one, way })} />
            ))}
            {data.dealt_with.length > 0 && (
              <Card title="Resolved" flush>
                <Table
                  caption="Resolved cases, newest first"
                  rows={data.dealt_with}
                  keyOf={({ subject, resolved_at }) => subject + resolved_at}
                  columns={[
                    { name: 'Case', leads: true, cell: ({ subject }) => <Id>{subject}</Id> },
                    { name: 'Reason', cell: ({ reason }) => reason },
                    { name: 'By', cell: ({ resolved_by }) => actorText(resolved_by) },
                    { name: 'At', cell: ({ resolved_at }) => <Time at={resolved_at} /> },
                  ]}
                />
              </Card>
            )}
          </>
        )}
      </Load>
      {open && (
        <ResolveDialog
          one={open.one}
          way={open.way}
          onClose={close}
          onDone={(message) => {
            setDone(message);
            close();
            // The button that was pressed may be gone.
            setTimeout(() => result.current?.focus());
          }}
        />
      )}
    </>
  );
}

type Way = 'completed' | 'failed' | 'retry' | 'dealt_with';

const WAYS: Record<Way, { option: ConsoleCase['options'][number]; button: string; title: string }> = {
  completed: { option: 'record', button: 'It was paid', title: 'Record that it was paid' },
  failed: { option: 'record', button: 'It was not paid', title: 'Record that it was not paid' },
  retry: { option: 'retry', button: 'Ask the gateway again', title: 'Ask the gateway again' },
  dealt_with: { option: 'dealt_with', button: 'Mark as resolved', title: 'Mark as resolved' },
};

function Case({ one, onResolve }: { one: ConsoleCase; onResolve: (way: Way) => void }) {
  const { name, todo } = CASES[one.kind];
  const ways = Object.entries(WAYS).filter(([, { option }]) => one.options.includes(option)) as [
    Way,
    (typeof WAYS)[Way],
  ][];
  return (
    <Card title={name} aside={<Amount of={one.amount} currency={one.currency} />}>
      <p>{todo}</p>
      <Facts
        facts={[
          one.subject === one.transaction_id ? null : ['Case', <Id key="case">{one.subject}</Id>],
          ['Payment', <PaymentLink key="payment" of={one} text={one.transaction_id} />],
          ['Booking', <Id key="booking">{one.booking_id}</Id>],
          ['Gateway', gatewayText(one.gateway)],
          ['Since', <Ago key="since" at={one.since} />],
          one.failure_reason === null ? null : ['Reason', one.failure_reason],
        ]}
      />
      <div class="actions">
        {ways.map(([each, { button }]) => (
          <Button key={each} aria-label={`${button}: ${one.subject}`} onClick={() => onResolve(each)}>
            {button}
          </Button>
        ))}
      </div>
    </Card>
  );
}

interface DialogProps {
  one: ConsoleCase;
  way: Way;
  onClose: () => void;
  onDone: (message: string) => void;
}

function ResolveDialog({ one, way, onClose, onDone }: DialogProps) {
  const { service, announce } = useConsole();
  const [reference, setReference] = useState('');
  const [reason, setReason] = useState('');
  const [wrong, setWrong] = useState<{ reference?: string; reason?: string }>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const needsReason = way !== 'retry';
  const needsReference = way === 'completed';

  async function resolve() {
    const missing = {
      ...(needsReference && reference.trim() === '' && { reference: 'Enter the gateway’s reference.' }),
      ...(needsReason && reason.trim() === '' && { reason: 'Enter what you found or did.' }),
    };
    setWrong(missing);
    if (Object.keys(missing).length > 0) return;
    setBusy(true);
    const answer = await service.post<CaseResolved>(
      '/cases/resolve',
      orderOf(one.subject, way, reference.trim(), reason.trim()),
    );
    setBusy(false);
    if (answer.kind !== 'ok') return setProblem(answer);
    announce(answer.body.message);
    onDone(answer.body.message);
  }

  return (
    <Dialog
      title={WAYS[way].title}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void resolve()}
      actions={
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Recording…' : WAYS[way].title}
        </Button>
      }
    >
      {problem && (
        <ProblemNotice
          problem={problem}
          title="Nothing was recorded"
          lost={{
            title: 'this may have been recorded',
            check: 'Close this dialog: the list shows whether the case is still open.',
          }}
        />
      )}
      <p class="consequence">{consequence(one, way)}</p>
      {needsReference && (
        <Field
          name="reference"
          label="Gateway’s reference"
          first
          value={reference}
          onValue={setReference}
          wrong={wrong.reference}
          hint="As shown in the provider’s dashboard."
        />
      )}
      {needsReason && (
        <TextField
          name="reason"
          label="Reason"
          first={!needsReference}
          value={reason}
          onValue={setReason}
          wrong={wrong.reason}
          maxLength={CASE_REASON_MAX_LENGTH}
          hint="One line. It is kept permanently: do not enter personal data."
        />
      )}
    </Dialog>
  );
}

function orderOf(subject: string, way: Way, reference: string, reason: string): ResolveCase {
  switch (way) {
    case 'completed':
      return { subject, action: 'record', outcome: 'completed', reference, reason };
    case 'failed':
      return { subject, action: 'record', outcome: 'failed', reason };
    case 'retry':
      return { subject, action: 'retry' };
    case 'dealt_with':
      return { subject, action: 'dealt_with', reason };
  }
}

function consequence({ kind, amount, currency, booking_id }: ConsoleCase, way: Way): string {
  const text = amountText(amount, currency);
  const isRefund = kind === 'refund_undetermined';
  switch (way) {
    case 'completed':
      return isRefund
        ? `The refund of ${text} is recorded as paid, and its event is published. This cannot be undone.`
        : `The payment of ${text} for booking ${booking_id} is recorded as completed, and its event is published. This cannot be undone.`;
    case 'failed':
      return isRefund
        ? `The refund of ${text} is recorded as failed, and the amount can be refunded again. This cannot be undone.`
        : `The payment of ${text} is recorded as failed, its event is published, and booking ${booking_id} can be paid again. If the charge appears later, it is refunded automatically. This cannot be undone.`;
    case 'retry':
      return 'The service asks the gateway within a minute. Nothing else changes.';
    case 'dealt_with':
      return `The case about ${text} is removed from this list. No money is moved. This cannot be undone.`;
  }
}
