/** Publishes events: waiting ones at once, delivered ones again after a confirmation. */
import { useState } from 'preact/hooks';
import type { EventsSent } from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import type { Problem } from '../service.ts';
import { counted } from '../text/format.ts';
import { Button } from './basics.tsx';
import { Dialog } from './dialog.tsx';
import { ProblemNotice } from './problem.tsx';

interface Props {
  events: readonly { event_id: string; delivered_at: string | null }[];
  label?: string;
  onSent: () => void;
}

/** Only for admins of the installation, because events are of all organisations. */
export function SendAgain({ events, label = 'Send again', onSent }: Props) {
  const { service, session, announce } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const delivered = events.filter(({ delivered_at }) => delivered_at !== null).length;
  if (!session.sees_installation) return null;

  async function send() {
    setBusy(true);
    setProblem(null);
    const ids = events.map(({ event_id }) => event_id);
    const answer = await service.post<EventsSent>('/events/send', { event_ids: ids });
    setBusy(false);
    if (answer.kind !== 'ok') {
      setProblem(answer);
      setAsking(true);
      return;
    }
    setAsking(false);
    announce(`${counted(answer.body.sent, 'event')} on the way to RabbitMQ`);
    onSent();
  }

  return (
    <>
      <Button
        icon="again"
        busy={busy}
        disabled={events.length === 0}
        onClick={() => (delivered > 0 ? setAsking(true) : void send())}
      >
        {label}
      </Button>
      {isAsking && (
        <Dialog
          title={delivered > 0 ? 'Publish delivered events again?' : 'Send again'}
          busy={busy}
          onClose={() => setAsking(false)}
          onSubmit={() => void send()}
          actions={
            <Button type="submit" kind="primary" busy={busy}>
              {busy ? 'Sending…' : 'Send again'}
            </Button>
          }
        >
          {problem && <ProblemNotice problem={problem} title="Nothing was sent" />}
          {delivered > 0 && (
            <p class="consequence">
              RabbitMQ has already confirmed {delivered === 1 ? 'this event' : `${delivered} of these events`}.
              Consumers get {delivered === 1 ? 'it' : 'them'} again with the same event_id, by which they can recognise
              the duplicate.
            </p>
          )}
        </Dialog>
      )}
    </>
  );
}
