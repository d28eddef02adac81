/** Icons, drawn in the colour of the text. They repeat what a text beside them says. */

const PATHS = {
  overview: 'M2 13h12M4 10V6m4 4V3m4 7V8',
  payments: 'M2 5.5h12M2.5 3.5h11v9h-11zM5 10h2.5',
  find: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 14 14',
  cases: 'M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8zM2.5 13.5c.5-2.5 2.5-4 5.5-4s5 1.5 5.5 4',
  disputes: 'M8 2.5v11M3.5 13.5h9M2 8.5 4.5 4 7 8.5a2.5 2.5 0 0 1-5 0zM9 8.5 11.5 4 14 8.5a2.5 2.5 0 0 1-5 0zM4.5 4h7',
  events: 'M2 8h3l2-5 2.5 10 2-5H14',
  reconciliation: 'M2.5 5.5h10M10 3l2.5 2.5L10 8M13.5 10.5h-10M6 8l-2.5 2.5L6 13',
  gateways: 'M8 1.8v4M8 10.2v4M3 5.8h10v4.4H3zM5.5 8h.01',
  databases:
    'M13 4c0 1.1-2.2 2-5 2s-5-.9-5-2 2.2-2 5-2 5 .9 5 2zM3 4v8c0 1.1 2.2 2 5 2s5-.9 5-2V4M3 8c0 1.1 2.2 2 5 2s5-.9 5-2',
  keys: 'M6 12.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8.2 7.3 13 2.5M11 4.5l2 2',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  system: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  light:
    'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3.05 3.05l1.06 1.06M11.89 11.89l1.06 1.06M3.05 12.95l1.06-1.06M11.89 4.11l1.06-1.06',
  dark: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
  out: 'M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3',
  alert: 'M8 2 1.5 13.5h13zM8 6.5v3.5M8 12h.01',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  done: 'M3 8.5 6.5 12 13 4.5',
  again: 'M13.5 8A5.5 5.5 0 1 1 11.7 3.9M13.5 2v3.5H10',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
