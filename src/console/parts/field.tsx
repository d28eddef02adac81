/** Fields of a form, with label, hint and error. */
import type { JSX } from 'preact';

interface Common {
  name: string;
  label: string;
  hint?: string | undefined;
  wrong?: string | null | undefined;
  value: string;
  onValue: (value: string) => void;
  /** The field gets the focus when its dialog opens. */
  first?: boolean;
  optional?: boolean;
}

type InputProps = Common & {
  type?: 'text' | 'password' | 'datetime-local';
  inputMode?: 'text' | 'decimal' | 'numeric';
  readOnly?: boolean;
};

export function Field({ type = 'text', inputMode = 'text', readOnly = false, ...common }: InputProps) {
  return (
    <Labelled {...common}>
      {(attributes) => (
        <input
          {...attributes}
          // Preact has a type for each kind of input, and takes only one of them at a time.
          type={type as 'text'}
          inputMode={inputMode}
          readOnly={readOnly}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => common.onValue(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

export function TextField({
  maxLength,
  readOnly = false,
  ...common
}: Common & { maxLength: number; readOnly?: boolean }) {
  return (
    <Labelled {...common}>
      {(attributes) => (
        <textarea
          {...attributes}
          rows={2}
          maxLength={maxLength}
          readOnly={readOnly}
          onInput={(event) => common.onValue(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

/** What a text input of either kind has, by which it is tied to its label, hint and error. */
interface Attributes {
  id: string;
  name: string;
  value: string;
  autofocus: boolean | undefined;
  /** Not `required`: browsers report an empty required field as invalid before the user has typed. */
  'aria-required': 'true' | undefined;
  'aria-invalid': 'true' | undefined;
  'aria-describedby': string | undefined;
}

function Labelled({
  name,
  label,
  hint,
  wrong,
  value,
  first,
  optional = false,
  children,
}: Common & { children: (attributes: Attributes) => JSX.Element }) {
  const ids = { input: `field-${name}`, hint: `field-${name}-hint`, wrong: `field-${name}-wrong` };
  return (
    <div class="field">
      <label for={ids.input}>{label}</label>
      {children({
        id: ids.input,
        name,
        value,
        autofocus: first,
        'aria-required': optional ? undefined : 'true',
        'aria-invalid': wrong ? 'true' : undefined,
        'aria-describedby': [wrong && ids.wrong, hint && ids.hint].filter(Boolean).join(' ') || undefined,
      })}
      {wrong && (
        <p class="field-wrong" id={ids.wrong} role="alert">
          {wrong}
        </p>
      )}
      {hint && (
        <p class="field-hint" id={ids.hint}>
          {hint}
        </p>
      )}
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
