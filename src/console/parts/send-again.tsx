/** Publishes events: waiting ones at once, delivered ones again after a confirmation. */
import { useState } from 'preact/hooks';
import type { EventsSent } from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import type { Problem } from '../text/answer.ts';
import { counted } from '../text/format.ts';
import { sentText } from '../text/words.ts';
import { Button, focusTitleIfLost, Notice } from './basics.tsx';
import { Dialog } from './dialog.tsx';
import { ProblemNotice } from './problem.tsx';

type Sendable = readonly { event_id: string; delivered_at: string | null }[];

export interface SendAgain {
  /** Null: the user may not. */
  ask: ((events: Sendable) => void) | null;
  busy: boolean;
}

/**
 * One for each page, because rows move while the dialog is open. Only for admins of the installation, because events are of all organisations.
 *
 * @param onSent loads the page again; called whenever events may have been sent
 */
export function useSendAgain(onSent: () => Promise<void>) {
  const { service, session, announce } = useConsole();
  const [events, setEvents] = useState<Sendable>([]);
  const [isOpen, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [notFound, setNotFound] = useState<string | null>(null);
  const delivered = events.filter(({ delivered_at }) => delivered_at !== null).length;

  function ask(asked: Sendable) {
    setEvents(asked);
    setProblem(null);
    setNotFound(null);
    if (asked.some(({ delivered_at }) => delivered_at !== null)) setOpen(true);
    else void send(asked);
  }

  async function send(asked: Sendable) {
    setBusy(true);
    const answer = await service.post<EventsSent>('/events/send', { event_ids: asked.map(({ event_id }) => event_id) });
    setBusy(false);
    setOpen(answer.kind !== 'ok');
    if (answer.kind !== 'ok') return setProblem(answer);
    const text = sentText(answer.body);
    announce(text);
    if (answer.body.unknown.length > 0) setNotFound(text);
    await onSent();
    focusTitleIfLost();
  }

  function close() {
    setOpen(false);
    if (problem) void onSent().then(focusTitleIfLost);
  }

  const sendAgain: SendAgain = { ask: session.sees_installation ? ask : null, busy };
  return {
    sendAgain,
    /** For the page to show: the dialog, and what was not found. */
    shown: (
      <>
        {notFound && <Notice tone="waiting" title={notFound} />}
        {isOpen && (
          <Dialog
            title={delivered > 0 ? 'Publish delivered events again?' : 'Send again'}
            busy={busy}
            onClose={close}
            onSubmit={() => void send(events)}
            actions={
              <Button type="submit" kind="primary" busy={busy}>
                {busy ? 'Sending…' : 'Send again'}
              </Button>
            }
          >
            {problem && (
              <ProblemNotice
                problem={problem}
                title="Nothing was sent"
                lost={{
                  title: `${counted(events.length, 'event')} may have been sent`,
                  check:
                    'The list shows which events are waiting. Sending again is safe: consumers recognise the duplicate by its event_id.',
                }}
              />
            )}
            {delivered > 0 && (
              <p class="consequence">
                RabbitMQ has already confirmed {delivered === 1 ? 'this event' : `${delivered} of these events`}.
                Consumers get {delivered === 1 ? 'it' : 'them'} again with the same event_id, by which they can
                recognise the duplicate.
              </p>
            )}
          </Dialog>
        )}
      </>
    ),
  };
}

interface ButtonProps {
  events: Sendable;
  of: SendAgain;
  label?: string;
}

export function SendAgainButton({ events, of, label = 'Send again' }: ButtonProps) {
  const { ask, busy } = of;
  if (ask === null) return null;
  return (
    <Button icon="again" busy={busy} disabled={events.length === 0} onClick={() => ask(events)}>
      {label}
    </Button>
  );
}
