/** Chromium as the pictures need it: the same size, fonts, language and time zone on each machine, and nothing that moves. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';

export const SIZE = { width: 1440, height: 900 };

/** As Debian's packages fonts-inter and fonts-jetbrains-mono have them. */
const FONTS = {
  'system-ui': 'Inter',
  'sans-serif': 'Inter',
  'ui-monospace': 'JetBrains Mono',
  monospace: 'JetBrains Mono',
};

/** @param directory of the run, where its configuration is kept */
export async function launchBrowser(program: string, directory: string): Promise<Browser> {
  const file = join(directory, 'fonts.conf');
  const aliases = Object.entries(FONTS).map(
    ([family, font]) =>
      `<match target="pattern"><test name="family"><string>${family}</string></test><edit name="family" mode="prepend" binding="strong"><string>${font}</string></edit></match>`,
  );
  writeFileSync(
    file,
    `<?xml version="1.0"?><fontconfig><include>/etc/fonts/fonts.conf</include>${aliases.join('')}</fontconfig>`,
  );
  return chromium.launch({ executablePath: program, env: { ...process.env, FONTCONFIG_FILE: file } });
}

export function contextOptions(colorScheme: 'light' | 'dark'): BrowserContextOptions {
  return { viewport: SIZE, colorScheme, reducedMotion: 'reduce', locale: 'en-US', timezoneId: 'UTC' };
}
