/** Takes the pictures: each on a new page, when nothing on it loads or moves any more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { contextOptions } from './browser.ts';
import type { Picture } from './pictures.ts';

const STEP_DEADLINE_MS = 30_000;

export interface Camera {
  /** @param show brings the page to what is to be seen */
  take(picture: Picture, show: (page: Page) => Promise<unknown>, colours?: 'light' | 'dark'): Promise<void>;
}

/** @param directory where the pictures are written */
export function createCamera(browser: Browser, directory: string): Camera {
  return {
    async take(picture, show, colours = 'light') {
      const context = await browser.newContext(contextOptions(colours));
      context.setDefaultTimeout(STEP_DEADLINE_MS);
      try {
        const page = await context.newPage();
        await show(page);
        // A mouse that rests somewhere would mark what is below it.
        await page.mouse.move(0, 0);
        const png = await small(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
        const path = join(directory, `${picture}.png`);
        writeFileSync(path, png);
        console.log(`${path}  ${Math.ceil(png.length / 1_000)} kB`);
      } finally {
        await context.close();
      }
    },
  };
}

/** In 256 colours, which pages have hardly more of: a third of the bytes. */
function small(png: Buffer): Promise<Buffer> {
  return sharp(png).png({ palette: true, compressionLevel: 9, effort: 10, dither: 0 }).toBuffer();
}
