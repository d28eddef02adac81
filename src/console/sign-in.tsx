/** Signing in with an admin API key: at the beginning, and again in the middle of work. */
import { useState } from 'preact/hooks';
import type { ConsoleSession } from '../contract/console.ts';
import { Button, Notice } from './parts/basics.tsx';
import { Dialog } from './parts/dialog.tsx';
import { Field } from './parts/field.tsx';
import type { Service } from './service.ts';

const KEPT = 'The key stays in the memory of this tab. A reload, or closing the tab, forgets it.';

function useSignIn(service: Service, onSignedIn: (session: ConsoleSession) => void) {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function signIn() {
    const typed = key.trim();
    if (typed === '') return setWrong('Enter an API key.');
    if (!/^[\w.~+/=-]+$/.test(typed)) return setWrong('This is not an API key: it has characters that no key has.');
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
      hint={`It needs the scope admin. ${KEPT}`}
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
          {busy ? 'Signing in …' : 'Sign in'}
        </Button>
      </form>
      <p class="small">
        An admin key is made with <code>npx payctl keys create NAME --scopes admin</code>. Where the console is behind
        Cloudflare Access, no key is needed.
      </p>
    </main>
  );
}

interface AgainProps {
  service: Service;
  /** Who had signed in. */
  session: ConsoleSession;
  /** With null where they do not want to. */
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
          {busy ? 'Signing in …' : 'Sign in'}
        </Button>
      }
    >
      <Notice tone="waiting" title="Your sign-in is no longer valid">
        <p>
          {session.signed_in_by === 'access'
            ? 'Reload the page to sign in through Cloudflare Access, or go on with a key.'
            : 'The key has expired or was revoked.'}{' '}
          What is on this page stays, and what you ordered is sent again after you have signed in.
        </p>
      </Notice>
      {field}
    </Dialog>
  );
}
