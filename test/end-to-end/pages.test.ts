/** The static pages beside the Worker, as `wrangler dev` serves them without any option. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { publishedDocument } from '../../src/api-document/document.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { runDirectory } from '../support/run.ts';
import { prepareDatabase, startWorker, type WorkerProcess } from '../support/worker.ts';

const ASK_DEADLINE_MS = 10_000;

describe('beside the Worker', () => {
  let worker: WorkerProcess;

  beforeAll(async () => {
    const directory = runDirectory('pages');
    prepareDatabase(directory);
    worker = await startWorker({
      port: await freePort(),
      directory,
      variables: {
        ...LOCAL_VARIABLES,
        BRIDGE_URL: 'http://127.0.0.1:9',
        BRIDGE_SIGNING_SECRET: randomBytes(32).toString('base64'),
      },
    });
  });
  afterAll(() => worker?.child.stop());

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${worker.url}${path}`, { redirect: 'manual', signal: AbortSignal.timeout(ASK_DEADLINE_MS), ...init });

  it.each(['/', '/docs', '/console/'])('%s is a page that no other origin has a part in', async (path) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = answer.headers.get('Content-Security-Policy');
    expect(policy).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect(policy).not.toMatch(/unsafe|http|\*/);
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(await answer.text()).not.toMatch(/(src|href)="(?!\/)/);
  });

  it('/ runs no script', async () => {
    const answer = await ask('/');
    expect(answer.headers.get('Content-Security-Policy')).not.toContain('script-src');
    expect(await answer.text()).not.toContain('<script');
  });

  it('/openapi.json is the document', async () => {
    const answer = await ask('/openapi.json');
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toEqual(publishedDocument());
  });

  it('/console leads to the pages of the console, and what they ask is the Worker’s', async () => {
    const answer = await ask('/console');
    expect([answer.status, answer.headers.get('Location')]).toEqual([307, '/console/']);
    const page = await ask('/console/');
    expect([page.headers.get('X-Frame-Options'), page.headers.get('Referrer-Policy')]).toEqual(['DENY', 'no-referrer']);
    const [, script = ''] = /src="(\/console\/assets\/[\w-]+\.js)"/.exec(await page.text()) ?? [];
    expect((await ask(script)).headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable');
    expect((await ask('/console/api/session')).headers.get('X-Request-Id')).not.toBeNull();
    expect((await ask('/console/assets/former.js')).status).toBe(404);
  });

  it('/redoc leads to /docs', async () => {
    const answer = await ask('/redoc');
    expect([answer.status, answer.headers.get('Location')]).toEqual([302, '/docs']);
  });

  it.each(['/', '/docs', '/console/', '/openapi.json'])(
    'a POST to %s is a 405, and a GET still a 200',
    async (path) => {
      expect((await ask(path, { method: 'POST', body: 'x=1' })).status).toBe(405);
      expect((await ask(path)).status).toBe(200);
    },
  );

  it.each(['/', '/docs', '/docs/docs.js', '/console/', '/openapi.json'])('%s does not run the Worker', async (path) => {
    const answer = await ask(path);
    // Whatever the Worker answers has this header.
    expect([answer.status, answer.headers.get('X-Request-Id')]).toEqual([200, null]);
  });

  it.each(['/', '/docs', '/docs/docs.js', '/console/', '/openapi.json'])(
    '%s keeps browsers on https as the Worker does',
    async (path) => {
      const ofWorker = (await ask('/health')).headers.get('Strict-Transport-Security');
      expect(ofWorker).toMatch(/^max-age=\d+/);
      expect((await ask(path)).headers.get('Strict-Transport-Security')).toBe(ofWorker);
    },
  );

  it.each(['/nothing', '/payment/x', '/docs/nothing', '/demo', '/demo.html'])(
    '%s is the Worker’s own 404',
    async (path) => {
      const answer = await ask(path);
      expect([answer.status, answer.headers.get('X-Request-Id')]).toEqual([404, expect.stringMatching(/\S/)]);
      expect(await answer.json()).toMatchObject({ error: { code: 'NOT_FOUND', details: {} } });
    },
  );

  it('a method that a path of the API does not have is the Worker’s own 405', async () => {
    const answer = await ask('/payment/process');
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'POST']);
    expect(await answer.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } });
  });

  it('the pages were built once, and nothing has them built again', () => {
    expect(worker.child.output().match(/\[custom build\] Running/g)).toHaveLength(1);
  });
});
