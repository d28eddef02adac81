/**
 * Makes the static pages that are served beside the Worker: the OpenAPI document, its documentation, the start page and the console, and for
 * development the checkout demo, too. Wrangler runs this before it serves or deploys anything: see [build] in wrangler.toml. Several may run at once, so
 * a file appears as a whole, and one that has not changed is not touched.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin, type Rolldown } from 'vite';
import { publishedDocument } from '../src/api-document/document.ts';
import { PROJECT } from '../src/local/project.ts';

const PAGES = join(PROJECT, 'src/pages');
const CONSOLE = join(PROJECT, 'src/console');
const DEMO = join(PROJECT, 'src/worker/demo/page');
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const SWAGGER_UI_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt'];
/** Of each folder of pages, rules for what is in it. */
const HEADERS = '_headers';
/** The first versions with `light-dark()`. */
const BROWSERS = ['chrome123', 'edge123', 'firefox120', 'safari17.5'];
/** Vite's helper loads the style sheets and imports of a chunk. The console has one style sheet, and its chunk imports nothing. */
const WITHOUT_PRELOADING: Plugin = {
  name: 'without-preloading',
  enforce: 'pre',
  load: (id) => (id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load();' : null),
};

const BUILT = join(PROJECT, '.pages');

type Files = Map<string, Buffer>;

const pages = filesIn(PAGES);
for (const name of SWAGGER_UI_FILES) pages.set(join('docs', name), readFileSync(join(SWAGGER_UI, name)));
pages.set('openapi.json', Buffer.from(`${JSON.stringify(publishedDocument(), null, 2)}\n`));
const deployed = together(pages, await builtConsole());
write(deployed, join(BUILT, 'deployed'));
write(together(deployed, filesIn(DEMO)), join(BUILT, 'development'));

/** The console as browsers run it, under the names that it is served by. Vite writes nothing: see `write`. */
async function builtConsole(): Promise<Files> {
  // Under a test it would be another build, with what Preact has for developers.
  process.env.NODE_ENV = 'production';
  const built = await build({
    root: CONSOLE,
    base: '/console/',
    configFile: false,
    envDir: false,
    publicDir: false,
    logLevel: 'warn',
    tsconfig: 'tsconfig.json',
    plugins: [WITHOUT_PRELOADING],
    build: { write: false, target: BROWSERS, modulePreload: false, reportCompressedSize: false },
  });
  const { output } = built as Rolldown.RolldownOutput;
  const files = output.map((file) => {
    const content = file.type === 'chunk' ? file.code : file.source;
    return [join('console', file.fileName), Buffer.from(content)] as const;
  });
  return new Map([[HEADERS, readFileSync(join(CONSOLE, HEADERS))], ...files]);
}

/** All files, with the rules of both. */
function together(some: Files, others: Files): Files {
  const headers = [some, others].map((files) => files.get(HEADERS)?.toString() ?? '').join('\n');
  return new Map([...some, ...others, [HEADERS, Buffer.from(headers)]]);
}

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
