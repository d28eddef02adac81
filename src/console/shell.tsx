/** What surrounds each page: the header with the search box, the navigation, and the page itself. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConsoleOverview } from '../contract/console.ts';
import { useConsole } from './console-context.ts';
import { CasesPage } from './pages/cases.tsx';
import { DatabasesPage } from './pages/databases.tsx';
import { DisputesPage } from './pages/disputes.tsx';
import { EventsPage } from './pages/events.tsx';
import { FindPage } from './pages/find.tsx';
import { GatewaysPage } from './pages/gateways.tsx';
import { KeysPage } from './pages/keys.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { PaymentPage } from './pages/payment.tsx';
import { PaymentsPage } from './pages/payments.tsx';
import { ReconciliationPage } from './pages/reconciliation.tsx';
import { Button, Empty, PageTitle } from './parts/basics.tsx';
import { Icon } from './parts/icon.tsx';
import { countText } from './text/format.ts';
import { addressOf, addressOfTyped, PAGES, type PageName, type Route } from './text/route.ts';
import { actorText } from './text/words.ts';
import { applyTheme, storedTheme, storeTheme, THEMES } from './theme.ts';
import { useLoaded } from './use-loaded.ts';
import { goTo, useRoute } from './use-route.ts';

/** How often the counts in the navigation are refreshed. */
const COUNTS_EVERY_MS = 60_000;

interface Group {
  name: string;
  pages: readonly Exclude<PageName, 'find'>[];
}

const MONEY: Group = { name: 'Money', pages: ['payments', 'cases', 'disputes'] };
const EVERYWHERE: readonly Group[] = [
  { name: 'Today', pages: ['overview'] },
  MONEY,
  { name: 'Installation', pages: ['events', 'reconciliation', 'gateways', 'databases', 'keys'] },
];

export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const { session } = useConsole();
  const route = useRoute();
  const [isMenuOpen, setMenuOpen] = useState(false);
  const place = placeOf(route);
  // After signing in with a key, the focus has left the field of the key and has to go somewhere.
  const shown = useRef(session.signed_in_by === 'api_key' ? null : route);

  // Opening a page moves the focus to its title. Changing a filter does not, unless what had the focus is gone.
  useEffect(() => {
    const former = shown.current;
    if (former === route) return;
    shown.current = route;
    setMenuOpen(false);
    const isOther = former === null || placeOf(former) !== placeOf(route);
    if (isOther) scrollTo(0, 0);
    if (isOther || document.activeElement === document.body) focusTitle();
  }, [route]);

  useEffect(() => {
    if (!isMenuOpen) return undefined;
    const onEscape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setMenuOpen(false);
      document.querySelector<HTMLElement>('[data-menu]')?.focus();
    };
    // On a wide screen, the navigation is beside the page.
    const onWide = () => setMenuOpen(false);
    const wide = matchMedia('(width >= 60rem)');
    addEventListener('keydown', onEscape);
    wide.addEventListener('change', onWide);
    return () => {
      removeEventListener('keydown', onEscape);
      wide.removeEventListener('change', onWide);
    };
  }, [isMenuOpen]);

  /** Closes the menu. The link of the current page does not change the address, so no route follows. */
  function follow() {
    if (!isMenuOpen) return;
    setMenuOpen(false);
    // `main` is inert until the menu is closed.
    setTimeout(focusTitle);
  }

  return (
    <>
      <button type="button" class="skip button" onClick={focusTitle}>
        Skip to content
      </button>
      <header class="top">
        <Button
          kind="bare"
          icon={isMenuOpen ? 'close' : 'menu'}
          aria-expanded={isMenuOpen}
          aria-controls="navigation"
          data-menu
          onClick={() => setMenuOpen(!isMenuOpen)}
        >
          <span class="hidden">Menu</span>
        </Button>
        <a class="brand" href={addressOf('overview')} aria-label="Payments: start page">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span>Payments</span>
        </a>
        <QuickFind />
        <Account onSignOut={onSignOut} />
      </header>
      <div class="frame">
        <nav id="navigation" aria-label="Console" class={isMenuOpen ? 'side open' : 'side'}>
          <Navigation groups={session.sees_installation ? EVERYWHERE : [MONEY]} route={route} onFollow={follow} />
        </nav>
        <main key={place} inert={isMenuOpen}>
          <Page route={route} />
        </main>
      </div>
    </>
  );
}

