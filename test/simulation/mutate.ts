/** Loads the service's code with a defect in it. The files stay as they are: the text is changed on its way into the thread. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import type { GatewayKind, Plan } from './plan.ts';

export interface Edit {
  /** Below the project, such as `src/core/ledger/refunds/reserve-refund.ts`. */
  file: string;
  find: string;
  replace: string;
}

export interface Mutation {
  name: string;
  /** Where it is a defect of one gateway's adapter: it is looked for in histories with that gateway. */
  gateway?: GatewayKind;
  /** Where payments have to wait at a provider for it. */
  waitsAtProvider?: true;
  /** Where it is a defect of an installation with so many databases. */
  shards?: Plan['shards'];
  /** What must not hold any more: the start of a violation. */
  breaks: string;
  edits: Edit[];
}

/** From now on, modules of this thread are loaded with the defect. */
export function mutate({ edits }: Mutation): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter(({ file }) => url.endsWith(`/${file}`));
      if (own.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: own.reduce(edited, text) };
    },
  });
}

/** The same for the tables. */
export function patchMigration({ edits }: Mutation): (sql: string, file: string) => string {
  return (sql, file) => edits.filter((edit) => edit.file.endsWith(`migrations/${file}`)).reduce(edited, sql);
}

/** Makes the defect in a copy of the code that nobody runs. @throws Error where it can't be made any more */
export function rehearse({ edits }: Mutation): void {
  for (const file of new Set(edits.map((edit) => edit.file))) {
    edits.filter((edit) => edit.file === file).reduce(edited, readFileSync(file, 'utf8'));
  }
}

/** @throws Error where the code has moved on: a defect that is not there any more would be one that nobody looks for */
function edited(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places that read:\n${find}`);
  return parts.join(replace);
}
