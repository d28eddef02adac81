/** A terminal as a page: text with its colours, as a terminal of the usual dark kind shows it. */

/** Of the standard colours 30 to 37, and of the bright ones 90 to 97. */
const COLOURS = ['#3b4048', '#e0626c', '#7fc77a', '#e0b465', '#6ea8fe', '#c98ee0', '#4fb8c6', '#d4d8df'];
const [INK, GROUND] = ['#d4d8df', '#16181d'];

interface Style {
  bold: boolean;
  dim: boolean;
  colour: string | null;
  background: string | null;
}
const PLAIN: Style = { bold: false, dim: false, colour: null, background: null };

/** A whole document. @param title as in the window's bar */
export function terminalPage(title: string, output: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title><style>
    body { margin: 0; height: 100vh; box-sizing: border-box; padding: 28px; background: #d9dde4; }
    .window { height: 100%; display: flex; flex-direction: column; overflow: hidden; border-radius: 10px; background: ${GROUND}; color: ${INK}; }
    .bar { padding: 10px 16px; background: #23262d; color: #9aa1ad; font: 13px system-ui, sans-serif; text-align: center; }
    pre { margin: 0; padding: 18px 22px; font: 13.5px/1.5 ui-monospace, monospace; font-variant-ligatures: none; white-space: pre-wrap; word-break: break-all; }
  </style><body><div class="window"><div class="bar">${escaped(title)}</div><pre>${coloured(output)}</pre></div></body></html>`;
}

/** Text with escape sequences of colours (SGR), as HTML. Other sequences are left out. */
export function coloured(text: string): string {
  let style = PLAIN;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const parts = text.split(/\u001b\[([\d;]*)([A-Za-z])/);
  let html = '';
  for (let index = 0; index < parts.length; index += 3) {
    html += styled(parts[index] ?? '', style);
    const [codes, command] = [parts[index + 1], parts[index + 2]];
    if (command === 'm') style = (codes || '0').split(';').map(Number).reduce(after, style);
  }
  return html;
}

function after(style: Style, code: number): Style {
  const [tens, units] = [Math.floor(code / 10), code % 10];
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: null };
  if (code === 49) return { ...style, background: null };
  if (tens === 3 || tens === 9) return { ...style, colour: COLOURS[units] ?? null };
  if (tens === 4 || tens === 10) return { ...style, background: COLOURS[units] ?? null };
  return style;
}

function styled(text: string, { bold, dim, colour, background }: Style): string {
  const rules = [
    ...(bold ? ['font-weight:700'] : []),
    ...(dim ? ['opacity:.6'] : []),
    ...(colour === null ? [] : [`color:${colour}`]),
    ...(background === null ? [] : [`background:${background}`]),
  ];
  if (text === '' || rules.length === 0) return escaped(text);
  return `<span style="${rules.join(';')}">${escaped(text)}</span>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
