/** The search of payments. Its filters are in the address, so that people can bookmark and share a search. */
import { useEffect, useState } from 'preact/hooks';
import type { SearchResponse } from '../../contract/search-responses.ts';
import { useConsole } from '../console-context.ts';
import { Button, Card, Empty, PageTitle } from '../parts/basics.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { Load } from '../parts/load.tsx';
import { PaymentList } from '../parts/payment-list.tsx';
import { counted, localInput, utcOfInput } from '../text/format.ts';
import { addressOf } from '../text/route.ts';
import { METHODS, STATUSES } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';
import { goTo } from '../use-route.ts';

/** The parameters of the API, which the address has as well. */
const FILTERS = [
  'booking_id',
  'user_id',
  'status',
  'payment_method',
  'gateway',
  'reference',
  'created_from',
  'created_to',
] as const;
type Filters = Record<(typeof FILTERS)[number], string>;
const NO_FILTERS = filtersOf(new URLSearchParams());
/** Those below “More filters”. */
const MORE_FILTERS = ['gateway', 'reference', 'created_from', 'created_to'] as const;

export function PaymentsPage({ query }: { query: URLSearchParams }) {
  const { announce } = useConsole();
  const filters = filtersOf(query);
  const cursor = query.get('cursor') ?? undefined;
  const given = Object.entries({ ...filters, cursor }).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  const found = useLoaded<SearchResponse>(`/transactions${search === '' ? '' : `?${search}`}`);
  const count = found.data?.transactions.length;
  useEffect(() => {
    if (count !== undefined && search !== '') announce(`${counted(count, 'payment')} on this page`);
  }, [count, search, announce]);

  return (
    <>
      <div class="page-head">
        <PageTitle page="payments" />
      </div>
      <FilterForm filters={filters} />
      <Card flush>
        <Load of={found} lines={10}>
          {({ transactions, next_cursor }) => (
            <>
              {transactions.length > 0 ? (
                <PaymentList payments={transactions} caption="Payments, newest first" />
              ) : next_cursor !== null ? (
                <Empty title="No match on this page">
                  Older payments have not been searched yet: continue with “Older payments”.
                </Empty>
              ) : (
                <Empty title={search === '' ? 'No payments yet' : 'No payment matches these filters'}>
                  {search === '' ? (
                    'Payments appear here as soon as they are made.'
                  ) : (
                    <a href={addressOf('payments')}>Clear the filters</a>
                  )}
                </Empty>
              )}
              {(cursor || next_cursor) && (
                <nav class="pager" aria-label="Pages of the search">
                  {cursor && (
                    <a class="button plain" href={addressOf('payments', filters)}>
                      Newest
                    </a>
                  )}
                  {next_cursor && (
                    <a class="button plain" href={addressOf('payments', { ...filters, cursor: next_cursor })}>
                      Older payments
                    </a>
                  )}
                </nav>
              )}
            </>
          )}
        </Load>
      </Card>
    </>
  );
}

function FilterForm({ filters }: { filters: Filters }) {
  const [typed, setTyped] = useState(() => typedOf(filters));
  const [isMoreOpen, setMoreOpen] = useState(false);
  const address = addressOf('payments', filters);
  // A new address fills the fields. The form is not remounted, so the focus stays in it.
  useEffect(() => {
    setTyped(typedOf(filters));
    if (MORE_FILTERS.some((name) => filters[name] !== '')) setMoreOpen(true);
  }, [address]);
  const set = (name: keyof Filters) => (value: string) => setTyped((former) => ({ ...former, [name]: value }));
  return (
    <form
      class="filters"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
        goTo(addressOf('payments', filtersTyped(typed, filters)));
      }}
    >
      <Field optional name="booking" label="Booking" value={typed.booking_id} onValue={set('booking_id')} />
      <Field optional name="user" label="User" value={typed.user_id} onValue={set('user_id')} />
      <Choice
        name="status"
        label="Status"
        value={typed.status}
        onValue={set('status')}
        options={[['', 'Any'], ...Object.entries(STATUSES).map(([status, { text }]) => [status, text] as const)]}
      />
      <Choice
        name="method"
        label="Method"
        value={typed.payment_method}
        onValue={set('payment_method')}
        options={[['', 'Any'], ...Object.entries(METHODS)]}
      />
      <div class="filter-actions">
        <Button type="submit" kind="primary" icon="find">
          Search
        </Button>
        <Button
          onClick={() => {
            setTyped(NO_FILTERS);
            goTo(addressOf('payments'));
          }}
        >
          Clear
        </Button>
      </div>
      <details class="more-filters" open={isMoreOpen} onToggle={(event) => setMoreOpen(event.currentTarget.open)}>
        <summary>More filters</summary>
        <div>
          <Choice
            name="gateway"
            label="Gateway"
            value={typed.gateway}
            onValue={set('gateway')}
            options={[
              ['', 'Any'],
              ['sandbox', 'Sandbox'],
              ['stripe', 'Stripe'],
              ['paypal', 'PayPal'],
              ['http', 'HTTP gateway'],
            ]}
          />
          <Field
            optional
            name="reference"
            label="Gateway’s reference"
            value={typed.reference}
            onValue={set('reference')}
          />
          <Field
            optional
            name="from"
            label="Created from"
            type="datetime-local"
            value={typed.created_from}
            onValue={set('created_from')}
          />
          <Field
            optional
            name="to"
            label="Created before"
            type="datetime-local"
            value={typed.created_to}
            onValue={set('created_to')}
          />
        </div>
      </details>
    </form>
  );
}

function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ''])) as Filters;
}

/** As the fields show them: times are in the reader's time zone. */
function typedOf(filters: Filters): Filters {
  return {
    ...filters,
    created_from: localInput(filters.created_from),
    created_to: localInput(filters.created_to),
  };
}

/** Trims pasted ids. An unchanged time keeps its seconds, which the field does not have. */
function filtersTyped(typed: Filters, former: Filters): Filters {
  const shown = typedOf(former);
  const time = (name: 'created_from' | 'created_to') =>
    typed[name] !== '' && typed[name] === shown[name] ? former[name] : utcOfInput(typed[name]);
  const trimmed = Object.entries(typed).map(([name, value]) => [name, value.trim()]);
  return { ...Object.fromEntries(trimmed), created_from: time('created_from'), created_to: time('created_to') };
}
