/** What happened to a payment, newest first, with who did it. */
import type { HistoryEntry } from '../../contract/search-responses.ts';
import { addressOfPayment } from '../text/route.ts';
import { actorText, historyDetail, historyStatus } from '../text/words.ts';
import { CopyButton, Time } from './basics.tsx';

export function Timeline({ history, currency }: { history: readonly HistoryEntry[]; currency: string }) {
  return (
    <ol class="timeline" reversed>
      {history
        .map((entry, place) => ({ entry, place }))
        .toReversed()
        .map(({ entry, place }) => (
          <Entry key={place} entry={entry} currency={currency} />
        ))}
    </ol>
  );
}

function Entry({ entry, currency }: { entry: HistoryEntry; currency: string }) {
  const { at, type, id, actor, request_id, audit_entry } = entry;
  const { text, tone } = historyStatus(entry);
  const details = historyDetail(entry, currency);
  return (
    <li class={tone}>
      <p class="what">
        {text}
        {details.length > 0 && <span class="detail"> {details.join(' · ')}</span>}
      </p>
      <p class="small">
        <Time at={at} seconds />
        {actor && <> · by {actorText(actor)}</>}
        {!type.startsWith('payment.') && (
          <>
            {' · '}
            {type === 'booking.attempted' ? <a href={addressOfPayment(id)}>{id}</a> : <span class="id">{id}</span>}
          </>
        )}
      </p>
      {request_id && (
        <p class="small">
          request <span class="id">{request_id}</span> <CopyButton text={request_id} what="the request id" />
          {audit_entry !== null && ` · audit log ${audit_entry}`}
        </p>
      )}
    </li>
  );
}
