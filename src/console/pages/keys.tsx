/** API keys: the list, creating a key, which is shown once, and revoking a key. */
import { useState } from 'preact/hooks';
import type { ConsoleKey, ConsoleKeyMade, ConsoleKeys, NewConsoleKey } from '../../contract/console.ts';
import { useConsole } from '../console-context.ts';
import {
  Ago,
  Button,
  Card,
  CopyButton,
  Empty,
  focusTitleIfLost,
  Id,
  Notice,
  PageTitle,
  Pill,
  Time,
} from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Load } from '../parts/load.tsx';
import { NotReadNotice } from '../parts/not-read.tsx';
import { ProblemNotice } from '../parts/problem.tsx';
import { Table } from '../parts/table.tsx';
import type { Problem } from '../text/answer.ts';
import type { Status } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

export function KeysPage() {
  const keys = useLoaded<ConsoleKeys>('/keys');
  const [isCreating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ConsoleKey | null>(null);
  const closeRevoking = async () => {
    setRevoking(null);
    await keys.reload();
    focusTitleIfLost();
  };
  return (
    <>
      <div class="page-head">
        <PageTitle page="keys" />
        <div class="actions">
          {keys.data && (
            <Button kind="primary" icon="keys" onClick={() => setCreating(true)}>
              Create a key
            </Button>
          )}
        </div>
      </div>
      {keys.data && <NotReadNotice databases={keys.data.not_read} />}
      <Card flush>
        <Load of={keys}>
          {(data) =>
            data.keys.length === 0 ? (
              <Empty title="No keys">Each caller needs its own key.</Empty>
            ) : (
              <KeyTable keys={data.keys} isWhole={data.not_read.length === 0} onRevoke={setRevoking} />
            )
          }
        </Load>
      </Card>
      {isCreating && keys.data && (
        <CreateDialog
          scopes={keys.data.scopes}
          onClose={() => {
            setCreating(false);
            void keys.reload();
          }}
        />
      )}
      {revoking && <RevokeDialog of={revoking} onClose={() => void closeRevoking()} />}
    </>
  );
}

/** @param isWhole whether all databases have responded */
function statusOf({ revoked_at, expires_at, is_complete }: ConsoleKey, isWhole: boolean): Status {
  if (revoked_at !== null) return { text: isWhole ? 'Revoked' : 'Revoked where read', tone: 'quiet' };
  if (expires_at !== null && Date.parse(expires_at) <= Date.now()) return { text: 'Expired', tone: 'quiet' };
  if (!is_complete) return { text: 'Not in all databases: revoke it', tone: 'bad' };
  return { text: 'Valid', tone: 'good' };
}

interface KeyTableProps {
  keys: readonly ConsoleKey[];
  isWhole: boolean;
  onRevoke: (key: ConsoleKey) => void;
}

function KeyTable({ keys, isWhole, onRevoke }: KeyTableProps) {
  return (
    <Table
      caption="API keys"
      rows={keys}
      keyOf={({ key_id }) => key_id}
      columns={[
        {
          name: 'Key',
          leads: true,
          cell: ({ name, key_id, is_own, organisation }) => (
            <>
              <strong>{name}</strong> {is_own && <Pill text="Yours" tone="active" />}
              <span class="below">
                {key_id}
                {organisation !== 'default' && ` · ${organisation}`}
              </span>
            </>
          ),
        },
        {
          name: 'Status',
          cell: (key) => (
            <>
              <Pill {...statusOf(key, isWhole)} />
              {key.revoked_at ? (
                <span class="below">
                  <Time at={key.revoked_at} />
                </span>
              ) : (
                key.expires_at && (
                  <span class="below">
                    until <Time at={key.expires_at} />
                  </span>
                )
              )}
            </>
          ),
        },
        {
          name: 'Scopes',
          cell: ({ scopes }) => (
            <span class="scopes">
              {scopes.map((scope) => (
                <code key={scope}>{scope}</code>
              ))}
            </span>
          ),
        },
        {
          name: 'Last used',
          cell: ({ last_used_at }) => (last_used_at === null ? 'Never' : <Ago at={last_used_at} />),
        },
        { name: 'Created', cell: ({ created_at }) => <Time at={created_at} /> },
        {
          name: 'Revoke',
          acts: true,
          cell: (key) =>
            // A database that has not responded may still accept it.
            (key.revoked_at === null || !isWhole) && !key.is_own ? (
              <Button aria-label={`Revoke ${key.name}`} onClick={() => onRevoke(key)}>
                Revoke
              </Button>
            ) : null,
        },
      ]}
    />
  );
}

const LOST_KEY = {
  title: 'a key may have been created',
  check: 'Close this dialog. If the list shows the key, revoke it: nobody has its secret.',
};

function CreateDialog({ scopes, onClose }: { scopes: ConsoleKeys['scopes']; onClose: () => void }) {
  const { service, session, announce } = useConsole();
  const [name, setName] = useState('');
  const [organisation, setOrganisation] = useState(session.organisation);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [days, setDays] = useState('');
  const [wrong, setWrong] = useState<{ name?: string; organisation?: string; scopes?: string; days?: string }>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<ConsoleKeyMade | null>(null);

  async function create() {
    const mistakes = {
      ...(name.trim() === '' && { name: 'Enter a name, such as booking-service.' }),
      ...(organisation.trim() === '' && { organisation: 'Enter an organisation.' }),
      ...(chosen.length === 0 && { scopes: 'Choose at least one scope.' }),
      ...(!/^\s*([1-9]\d{0,4})?\s*$/.test(days) && { days: 'Enter a whole number of days, or leave this empty.' }),
    };
    setWrong(mistakes);
    if (Object.keys(mistakes).length > 0) return;
    setBusy(true);
    const answer = await service.post<ConsoleKeyMade>('/keys', {
      name: name.trim(),
      organisation: organisation.trim(),
      scopes: [...chosen],
      expires_in_days: days.trim() === '' ? null : Number(days),
    } satisfies NewConsoleKey);
    setBusy(false);
    if (answer.kind !== 'ok') return setProblem(answer);
    announce('The key was created. It is shown once.');
    setMade(answer.body);
  }

  if (made !== null) return <MadeDialog made={made} onClose={onClose} />;
  return (
    <Dialog
      title="Create an API key"
      busy={busy}
      onClose={onClose}
      onSubmit={() => void create()}
      actions={
        <Button type="submit" kind="primary" busy={busy}>
          {busy ? 'Creating…' : 'Create'}
        </Button>
      }
    >
      {problem && <ProblemNotice problem={problem} title="No key was created" lost={LOST_KEY} />}
      <Field
        name="name"
        label="Name"
        first
        value={name}
        onValue={setName}
        wrong={wrong.name}
        hint="The caller that uses the key, such as booking-service."
      />
      <Field
        name="organisation"
        label="Organisation"
        value={organisation}
        onValue={setOrganisation}
        wrong={wrong.organisation}
        hint="The key gives access to the payments of this organisation."
      />
      <fieldset class="field" aria-describedby={wrong.scopes ? 'scopes-wrong' : undefined}>
        <legend>Scopes, at least one</legend>
        {wrong.scopes && (
          <p class="field-wrong" id="scopes-wrong" role="alert">
            {wrong.scopes}
          </p>
        )}
        {scopes.map(({ scope, description }) => (
          <label key={scope} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(scope)}
              onChange={(event) =>
                setChosen(event.currentTarget.checked ? [...chosen, scope] : chosen.filter((other) => other !== scope))
              }
            />
            <span>
              <code>{scope}</code>
              <span class="below">{description}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        name="days"
        optional
        label="Expires after (days)"
        inputMode="numeric"
        value={days}
        onValue={setDays}
        wrong={wrong.days}
        hint="Leave empty for a key that does not expire."
      />
    </Dialog>
  );
}

function MadeDialog({ made, onClose }: { made: ConsoleKeyMade; onClose: () => void }) {
  return (
    <Dialog
      title={`The key ${made.key.name}`}
      stays
      onClose={onClose}
      cancel="I have stored it"
      actions={<CopyButton text={made.secret} what="the key" kind="primary" />}
    >
      <Notice tone="waiting" title="This key is shown once">
        <p>Store it now, for example in a password manager. The service does not keep it and cannot show it again.</p>
      </Notice>
      <p class="secret">
        <Id>{made.secret}</Id>
      </p>
    </Dialog>
  );
}

function RevokeDialog({ of, onClose }: { of: ConsoleKey; onClose: () => void }) {
  const { service, announce } = useConsole();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  async function revoke() {
    setBusy(true);
    const answer = await service.post<ConsoleKey>(`/keys/${encodeURIComponent(of.key_id)}/revoke`, {});
    setBusy(false);
    if (answer.kind !== 'ok') return setProblem(answer);
    announce(`${of.name} was revoked`);
    onClose();
  }
  return (
    <Dialog
      title={`Revoke ${of.name}?`}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void revoke()}
      actions={
        <Button type="submit" kind="danger" busy={busy}>
          {busy ? 'Revoking…' : 'Revoke the key'}
        </Button>
      }
    >
      {problem && (
        <ProblemNotice
          problem={problem}
          title="The key was not revoked"
          lost={{ title: 'the key may have been revoked', check: 'Revoke it again: a second time changes nothing.' }}
        />
      )}
      <p class="consequence">
        Requests with the key <Id>{of.key_id}</Id> get 401 from now on. This cannot be undone.
      </p>
    </Dialog>
  );
}
