/** The console at /console: see docs/console.md. */
import { render } from 'preact';
import { App } from './app.tsx';
import { applyTheme, storedTheme } from './theme.ts';

applyTheme(storedTheme());
const place = document.getElementById('console');
if (place !== null) render(<App />, place);
