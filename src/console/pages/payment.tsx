/** One payment: its status and why, its history, refunds, events and disputes, and the actions that it allows. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { StoryResponse } from '../../contract/search-responses.ts';
import { useConsole } from '../console-context.ts';
import {
  Amount,
  Button,
  Card,
  CopyButton,
  Empty,
  Facts,
  focusTitleIfLost,
  Id,
  Notice,
  PageTitle,
  Pill,
  Time,
} from '../parts/basics.tsx';
import { EventName } from '../parts/event-name.tsx';
import { Load } from '../parts/load.tsx';
import { EndHoldDialog, type Ordered, RefundDialog } from '../parts/money-orders.tsx';
import { type SendAgain, SendAgainButton, useSendAgain } from '../parts/send-again.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { amountText } from '../text/amount.ts';
import { counted, localTime } from '../text/format.ts';
import { addressOf } from '../text/route.ts';
import {
  cardText,
  failureAdvice,
  failureName,
  gatewayText,
  methodText,
  paymentStatus,
  REFUND_KINDS,
  REFUND_STATUSES,
  type Status,
} from '../text/words.ts';
import { type Loaded, useLoaded } from '../use-loaded.ts';

/** While an outcome or a delivery is pending, the page reads often at first, then seldom: each read is an entry of the audit log. */
const SOON_MS = 3_000;
const SOON_READINGS = 10;
const LATER_MS = 60_000;

type Payment = StoryResponse['transaction'];
type Refund = StoryResponse['refunds'][number];
type Event = StoryResponse['events'][number];
type Dispute = StoryResponse['disputes'][number];

export function PaymentPage({ id }: { id: string }) {
  /** How often the payment was read while something was pending. */
  const [readings, setReadings] = useState(0);
  const everyMs = readings === 0 ? null : readings <= SOON_READINGS ? SOON_MS : LATER_MS;
  const story = useLoaded<StoryResponse>(`/transactions/${encodeURIComponent(id)}`, everyMs);
  const { data, problem } = story;
  useEffect(() => setReadings((count) => (data !== null && awaitsSomething(data) ? count + 1 : 0)), [data]);
  const isMissing = data === null && problem?.kind === 'refused' && problem.status === 404;
  const archived = isMissing && problem.details.archived;

  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href={addressOf('payments')}>Payments</a>
        <span aria-hidden="true">/</span>
        <span class="id">{data?.transaction.transaction_id ?? id}</span>
        <CopyButton text={data?.transaction.transaction_id ?? id} what="the transaction id" />
      </nav>
      <div class="page-head">
        <PageTitle page="payments" tab={`Payment ${id}`}>
          {data ? <Title payment={data.transaction} /> : 'Payment'}
        </PageTitle>
        {data && <Actions story={data} reload={story.reload} />}
      </div>
      {isMissing ? (
        <Card>
          <Empty title={archived ? 'This payment is in the archive' : 'Payment not found'}>
            {archived ? (
              <>
                Old payments are moved out of the database. To see it, run{' '}
                <code>npx payctl archive print transactions {id} --remote</code>.
              </>
            ) : (
              <>
                No payment or refund of this organisation has the id <Id>{id}</Id>.{' '}
                <a href={addressOf('find', { q: id })}>Search for it as a booking or a reference</a>
              </>
            )}
          </Empty>
        </Card>
      ) : (
        <Load of={story} lines={12}>
          {(shown) => <Story story={shown} reload={story.reload} />}
        </Load>
      )}
    </>
  );
}

function awaitsSomething({ transaction, refunds, events }: StoryResponse): boolean {
  return (
    transaction.status === 'pending' ||
    refunds.some(({ status }) => status === 'pending') ||
    events.some(({ delivered_at }) => delivered_at === null)
  );
}

function Title({ payment }: { payment: Payment }) {
  return (
    <>
      <span class="hidden">Payment of </span>
      <Amount of={payment.amount} currency={payment.currency} /> <Pill {...statusOf(payment)} />
    </>
  );
}

function statusOf(payment: Payment): Status {
  return isChallenged(payment) ? { text: 'Waiting for the payer', tone: 'waiting' } : paymentStatus(payment);
}

/** Whether it waits for its payer to authenticate or approve. Of other pending payments, the service asks the gateway. */
function isChallenged({ status, expires_at }: Payment): boolean {
  return status === 'pending' && expires_at !== null;
}

type OrderKind = 'refund' | 'capture' | 'void';

