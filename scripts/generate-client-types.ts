/**
 * `npm run generate:clients`: writes the types of clients/typescript, of the HTTP API from its OpenAPI document and of the events from
 * docs/asyncapi.yaml. With `--check`, it writes nothing, and exits with 1 where a file is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { Command } from 'commander';
import { parse } from 'yaml';
import { publishedDocument } from '../src/api-document/document.ts';
import { EXIT_FAILED, optionsOf } from '../src/local/command.ts';
import { PROJECT } from '../src/local/project.ts';

const CLIENT = join(PROJECT, 'clients/typescript');
const EXIT_OUTDATED = 1;

const { check } = optionsOf<{ check?: true }>(
  new Command('npm run generate:clients --')
    .description('Writes the types of the TypeScript client from the OpenAPI and the AsyncAPI document.')
    .option('--check', 'write nothing, and report files that are not up to date'),
  {
    examples: [
      ['', 'write them'],
      ['--check', 'see whether they are up to date'],
    ],
    exitCodes: [
      [0, 'they are up to date now'],
      [EXIT_OUTDATED, 'with --check: a file is not up to date'],
      [EXIT_FAILED, 'an argument was refused'],
    ],
  },
);

// openapi-typescript writes with TypeScript's own API, which TypeScript 7 does not have. This package brings that of a version before it.
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? '@ts-morph/common/dist/typescript.js' : specifier, context),
});
const { default: openapiTypes, astToString } = await import('openapi-typescript');

const generated = {
  'payment-api.d.ts': { source: '/openapi.json', document: JSON.parse(JSON.stringify(publishedDocument())) },
  'payment-events.d.ts': { source: 'docs/asyncapi.yaml', document: eventSchemas() },
};
const outdated: string[] = [];
for (const [name, { source, document }] of Object.entries(generated)) {
  const file = join(CLIENT, name);
  const text = `// Generated from ${source} by \`npm run generate:clients\`. Not to be edited.\n\n${astToString(await openapiTypes(document))}`;
  if (readOrNull(file) === text) continue;
  outdated.push(name);
  if (!check) writeFileSync(file, text);
}
if (outdated.length === 0) console.log('The types of the TypeScript client are up to date');
else if (!check) console.log(`Wrote ${outdated.join(', ')}`);
else {
  console.error(`Not up to date: ${outdated.join(', ')}. Run npm run generate:clients`);
  process.exit(EXIT_OUTDATED);
}

/** The schemas of the events as a document that the generator takes: AsyncAPI's are a superset of OpenAPI's. */
function eventSchemas() {
  const { info, components } = parse(readFileSync(join(PROJECT, 'docs/asyncapi.yaml'), 'utf8'));
  const { title, version } = info;
  return { openapi: '3.1.1', info: { title, version }, paths: {}, components: { schemas: components.schemas } };
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
