import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the types of the TypeScript client are those of the OpenAPI and the AsyncAPI document', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/generate-client-types.ts', '--check']);
  expect(stdout).toBe('The types of the TypeScript client are up to date\n');
});
