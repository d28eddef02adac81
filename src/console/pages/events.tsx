/** Events: which ones wait and why, which were delivered, and the state of RabbitMQ. */
import { useState } from 'preact/hooks';
import type { ConsoleBroker, ConsoleEvent, ConsoleEvents } from '../../contract/console.ts';
import { Ago, Card, Empty, PageTitle, PaymentLink, Pill, Time } from '../parts/basics.tsx';
import { EventName } from '../parts/event-name.tsx';
import { Load } from '../parts/load.tsx';
import { NotReadNotice } from '../parts/not-read.tsx';
import { SendAgainButton, useSendAgain } from '../parts/send-again.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { counted, relativeTime } from '../text/format.ts';
import { BROKER_STATES } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

const EVERY_MS = 10_000;

export function EventsPage() {
  const events = useLoaded<ConsoleEvents>('/events', EVERY_MS);
  return (
    <>
      <div class="page-head">
        <PageTitle page="events" />
      </div>
      <Load of={events}>{(data) => <Events data={data} reload={events.reload} />}</Load>
    </>
  );
}

function Events({ data, reload }: { data: ConsoleEvents; reload: () => Promise<void> }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const waiting = data.events;
  const marked = waiting.filter(({ event_id }) => chosen.has(event_id));
  const mark = (ids: readonly string[], isMarked: boolean) => {
    const next = new Set(chosen);
    for (const id of ids) isMarked ? next.add(id) : next.delete(id);
    setChosen(next);
  };
  const { sendAgain, shown } = useSendAgain(() => {
    setChosen(new Set());
    return reload();
  });
  return (
    <>
      <NotReadNotice databases={data.not_read} />
      {shown}
      <Broker broker={data.broker} />
      <Card
        flush
        title={
          data.waiting === 0
            ? 'Waiting'
            : `${data.has_more ? 'At least ' : ''}${counted(data.waiting, 'event')} waiting`
        }
        aside={
          waiting.length > 0 && (
            <div class="card-actions">
              <label class="check">
                <input
                  type="checkbox"
                  checked={marked.length === waiting.length}
                  onChange={(event) =>
                    mark(
                      waiting.map(({ event_id }) => event_id),
                      event.currentTarget.checked,
                    )
                  }
                />
                All
              </label>
              <SendAgainButton
                events={marked}
                of={sendAgain}
                label={marked.length === 0 ? 'Send now' : `Send ${marked.length} now`}
              />
            </div>
          )
        }
      >
        {waiting.length === 0 ? (
          <Empty title="No events are waiting">
            {data.not_read.length === 0 && 'RabbitMQ has confirmed every event.'}
          </Empty>
        ) : (
          <Table
            caption="Events waiting for delivery, oldest first"
            columns={[
              {
                name: 'Select',
                acts: true,
                cell: ({ event_id, booking_id }) => (
                  <input
                    type="checkbox"
                    aria-label={`Select the event of ${booking_id}`}
                    checked={chosen.has(event_id)}
                    onChange={(event) => mark([event_id], event.currentTarget.checked)}
                  />
                ),
              },
              ...COLUMNS,
              { name: 'Why it waits', cell: (event) => whyItWaits(event) },
              { name: 'Since', cell: ({ created_at }) => <Ago at={created_at} /> },
            ]}
            rows={waiting}
            keyOf={({ event_id }) => event_id}
          />
        )}
        {data.waiting > waiting.length && (
          <p class="small table-foot">
            Only {data.has_more ? '' : 'the oldest '}
            {waiting.length} are shown. All of them are sent automatically.
          </p>
        )}
      </Card>
      <Card title="Delivered" flush>
        {data.delivered.length === 0 ? (
          <Empty title="None among the newest events" />
        ) : (
          <Table
            caption="Delivered events, newest first"
            columns={[
              ...COLUMNS,
              { name: 'Delivered', cell: ({ delivered_at }) => delivered_at && <Time at={delivered_at} seconds /> },
              {
                name: 'Send again',
                acts: true,
                cell: (event) => <SendAgainButton events={[event]} of={sendAgain} />,
              },
            ]}
            rows={data.delivered}
            keyOf={({ event_id }) => event_id}
          />
        )}
      </Card>
    </>
  );
}

function Broker({ broker }: { broker: ConsoleBroker }) {
  const { state, message, delivery, last_delivered_at } = broker;
  return (
    <Card title="RabbitMQ" aside={<Pill {...BROKER_STATES[state]} />}>
      <p>{message}</p>
      <p class="small">
        {delivery === 'push' ? 'The Worker sends events to the bridge.' : 'The bridge takes events from a queue.'}{' '}
        {last_delivered_at === null ? (
          'None of the newest events has been delivered.'
        ) : (
          <>
            The last delivery was <Ago at={last_delivered_at} />.
          </>
        )}
      </p>
    </Card>
  );
}

const COLUMNS: readonly Column<ConsoleEvent>[] = [
  {
    name: 'Event',
    leads: true,
    cell: EventName,
  },
  {
    name: 'Booking',
    cell: (event) => <PaymentLink of={event} text={event.booking_id} />,
  },
];

function whyItWaits({ behind, last_error, next_attempt_at, attempts }: ConsoleEvent) {
  const isDue = next_attempt_at === null || Date.parse(next_attempt_at) <= Date.now();
  const next = isDue ? 'Due now' : `Next attempt ${relativeTime(next_attempt_at, Date.now())}`;
  if (behind !== null) {
    return (
      <>
        An earlier event of this booking is sent first
        <span class="below">{behind}</span>
      </>
    );
  }
  return (
    <>
      {last_error ?? 'Not sent yet'}
      <span class="below">
        {next}
        {attempts > 0 && `, after ${counted(attempts, 'attempt')}`}
      </span>
    </>
  );
}
