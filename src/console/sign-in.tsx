/** Signing in with an admin API key: at the beginning, and again in the middle of work. */
import { useState } from 'preact/hooks';
import type { ConsoleSession } from '../contract/console.ts';
import { Button, Notice } from './parts/basics.tsx';
import { Dialog } from './parts/dialog.tsx';
import { Field } from './parts/field.tsx';
import type { Service } from './service.ts';

const KEPT = 'The key is kept in the memory of this tab only, until you reload or close it.';

function useSignIn(service: Service, onSignedIn: (session: ConsoleSession) => void) {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function signIn() {
    const typed = key.trim();
    if (typed === '') return setWrong('Enter an API key.');
    if (!/^[\w.~+/=-]+$/.test(typed)) return setWrong('This is not an API key: keys do not contain these characters.');
    setBusy(true);
    const answer = await service.tryKey<ConsoleSession>('/session', typed);
    setBusy(false);
    switch (answer.kind) {
      case 'ok':
        return onSignedIn(answer.body);
      case 'refused':
        if (answer.status === 403) return setWrong('This key does not have the scope admin.');
        return setWrong(answer.message.replace(/\.?$/, '.'));
      case 'unanswered':
      case 'cancelled':
        return setWrong('The service did not answer. Try again.');
    }
  }
  const field = (
    <Field
      name="key"
      label="API key"
      type="password"
      first
      value={key}
      onValue={setKey}
      wrong={wrong}
      hint={`The key needs the scope admin. ${KEPT}`}
    />
  );
  return { field, busy, signIn };
}

export function SignIn({ service, onSignedIn }: { service: Service; onSignedIn: (session: ConsoleSession) => void }) {
  const { field, busy, signIn } = useSignIn(service, onSignedIn);
  return (
    <main class="alone">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1>Payments console</h1>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void signIn();
        }}
      >
        {field}
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <p class="small">
        Create an admin key with <code>npx payctl keys create NAME --scopes admin</code>. Behind Cloudflare Access, no
        key is needed.
      </p>
    </main>
  );
}

interface AgainProps {
  service: Service;
  /** The session that is no longer valid. */
  session: ConsoleSession;
  /** Null: the dialog was cancelled. */
  onDone: (session: ConsoleSession | null) => void;
}

export function SignInAgain({ service, session, onDone }: AgainProps) {
  const { field, busy, signIn } = useSignIn(service, onDone);
  return (
    <Dialog
      title="Sign in again"
      busy={busy}
      onClose={() => onDone(null)}
      onSubmit={() => void signIn()}
      cancel="Not now"
      actions={
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
      }
    >
      <Notice tone="waiting" title="Your sign-in is no longer valid">
        <p>
          {session.signed_in_by === 'access'
            ? 'Reload the page to sign in through Cloudflare Access, or sign in with an API key.'
            : 'The key has expired or was revoked.'}{' '}
          This page stays as it is. After you sign in, your last request is sent again.
        </p>
      </Notice>
      {field}
    </Dialog>
  );
}
