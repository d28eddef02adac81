/**
 * Makes the static pages that are served beside the Worker: the OpenAPI document, its documentation and the start page, and for development
 * the checkout demo, too. Wrangler runs this before it serves or deploys anything: see [build] in wrangler.toml. Several may run at once, so
 * a file appears as a whole, and one that has not changed is not touched.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { publishedDocument } from '../src/api-document/document.ts';
import { PROJECT } from '../src/local/project.ts';

const PAGES = join(PROJECT, 'src/pages');
const DEMO = join(PROJECT, 'src/worker/demo/page');
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const SWAGGER_UI_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt'];
/** Of each folder of pages, rules for what is in it. */
const HEADERS = '_headers';

const BUILT = join(PROJECT, '.pages');

type Files = Map<string, Buffer>;

const pages = filesIn(PAGES);
for (const name of SWAGGER_UI_FILES) pages.set(join('docs', name), readFileSync(join(SWAGGER_UI, name)));
pages.set('openapi.json', Buffer.from(`${JSON.stringify(publishedDocument(), null, 2)}\n`));
write(pages, join(BUILT, 'deployed'));

const demo = filesIn(DEMO);
const headers = [pages, demo].map((files) => files.get(HEADERS)?.toString() ?? '').join('\n');
write(new Map([...pages, ...demo, [HEADERS, Buffer.from(headers)]]), join(BUILT, 'development'));

function filesIn(directory: string): Files {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path)]));
}

/** Has these files in the directory, and no others. */
function write(files: Files, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const path of filesIn(directory).keys()) if (!files.has(path)) rmSync(join(directory, path), { force: true });
  for (const [path, content] of files) {
    const file = join(directory, path);
    if (existsSync(file) && readFileSync(file).equals(content)) continue;
    mkdirSync(dirname(file), { recursive: true });
    // Outside of the directory: whoever lists it now does not find it.
    const unfinished = join(BUILT, `${process.pid}.unfinished`);
    writeFileSync(unfinished, content);
    renameSync(unfinished, file);
  }
}
