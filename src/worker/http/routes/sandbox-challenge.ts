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
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { methodNotAllowed } from '../middleware/method-not-allowed.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { withContext } from '../middleware/with-context.ts';

/** Of a form with one button. */
const BODY_MAX_BYTES = 1024;

export const sandboxChallengeRoute = new Hono<HttpEnv>();

sandboxChallengeRoute.use(
  createMiddleware<HttpEnv>(async function onlyOfSandbox(c, next) {
    if (!c.var.settings.sandboxAllowed) {
      return errorResponse(c, 404, 'NOT_FOUND', 'There is nothing at this path: the sandbox is not in use.');
    }
    c.set('caller', backgroundCaller('webhook:sandbox', c.var.requestId));
    return next();
  }),
  limitBody(BODY_MAX_BYTES, 'A form'),
  withContext(),
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
    await outliveClient(c, answerSandboxChallenge(c.var.context, challenge, answer));
    return c.redirect(challenge.returnUrl, 303);
  })
  .all('/:id', methodNotAllowed('GET, HEAD, POST'));

function challengeAt(c: Context<HttpEnv>): Promise<SandboxChallenge | null> | null {
  const id = c.req.param('id');
  if (!isIdentifier(id, 'TXN-')) return null;
  const { pathname, search } = new URL(c.req.url);
  return findSandboxChallenge(c.var.context, id, `${pathname}${search}`);
}

type Html = ReturnType<typeof html>;

const OVER = html`<h1>There is nothing to authenticate here</h1>
  <p>The payment has ended, or its time is over. Go back to the shop to see its status.</p>`;

function question({ transaction }: SandboxChallenge): Html {
  const { amountMinor, currency, bookingId, cardLast4 } = transaction;
  return html`<h1>Is it you who pays?</h1>
    <p>A bank or PayPal would ask its customer here. This is the sandbox: no money moves.</p>
    <dl>
      <dt>Amount</dt>
      <dd>${decimalText(amountMinor, currency)} ${currency}</dd>
      <dt>Booking</dt>
      <dd>${bookingId}</dd>
      <dt>Paid with</dt>
      <dd>${cardLast4 === null ? 'PayPal' : `the card that ends in ${cardLast4}`}</dd>
    </dl>
    <form method="post">
      <button name="answer" value="authenticated">Authenticate</button>
      <button name="answer" value="declined" class="other">Decline</button>
    </form>`;
}

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
  main { box-sizing: border-box; width: min(26rem, 100%); padding: 2rem 1.5rem; }
  h1 { font-size: 1.375rem; margin: 0 0 .5rem; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .375rem 1.25rem; margin: 1.5rem 0; }
  dt { opacity: .75; } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
  form { display: grid; gap: .75rem; }
  button { font: inherit; font-weight: 600; padding: .75rem; border-radius: .5rem; border: 1px solid #1d4ed8; cursor: pointer;
    background: #1d4ed8; color: #fff; }
  button.other { background: none; color: inherit; border-color: currentColor; }
  button:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }`;

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
