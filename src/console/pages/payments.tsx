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
      <FilterForm key={JSON.stringify(filters)} filters={filters} />
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
  const [typed, setTyped] = useState(filters);
  const set = (name: keyof Filters) => (value: string) => setTyped((former) => ({ ...former, [name]: value }));
  /** A choice applies at once. Typed text applies with Enter. */
  const choose = (name: keyof Filters) => (value: string) => goTo(addressOf('payments', { ...typed, [name]: value }));
  const isFiltered = FILTERS.some((name) => filters[name] !== '');
  return (
    <form
      class="filters"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
        goTo(addressOf('payments', trimmed(typed)));
      }}
    >
      <Field name="booking" label="Booking" value={typed.booking_id} onValue={set('booking_id')} />
      <Field name="user" label="User" value={typed.user_id} onValue={set('user_id')} />
      <Choice
        name="status"
        label="Status"
        value={typed.status}
        onValue={choose('status')}
        options={[['', 'Any'], ...Object.entries(STATUSES).map(([status, { text }]) => [status, text] as const)]}
      />
      <Choice
        name="method"
        label="Method"
        value={typed.payment_method}
        onValue={choose('payment_method')}
        options={[['', 'Any'], ...Object.entries(METHODS)]}
      />
      <div class="filter-actions">
        <Button type="submit" kind="primary" icon="find">
          Search
        </Button>
        {isFiltered && (
          <a class="button plain" href={addressOf('payments')}>
            Clear
          </a>
        )}
      </div>
      <details
        class="more-filters"
        open={Boolean(filters.gateway || filters.reference || filters.created_from || filters.created_to)}
      >
        <summary>More filters</summary>
        <div>
          <Choice
            name="gateway"
            label="Gateway"
            value={typed.gateway}
            onValue={choose('gateway')}
            options={[
              ['', 'Any'],
              ['sandbox', 'Sandbox'],
              ['stripe', 'Stripe'],
              ['paypal', 'PayPal'],
              ['http', 'HTTP gateway'],
            ]}
          />
          <Field name="reference" label="Gateway’s reference" value={typed.reference} onValue={set('reference')} />
          <Field
            name="from"
            label="Created from"
            type="datetime-local"
            value={localInput(typed.created_from)}
            onValue={(value) => set('created_from')(utcOfInput(value))}
          />
          <Field
            name="to"
            label="Created before"
            type="datetime-local"
            value={localInput(typed.created_to)}
            onValue={(value) => set('created_to')(utcOfInput(value))}
          />
        </div>
      </details>
    </form>
  );
}

function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ''])) as Filters;
}

/** Pasted ids often have spaces around them. */
function trimmed(filters: Filters): Filters {
  return Object.fromEntries(Object.entries(filters).map(([name, value]) => [name, value.trim()])) as Filters;
}
