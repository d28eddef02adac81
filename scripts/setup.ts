/** `npm run setup`: the local settings and the local database, after which `npx wrangler dev` works too. */
import { completeDevVars } from '../src/local/dev-vars.ts';
import { applyLocalMigrations } from './local-database.ts';

const written = completeDevVars();
console.log(written.length === 0 ? '.dev.vars is complete' : `.dev.vars: wrote ${written.join(', ')}`);

const failure = await applyLocalMigrations(null);
if (failure !== null) {
  console.error(`The migrations could not be applied to the local database:\n${failure}`);
  process.exit(1);
}
console.log('The local database has all migrations');
