/** The type and the id of an event, as the lead cell of a table. */
export function EventName({ event_type, event_id }: { event_type: string; event_id: string }) {
  return (
    <>
      <code>{event_type}</code>
      <span class="below">{event_id}</span>
    </>
  );
}
