/** `npm run setup`: the local settings and the local databases, after which `npx wrangler dev` works too. */
import { completeDevVars } from '../src/local/dev-vars.ts';
import { prepareLocalDatabases } from './local-database.ts';

const written = completeDevVars();
console.log(written.length === 0 ? '.dev.vars is complete' : `.dev.vars: wrote ${written.join(', ')}`);

const problem = prepareLocalDatabases(null);
if (problem !== null) {
  console.error(problem);
  process.exit(1);
}
console.log('The local state has all migrations');
