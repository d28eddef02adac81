/** The Chromium, or the Chrome, of the machine: the browser in which the checkout demo and the documentation are tested. */
import { existsSync } from 'node:fs';
import { programInPath } from './program-in-path.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MACOS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** What to do where there is none. */
export const HOW_TO_GET_CHROMIUM =
  'install Chromium or Chrome (on Debian, `npm run install:chromium` does that, as root)';

/** Its program, or null. */
export function chromiumOfMachine(): string | null {
  return programInPath(NAMES) ?? MACOS.find((path) => existsSync(path)) ?? null;
}
