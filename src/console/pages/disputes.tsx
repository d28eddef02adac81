/** Disputes, open ones first. People respond to them in the provider's dashboard. */
import type { ConsoleDisputes } from '../../contract/console.ts';
import { Amount, Card, Empty, PageTitle, PaymentLink, Pill, Time } from '../parts/basics.tsx';
import { Load } from '../parts/load.tsx';
import { NotReadNotice } from '../parts/not-read.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { gatewayText, spacedOut } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

type Dispute = ConsoleDisputes['disputes'][number];

const COLUMNS: readonly Column<Dispute>[] = [
  {
    name: 'Booking',
    leads: true,
    cell: (dispute) => (
      <>
        <PaymentLink of={dispute} text={dispute.booking_id} />
        <span class="below">{dispute.transaction_id}</span>
      </>
    ),
  },
  { name: 'Amount', numeric: true, cell: ({ amount, currency }) => <Amount of={amount} currency={currency} /> },
  {
    name: 'Status',
    cell: ({ is_open, status }) => (
      <>
        <Pill text={is_open ? 'Open' : 'Closed'} tone={is_open ? 'bad' : 'quiet'} />
        <span class="below">{spacedOut(status)}</span>
      </>
    ),
  },
  { name: 'Reason', cell: ({ reason }) => spacedOut(reason) },
  {
    name: 'Provider',
    cell: ({ dispute_id, provider }) => (
      <>
        {gatewayText(provider)}
        <span class="below">{dispute_id}</span>
      </>
    ),
  },
  { name: 'Opened', cell: ({ opened_at }) => <Time at={opened_at} /> },
  { name: 'Last report', cell: ({ reported_at }) => <Time at={reported_at} /> },
];

export function DisputesPage() {
  const disputes = useLoaded<ConsoleDisputes>('/disputes');
  return (
    <>
      <div class="page-head">
        <PageTitle page="disputes" />
      </div>
      <p class="lead">
        Respond to disputes in the provider’s dashboard, before the provider’s deadline. The result then appears here.
      </p>
      {disputes.data && <NotReadNotice databases={disputes.data.not_read} />}
      <Card flush>
        <Load of={disputes}>
          {(data) =>
            data.disputes.length === 0 ? (
              <Empty title="No disputes">Providers report them by webhook.</Empty>
            ) : (
              <Table
                caption="Disputes, open ones first"
                columns={COLUMNS}
                rows={data.disputes}
                keyOf={({ provider, dispute_id }) => `${provider}/${dispute_id}`}
              />
            )
          }
        </Load>
      </Card>
    </>
  );
}
