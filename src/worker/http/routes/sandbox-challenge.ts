/** The sandbox's page on which a payer authenticates, as on the page of a bank. It is only there where the sandbox may answer. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { html, raw } from 'hono/html';
import { Hono } from 'hono/tiny';
import { backgroundCaller } from '../../../core/caller.ts';
import { decimalText } from '../../../core/domain/money.ts';
import { isIdentifier } from '../../../core/domain/transaction.ts';
import {
  answerSandboxChallenge,
  findSandboxChallenge,
  type SandboxChallenge,
} from '../../../core/recovery/answer-sandbox-challenge.ts';
import { contextOfId } from '../../../core/shards.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { methodNotAllowed } from '../middleware/method-not-allowed.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { withShards } from '../middleware/with-shards.ts';

/** Of a form with one button. */
const BODY_MAX_BYTES = 1024;

export const sandboxChallengeRoute = new Hono<HttpEnv>();

sandboxChallengeRoute.use(
  createMiddleware<HttpEnv>(async function onlyOfSandbox(c, next) {
    if (!c.get('settings').sandboxAllowed) {
      return errorResponse(c, 404, 'NOT_FOUND', 'There is nothing at this path: the sandbox is not in use.');
    }
    c.set('caller', backgroundCaller('webhook:sandbox', c.get('requestId')));
    return next();
  }),
  limitBody(BODY_MAX_BYTES, 'A form'),
  withShards(),
);

sandboxChallengeRoute
  .get('/:id', async function showChallenge(c) {
    const challenge = await challengeAt(c);
    if (challenge === null) return page(c, 404, OVER);
    return page(c, 200, question(challenge), new URL(challenge.returnUrl).origin);
  })
  .post('/:id', async function answerChallenge(c) {
    const challenge = await challengeAt(c);
    if (challenge === null) return page(c, 404, OVER);
    const { answer } = await c.req.parseBody();
    if (answer !== 'authenticated' && answer !== 'declined') {
      return errorResponse(c, 400, 'INVALID_REQUEST', 'The field answer must be authenticated or declined.');
    }
    const context = contextOfId(c.get('shards'), challenge.transaction.transactionId);
    await outliveClient(c, answerSandboxChallenge(context, challenge, answer), () => context);
    return c.redirect(challenge.returnUrl, 303);
  })
  .all('/:id', methodNotAllowed('GET, HEAD, POST'));

function challengeAt(c: Context<HttpEnv>): Promise<SandboxChallenge | null> | null {
  const id = c.req.param('id');
  if (!isIdentifier(id, 'TXN-')) return null;
  const { pathname, search } = new URL(c.req.url);
  return findSandboxChallenge(contextOfId(c.get('shards'), id), id, `${pathname}${search}`);
}

type Html = ReturnType<typeof html>;

const OVER = html`<h1>There is nothing to authenticate here</h1>
  <p>The payment has ended, or its time is over. Go back to the shop to see its status.</p>`;

function question({ transaction }: SandboxChallenge): Html {
  const { amountMinor, currency, bookingId, cardLast4 } = transaction;
  const isCard = cardLast4 !== null;
  return html`<h1>${isCard ? 'Is it you who pays?' : 'Do you approve this payment?'}</h1>
    <p class="quiet">${isCard ? 'A bank' : 'PayPal'} would ask its customer here. This is the sandbox: no money moves.</p>
    <dl>
      <dt>Amount</dt>
      <dd class="amount">${decimalText(amountMinor, currency)} ${currency}</dd>
      <dt>Booking</dt>
      <dd>${bookingId}</dd>
      <dt>Paid with</dt>
      <dd>${isCard ? `Card ending in ${cardLast4}` : 'PayPal'}</dd>
    </dl>
    <form method="post">
      <button name="answer" value="authenticated">${isCard ? 'Authenticate' : 'Approve'}</button>
      <button name="answer" value="declined" class="other">Decline</button>
    </form>`;
}

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; --ground: #f5f5f2; --card: #fff; --ink: #1b1c21; --quiet: #5b5e69;
    --line: #e2e2dd; --accent: #3451b2; --on-accent: #fff; }
  @media (prefers-color-scheme: dark) { :root { --ground: #121317; --card: #1b1d22; --ink: #ededf0; --quiet: #a5a8b3; --line: #2f323a;
    --accent: #a3b5ff; --on-accent: #11162e; } }
  * { box-sizing: border-box; }
  body { margin: 0; min-height: 100vh; padding: 1rem; display: grid; place-items: center; background: var(--ground); color: var(--ink); }
  main { width: min(26rem, 100%); padding: clamp(1.5rem, 6vw, 2.25rem); background: var(--card); border: 1px solid var(--line);
    border-radius: 1rem; }
  h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.02em; margin: 0; }
  p { margin: .75rem 0 0; } .quiet, dt { color: var(--quiet); }
  dl { display: grid; grid-template-columns: auto 1fr; align-items: baseline; gap: .75rem 1.25rem; margin: 1.75rem 0; padding: 1.25rem 0;
    border: solid var(--line); border-width: 1px 0; }
  dd { margin: 0; text-align: right; overflow-wrap: anywhere; } .amount { font-size: 1.25rem; font-weight: 650; }
  form { display: grid; gap: .75rem; }
  button { font: inherit; font-weight: 600; padding: .75rem; border-radius: .75rem; border: 1px solid var(--accent); cursor: pointer;
    background: var(--accent); color: var(--on-accent); }
  button.other { background: none; color: inherit; border-color: var(--quiet); }
  button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }`;

/** @param returnOrigin where the form's answer may lead: browsers hold a form's redirects to the policy as well */
function page(c: Context<HttpEnv>, status: 200 | 404, content: Html, returnOrigin = ''): Response | Promise<Response> {
  const nonce = crypto.randomUUID();
  c.header(
    'Content-Security-Policy',
    `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self' ${returnOrigin}; frame-ancestors 'none'; base-uri 'none'`,
  );
  c.header('Referrer-Policy', 'no-referrer');
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Authenticate the payment</title>
          <style nonce="${nonce}">
            ${raw(STYLE)}
          </style>
        </head>
        <body>
          <main>${content}</main>
        </body>
      </html>`,
    status,
  );
}