/** A page, whatever its filters. */
function placeOf({ page, id }: Route): string {
  return `${page}/${id ?? ''}`;
}

function focusTitle() {
  document.getElementById('title')?.focus();
}

interface NavigationProps {
  groups: readonly Group[];
  route: Route;
  onFollow: () => void;
}

function Navigation({ groups, route, onFollow }: NavigationProps) {
  const { session } = useConsole();
  const counts = useLoaded<ConsoleOverview>(
    session.sees_installation ? '/overview?hours=1' : null,
    COUNTS_EVERY_MS,
  ).data;
  const waiting: Partial<Record<PageName, number>> =
    counts === null
      ? {}
      : {
          overview: counts.alerts.length,
          cases: counts.now_waiting.cases,
          disputes: counts.now_waiting.disputes,
          events: counts.now_waiting.events,
        };
  return groups.map(({ name, pages }) => (
    <div key={name} class="side-group">
      <p aria-hidden="true">{name}</p>
      <ul>
        {pages.map((page) => {
          const count = waiting[page] ?? 0;
          return (
            <li key={page}>
              <a href={addressOf(page)} aria-current={route.page === page ? 'page' : undefined} onClick={onFollow}>
                <Icon name={page} />
                <span>{PAGES[page]}</span>
                {count > 0 && (
                  <span class={page === 'overview' ? 'count bad' : 'count'}>
                    {countText(count)}
                    <span class="hidden">{page === 'overview' ? ' alerts' : ' waiting'}</span>
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  ));
}

function Page({ route }: { route: Route }) {
  const { session } = useConsole();
  const { page, id, query } = route;
  if (!session.sees_installation && page !== null) {
    if (page === 'overview') return <PaymentsPage query={query} />;
    if (!['payments', 'find', 'cases', 'disputes'].includes(page)) return <NoPage />;
  }
  switch (page) {
    case 'overview':
      return <OverviewPage query={query} />;
    case 'payments':
      return id === null ? <PaymentsPage query={query} /> : <PaymentPage id={id} />;
    case 'find':
      return <FindPage text={query.get('q') ?? ''} />;
    case 'cases':
      return <CasesPage />;
    case 'disputes':
      return <DisputesPage />;
    case 'events':
      return <EventsPage />;
    case 'reconciliation':
      return <ReconciliationPage />;
    case 'gateways':
      return <GatewaysPage />;
    case 'databases':
      return <DatabasesPage />;
    case 'keys':
      return <KeysPage />;
    case null:
      return <NoPage />;
  }
}

function NoPage() {
  return (
    <>
      <PageTitle page="find" tab="No such page">
        No such page
      </PageTitle>
      <Empty title="There is no page at this address">
        <a href={addressOf('overview')}>Go to the start page</a>
      </Empty>
    </>
  );
}

/** The search box of every page: a booking, a payment, a refund or a provider's reference. The key `/` moves the focus to it. */
function QuickFind() {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector('dialog[open]') !== null) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <search class="find">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const address = addressOfTyped(text);
          if (address === null) return;
          setText('');
          goTo(address);
        }}
      >
        <label class="hidden" for="find">
          Find a booking, a payment, a refund or a reference
        </label>
        <Icon name="find" />
        <input
          ref={input}
          id="find"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="Booking, TXN-, REF- or reference"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <span class="key" aria-hidden="true">
          /
        </span>
      </form>
    </search>
  );
}

function Account({ onSignOut }: { onSignOut: () => void }) {
  const { session } = useConsole();
  const [theme, setTheme] = useState(storedTheme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <div class="account">
      {session.environment === 'development' && <span class="pill quiet environment">Development</span>}
      <span class="who">
        <span>{actorText(session.actor)}</span>
        {session.organisation !== 'default' && <span class="small">{session.organisation}</span>}
      </span>
      <Button
        kind="bare"
        icon={theme}
        title={`Theme: ${theme}`}
        onClick={() => {
          setTheme(next);
          storeTheme(next);
          applyTheme(next);
        }}
      >
        <span class="hidden">Theme: {theme}</span>
      </Button>
      {session.signed_in_by !== null && (
        <Button kind="bare" icon="out" title="Sign out" onClick={onSignOut}>
          <span class="hidden">Sign out</span>
        </Button>
      )}
    </div>
  );
}
