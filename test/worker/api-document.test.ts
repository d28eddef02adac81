/** The OpenAPI document and the routes: whatever one of them has, the other has, too. */
import { expect, it } from 'vitest';
import { apiDocument } from '../../src/api-document/document.ts';
import { SANDBOX_CHALLENGE_PATH } from '../../src/core/gateways/sandbox/sandbox-gateway.ts';
import { createApp } from '../../src/worker/http/app.ts';

const ANY_METHOD = 'ALL';

it('has an operation for each route, and a route for each operation', () => {
  const routes = createApp()
    .routes.filter(({ method, path }) => method !== ANY_METHOD && !path.startsWith(`${SANDBOX_CHALLENGE_PATH}/`))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const operations = Object.entries(apiDocument().paths ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(operations.toSorted()).toEqual([...new Set(routes)].toSorted());
});
