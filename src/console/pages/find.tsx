/** Results of the search box: payments of a booking, a gateway's reference or a user. A single result is opened at once. */
import { useEffect } from 'preact/hooks';
import type { FoundTransaction, SearchResponse } from '../../contract/search-responses.ts';
import { useConsole } from '../console-context.ts';
import { Card, Empty, Id, PageTitle } from '../parts/basics.tsx';
import { Load } from '../parts/load.tsx';
import { PaymentList } from '../parts/payment-list.tsx';
import { counted } from '../text/format.ts';
import { addressOf, addressOfPayment } from '../text/route.ts';
import { type Loaded, useLoaded } from '../use-loaded.ts';
import { replaceWith } from '../use-route.ts';

const NOTHING_FOUND = 'Nothing found';

export function FindPage({ text }: { text: string }) {
  const { announce } = useConsole();
  const by = (name: string) => (text === '' ? null : `/transactions?${new URLSearchParams({ [name]: text })}`);
  const ofUser = useLoaded<SearchResponse>(by('user_id'));
  const found = together([
    useLoaded<SearchResponse>(by('booking_id')),
    useLoaded<SearchResponse>(by('reference')),
    ofUser,
  ]);
  const payments = found.data;
  const only = payments?.length === 1 ? payments[0]?.transaction_id : undefined;
  useEffect(() => {
    if (only !== undefined) replaceWith(addressOfPayment(only));
  }, [only]);
  const count = payments?.length;
  useEffect(() => {
    if (count === 0) announce(NOTHING_FOUND);
    else if (count !== undefined && count > 1) announce(`${counted(count, 'payment')} found`);
  }, [count, text, announce]);

  return (
    <>
      <div class="page-head">
        <PageTitle page="find" tab={`Find ${text}`}>
          Results for <Id>{text}</Id>
        </PageTitle>
      </div>
      <Card flush>
        <Load of={found}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={NOTHING_FOUND}>
                No booking, gateway’s reference or user id is exactly this text.{' '}
                <a href={addressOf('payments')}>Search with filters</a>
              </Empty>
            ) : (
              <>
                <PaymentList payments={all} caption={`Payments found for ${text}`} />
                {ofUser.data?.next_cursor && (
                  <nav class="pager" aria-label="More results">
                    <a class="button plain" href={addressOf('payments', { user_id: text })}>
                      All payments by this user
                    </a>
                  </nav>
                )}
              </>
            )
          }
        </Load>
      </Card>
    </>
  );
}

/** Three searches as one: loaded when all three are, with each payment once. */
function together(searches: readonly Loaded<SearchResponse>[]): Loaded<FoundTransaction[]> {
  const pages = searches.flatMap(({ data }) => (data === null ? [] : [data.transactions]));
  const payments = new Map(pages.flat().map((payment) => [payment.transaction_id, payment]));
  return {
    data: pages.length === searches.length ? [...payments.values()] : null,
    problem: searches.find(({ problem }) => problem !== null)?.problem ?? null,
    reload: async () => {
      await Promise.all(searches.map(({ reload }) => reload()));
    },
  };
}
