/** Small parts that every page is made of. */
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { useConsole } from '../console-context.ts';
import { amountText } from '../text/amount.ts';
import { localTime, relativeTime, utcTime } from '../text/format.ts';
import { addressOfPayment, PAGES, type PageName } from '../text/route.ts';
import type { Status, Tone } from '../text/words.ts';
import { Icon, type IconName } from './icon.tsx';

/** The title of a page and of its browser tab. Opening another page moves the focus here. */
export function PageTitle({ page, tab, children }: { page: PageName; tab?: string; children?: ComponentChildren }) {
  const title = tab ?? PAGES[page];
  useEffect(() => {
    document.title = `${title} · Payments console`;
  }, [title]);
  return (
    <h1 tabIndex={-1} id="title">
      {children ?? PAGES[page]}
    </h1>
  );
}

/** After a request that has removed the button which was pressed, and which had the focus. */
export function focusTitleIfLost(): void {
  // When the page has been drawn.
  setTimeout(() => {
    if (document.activeElement === document.body) document.getElementById('title')?.focus();
  });
}

export function Pill({ text, tone }: Status) {
  return <span class={`pill ${tone}`}>{text}</span>;
}

export function Time({ at, seconds = false }: { at: string; seconds?: boolean }) {
  return (
    <time dateTime={at} title={utcTime(at)}>
      {localTime(at, seconds)}
    </time>
  );
}

const REDRAWN_EVERY_MS = 15_000;

/** How long ago. */
export function Ago({ at }: { at: string }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(redraw, REDRAWN_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <time dateTime={at} title={utcTime(at)}>
      {relativeTime(at, Date.now())}
    </time>
  );
}

export function Amount({ of, currency }: { of: number; currency: string }) {
  return <span class="amount">{amountText(of, currency)}</span>;
}

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon'> {
  kind?: 'primary' | 'danger' | 'plain' | 'bare';
  icon?: IconName;
  /** A request is running: pressing the button does nothing, and it keeps the focus. */
  busy?: boolean;
  children: ComponentChildren;
}

export function Button({ kind = 'plain', icon, busy = false, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={`button ${kind}`}
      aria-disabled={busy ? 'true' : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A box with a message. */
export function Notice({
  tone,
  title,
  children,
  role,
}: {
  tone: Tone;
  title: ComponentChildren;
  children?: ComponentChildren;
  role?: 'status' | 'alert';
}) {
  return (
    <div class={`notice ${tone}`} role={role}>
      <Icon name={tone === 'good' ? 'done' : 'alert'} />
      <div>
        <p class="notice-title">{title}</p>
        {children}
      </div>
    </div>
  );
}

/** Takes the place of an empty list. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Card({
  title,
  aside,
  children,
  flush = false,
}: {
  title?: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
  /** A table reaches to its edges. */
  flush?: boolean;
}) {
  return (
    <section class={flush ? 'card flush' : 'card'}>
      {title && (
        <header class="card-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

/** Names and values. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren] | null)[] }) {
  return (
    <dl class="facts">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

const COPIED_MS = 2_000;

/** Copies a text and announces the result. A primary one gets the focus when its dialog opens. */
export function CopyButton({ text, what, kind = 'bare' }: { text: string; what: string; kind?: 'bare' | 'primary' }) {
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  async function copy() {
    clearTimeout(timer.current);
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
      timer.current = setTimeout(() => setState('ready'), COPIED_MS);
    } catch {
      // The browser refuses. Over http from another machine, `navigator.clipboard` does not exist.
      setState('failed');
    }
  }
  const label = `Copy ${what}`;
  return (
    <>
      <button
        type="button"
        class={`button ${kind} copy`}
        aria-label={label}
        title={label}
        autofocus={kind === 'primary'}
        onClick={() => void copy()}
      >
        <Icon name={state === 'copied' ? 'done' : 'copy'} />
        {kind === 'primary' && (state === 'copied' ? 'Copied' : label)}
      </button>
      <span class={state === 'failed' ? 'small' : 'hidden'} role="status">
        {{ ready: '', copied: 'Copied', failed: 'The browser cannot copy: select the text' }[state]}
      </span>
    </>
  );
}

/** An identifier. It can wrap anywhere. */
export function Id({ children }: { children: string }) {
  return <code class="id">{children}</code>;
}

interface OfPayment {
  organisation: string;
  transaction_id: string;
}

/** Links to a payment. Payments of other organisations are named without a link, because the console does not show them. */
export function PaymentLink({ of, text }: { of: OfPayment; text: string }) {
  const { session } = useConsole();
  if (of.organisation === session.organisation) {
    return (
      <a href={addressOfPayment(of.transaction_id)}>
        <Id>{text}</Id>
      </a>
    );
  }
  return (
    <>
      <Id>{text}</Id>
      <span class="below">of {of.organisation}</span>
    </>
  );
}
