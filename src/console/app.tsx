/** The root of the pages: sign-in, and the shell after it. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ConsoleSession } from '../contract/console.ts';
import { ConsoleContext } from './console-context.ts';
import { Notice } from './parts/basics.tsx';
import { createService } from './service.ts';
import { Shell } from './shell.tsx';
import { SignIn, SignInAgain } from './sign-in.tsx';
import type { Problem } from './text/answer.ts';

type State =
  | { kind: 'asking' }
  | { kind: 'signed_out' }
  | { kind: 'signed_in'; session: ConsoleSession }
  | { kind: 'problem'; problem: Problem };

export function App() {
  const [state, setState] = useState<State>({ kind: 'asking' });
  /** Whether the dialog that asks to sign in again is open; `waiting` are the requests that wait for its result. */
  const [isAsking, setAsking] = useState(false);
  const waiting = useRef<((signedIn: boolean) => void)[]>([]);
  const [said, setSaid] = useState('');

  const service = useMemo(
    () =>
      createService(() => {
        setAsking(true);
        return new Promise<boolean>((resolve) => waiting.current.push(resolve));
      }),
    [],
  );

  const open = useCallback(async () => {
    setState({ kind: 'asking' });
    const answer = await service.tryKey<ConsoleSession>('/session', null);
    if (answer.kind === 'ok') setState({ kind: 'signed_in', session: answer.body });
    else if (answer.kind === 'refused' && (answer.status === 401 || answer.status === 403))
      setState({ kind: 'signed_out' });
    else setState({ kind: 'problem', problem: answer });
  }, [service]);
  useEffect(() => void open(), [open]);

  const announce = useCallback((text: string) => {
    // Cleared first, so that a screen reader also announces a text that is repeated.
    setSaid('');
    setTimeout(() => setSaid(text));
  }, []);

  function goOn(session: ConsoleSession | null) {
    setAsking(false);
    if (session !== null) setState({ kind: 'signed_in', session });
    for (const resolve of waiting.current.splice(0)) resolve(session !== null);
  }

  function signOut() {
    service.forgetKey();
    if (state.kind === 'signed_in' && state.session.signed_in_by === 'access')
      location.assign('/cdn-cgi/access/logout');
    else setState({ kind: 'signed_out' });
  }

  return (
    <>
      {state.kind === 'asking' && <p class="opening">Opening the console…</p>}
      {state.kind === 'problem' && (
        <main class="alone">
          <h1>Payments console</h1>
          <Notice tone="bad" title="The console could not be opened" role="alert">
            <p>
              {state.problem.kind === 'refused'
                ? state.problem.message
                : 'The service did not answer. Check your connection.'}
            </p>
          </Notice>
          <button type="button" class="button primary" onClick={() => void open()}>
            Try again
          </button>
        </main>
      )}
      {state.kind === 'signed_out' && (
        <SignIn service={service} onSignedIn={(session) => setState({ kind: 'signed_in', session })} />
      )}
      {state.kind === 'signed_in' && (
        <ConsoleContext.Provider value={{ service, session: state.session, announce }}>
          <Shell onSignOut={signOut} />
          {isAsking && <SignInAgain service={service} session={state.session} onDone={goOn} />}
        </ConsoleContext.Provider>
      )}
      <p class="hidden" role="status" aria-live="polite">
        {said}
      </p>
    </>
  );
}
