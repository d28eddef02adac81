/** How a page of the emulator looks to the payer who has been sent to it. It works without scripts. */
import type { ApiAnswer } from './api.ts';

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; --ground: #f5f5f2; --card: #fff; --ink: #1b1c21; --quiet: #5b5e69;
  --line: #e2e2dd; --accent: #3451b2; --on-accent: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #121317; --card: #1b1d22; --ink: #ededf0; --quiet: #a5a8b3; --line: #2f323a;
  --accent: #a3b5ff; --on-accent: #11162e; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 1rem; display: grid; place-items: center; background: var(--ground); color: var(--ink); }
main { width: min(26rem, 100%); padding: clamp(1.5rem, 6vw, 2.25rem); background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.02em; margin: 0 0 1rem; }
p { margin: 0 0 .75rem; } .quiet { color: var(--quiet); }
button { width: 100%; margin-top: .75rem; font: inherit; font-weight: 600; padding: .75rem; border-radius: .75rem; cursor: pointer;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); }
form + form button { background: none; color: inherit; border-color: var(--quiet); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/** @param content HTML. Of two forms, the first one is what the shop hopes for */
export function payerPage(status: number, title: string, content: string): ApiAnswer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    },
    // The icon: browsers would ask the emulator for /favicon.ico, and log that it refuses.
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`,
  };
}