function Actions({ story, reload }: { story: StoryResponse; reload: Loaded<StoryResponse>['reload'] }) {
  const { announce } = useConsole();
  const { transaction } = story;
  const [open, setOpen] = useState<OrderKind | null>(null);
  const [ordered, setOrdered] = useState<Ordered | null>(null);
  const result = useRef<HTMLDivElement>(null);
  const isHeld = transaction.status === 'authorized';
  const close = (wasSent: boolean) => {
    setOpen(null);
    // The button that opened it may be gone.
    if (wasSent) void reload().then(focusTitleIfLost);
  };
  const canRefund = transaction.status === 'completed' && transaction.refundable_amount > 0;

  async function done(what: Ordered) {
    setOpen(null);
    setOrdered(what);
    announce(what.title);
    // The button that was pressed may be gone.
    setTimeout(() => result.current?.focus());
    await reload();
  }

  return (
    <>
      <div class="actions">
        {isHeld && (
          <Button kind="primary" onClick={() => setOpen('capture')}>
            Capture
          </Button>
        )}
        {(isHeld || isChallenged(transaction)) && <Button onClick={() => setOpen('void')}>Void</Button>}
        {canRefund && (
          <Button kind="primary" onClick={() => setOpen('refund')}>
            Refund
          </Button>
        )}
      </div>
      {ordered && (
        <div class="ordered" ref={result} tabIndex={-1}>
          <Notice tone={ordered.tone} title={ordered.title}>
            {ordered.lines.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </Notice>
        </div>
      )}
      {open === 'refund' && <RefundDialog payment={transaction} onClose={close} onDone={(what) => void done(what)} />}
      {(open === 'capture' || open === 'void') && (
        <EndHoldDialog how={open} payment={transaction} onClose={close} onDone={(what) => void done(what)} />
      )}
    </>
  );
}

function Story({ story, reload }: { story: StoryResponse; reload: () => Promise<void> }) {
  const { transaction, refunds, events, disputes, history, is_complete } = story;
  const { sendAgain, shown } = useSendAgain(reload);
  return (
    <>
      {shown}
      <Why payment={transaction} />
      <div class="columns">
        <div>
          <Card title="History">
            {!is_complete && <p class="small">Some records of this payment are not shown.</p>}
            <Timeline history={history} currency={transaction.currency} />
          </Card>
        </div>
        <div>
          <Card title="Payment">
            <PaymentFacts payment={transaction} />
          </Card>
          <Card title="Refunds" flush>
            {refunds.length === 0 ? (
              <Empty title="None" />
            ) : (
              <Table
                caption="Refunds of this payment"
                columns={refundColumns(transaction.currency)}
                rows={refunds}
                keyOf={({ refund_transaction_id }) => refund_transaction_id}
              />
            )}
          </Card>
          <Card title="Events" flush>
            {events.length === 0 ? (
              <Empty title="None yet">An event is written when the payment ends.</Empty>
            ) : (
              <Table
                caption="Events of this payment"
                columns={eventColumns(sendAgain)}
                rows={events}
                keyOf={({ event_id }) => event_id}
              />
            )}
          </Card>
          {disputes.length > 0 && (
            <Card title="Disputes" flush>
              <Table
                caption="Disputes of this payment"
                columns={DISPUTE_COLUMNS}
                rows={disputes}
                keyOf={({ dispute_id }) => dispute_id}
              />
            </Card>
          )}
        </div>
      </div>
    </>
  );
}

/** The first thing to know: why the payment failed, or what it waits for. */
function Why({ payment }: { payment: Payment }) {
  const { status, error_code, error_message, expires_at, next_look_up_at, look_ups } = payment;
  if (status === 'failed') {
    const code = error_code ?? 'PAYMENT_FAILED';
    const advice = failureAdvice(code);
    return (
      <Notice tone="bad" title={`Why it failed: ${error_message ?? failureName(code)}`}>
        {advice && <p>{advice}</p>}
        <p class="small">
          <code>{code}</code>
        </p>
      </Notice>
    );
  }
  if (status === 'authorized' && expires_at !== null) {
    return (
      <Notice tone="active" title={`The money is held until ${localTime(expires_at)}`}>
        <p>
          Capture charges the payer; void releases the money. If neither happens by then, it is released automatically.
        </p>
      </Notice>
    );
  }
  if (isChallenged(payment) && expires_at !== null) {
    return (
      <Notice tone="waiting" title="The payer has to authenticate or approve the payment">
        <p>If that does not happen by {localTime(expires_at)}, the payment fails. Nothing has been charged yet.</p>
      </Notice>
    );
  }
  if (status === 'pending') {
    return (
      <Notice tone="waiting" title="The outcome is not known yet">
        <p>
          The service keeps asking the gateway{look_ups > 0 && `, and has asked ${counted(look_ups, 'time')} so far`}.
          {next_look_up_at && ` It asks again at ${localTime(next_look_up_at, true)}.`} Until the outcome is known, the
          booking cannot be paid again, so nothing is charged twice.
        </p>
      </Notice>
    );
  }
  return null;
}

function PaymentFacts({ payment }: { payment: Payment }) {
  const { currency } = payment;
  const withCopy = (text: string | null, what: string) =>
    text === null ? (
      '–'
    ) : (
      <span class="with-copy">
        <Id>{text}</Id>
        <CopyButton text={text} what={what} />
      </span>
    );
  return (
    <Facts
      facts={[
        ['Booking', withCopy(payment.booking_id, 'the booking id')],
        ['User', withCopy(payment.user_id, 'the user id')],
        ['Amount', amountText(payment.amount, currency)],
        payment.refunded_amount > 0 ? ['Refunded', amountText(payment.refunded_amount, currency)] : null,
        payment.pending_refund_amount > 0
          ? ['In pending refunds', amountText(payment.pending_refund_amount, currency)]
          : null,
        payment.status === 'completed' ? ['Can be refunded', amountText(payment.refundable_amount, currency)] : null,
        ['Method', cardText(payment) ?? methodText(payment.payment_method)],
        ['Gateway', gatewayText(payment.gateway)],
        ['Gateway’s reference', withCopy(payment.gateway_reference, 'the reference')],
        payment.gateway_intent !== null && payment.gateway_intent !== payment.gateway_reference
          ? ['Order or intent', withCopy(payment.gateway_intent, 'the order or intent')]
          : null,
        ['Capture', payment.capture_method === 'manual' ? 'Manual' : 'Automatic'],
        ['Created', <Time key="created" at={payment.created_at} seconds />],
        ['Ended', payment.processed_at === null ? 'Not yet' : <Time key="ended" at={payment.processed_at} seconds />],
      ]}
    />
  );
}

function refundColumns(currency: string): readonly Column<Refund>[] {
  return [
    {
      name: 'Refund',
      leads: true,
      cell: ({ refund_transaction_id, reason, kind }) => (
        <>
          <Id>{refund_transaction_id}</Id>
          <span class="below">
            {[kind === 'requested' ? '' : REFUND_KINDS[kind], reason].filter(Boolean).join(': ')}
          </span>
        </>
      ),
    },
    { name: 'Amount', numeric: true, cell: ({ refund_amount }) => <Amount of={refund_amount} currency={currency} /> },
    {
      name: 'Status',
      cell: ({ status, error_code, error_message, created_at, processed_at }) => (
        <>
          <Pill {...REFUND_STATUSES[status]} />
          {error_code && <span class="below">{error_message ?? failureName(error_code)}</span>}
          <span class="below">
            <Time at={processed_at ?? created_at} />
          </span>
        </>
      ),
    },
  ];
}

function eventColumns(sendAgain: SendAgain): readonly Column<Event>[] {
  return [
    {
      name: 'Event',
      leads: true,
      cell: EventName,
    },
    {
      name: 'Delivery',
      cell: ({ delivered_at, attempts, last_error }) =>
        delivered_at === null ? (
          <>
            <Pill text="Waiting" tone="waiting" />
            <span class="below">
              {last_error ?? (attempts === 0 ? 'Not sent yet' : `Sent ${counted(attempts, 'time')}`)}
            </span>
          </>
        ) : (
          <>
            <Pill text="Delivered" tone="good" />
            <span class="below">
              <Time at={delivered_at} seconds />
            </span>
          </>
        ),
    },
    {
      name: 'Send again',
      acts: true,
      cell: ({ event_id, delivered_at }) => <SendAgainButton events={[{ event_id, delivered_at }]} of={sendAgain} />,
    },
  ];
}

const DISPUTE_COLUMNS: readonly Column<Dispute>[] = [
  {
    name: 'Dispute',
    leads: true,
    cell: ({ dispute_id, reason, provider }) => (
      <>
        <Id>{dispute_id}</Id>
        <span class="below">
          {gatewayText(provider)}: {reason}
        </span>
      </>
    ),
  },
  { name: 'Amount', numeric: true, cell: ({ amount, currency }) => <Amount of={amount} currency={currency} /> },
  {
    name: 'Status',
    cell: ({ status, reported_at }) => (
      <>
        {status}
        <span class="below">
          <Time at={reported_at} />
        </span>
      </>
    ),
  },
];
