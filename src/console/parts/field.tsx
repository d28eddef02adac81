/** Fields of a form, with label, hint and error. */
interface Common {
  name: string;
  label: string;
  hint?: string | undefined;
  wrong?: string | null | undefined;
  value: string;
  onValue: (value: string) => void;
  /** The field gets the focus when its dialog opens. */
  first?: boolean;
}

type InputProps = Common & {
  type?: 'text' | 'password' | 'datetime-local';
  inputMode?: 'text' | 'decimal' | 'numeric';
  readOnly?: boolean;
};

export function Field({
  name,
  label,
  hint,
  wrong,
  value,
  onValue,
  first,
  type = 'text',
  inputMode = 'text',
  readOnly = false,
}: InputProps) {
  const ids = { input: `field-${name}`, hint: `field-${name}-hint`, wrong: `field-${name}-wrong` };
  return (
    <div class="field">
      <label for={ids.input}>{label}</label>
      <input
        // Preact has a type for each kind of input, and takes only one of them at a time.
        type={type as 'text'}
        inputMode={inputMode}
        readOnly={readOnly}
        id={ids.input}
        name={name}
        value={value}
        autofocus={first}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={wrong ? 'true' : undefined}
        aria-describedby={described(ids, hint, wrong)}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <Below ids={ids} hint={hint} wrong={wrong} />
    </div>
  );
}

export function TextField({
  name,
  label,
  hint,
  wrong,
  value,
  onValue,
  first,
  maxLength,
}: Common & { maxLength: number }) {
  const ids = { input: `field-${name}`, hint: `field-${name}-hint`, wrong: `field-${name}-wrong` };
  return (
    <div class="field">
      <label for={ids.input}>{label}</label>
      <textarea
        id={ids.input}
        name={name}
        rows={2}
        maxLength={maxLength}
        value={value}
        autofocus={first}
        aria-invalid={wrong ? 'true' : undefined}
        aria-describedby={described(ids, hint, wrong)}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <Below ids={ids} hint={hint} wrong={wrong} />
    </div>
  );
}

export function Choice({
  name,
  label,
  value,
  onValue,
  options,
}: Common & { options: readonly (readonly [string, string])[] }) {
  return (
    <div class="field">
      <label for={`field-${name}`}>{label}</label>
      <select id={`field-${name}`} name={name} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

function Below({
  ids,
  hint,
  wrong,
}: {
  ids: Record<'hint' | 'wrong', string>;
  hint: Common['hint'];
  wrong: Common['wrong'];
}) {
  return (
    <>
      {wrong && (
        <p class="field-wrong" id={ids.wrong}>
          {wrong}
        </p>
      )}
      {hint && (
        <p class="field-hint" id={ids.hint}>
          {hint}
        </p>
      )}
    </>
  );
}

function described(ids: Record<'hint' | 'wrong', string>, hint: Common['hint'], wrong: Common['wrong']) {
  return [wrong && ids.wrong, hint && ids.hint].filter(Boolean).join(' ') || undefined;
}
