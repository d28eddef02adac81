/** The page where a payer authenticates, which Stripe and the card's bank have on their own sites. */
import type { ApiAnswer, ApiRequest } from './api.ts';
import { pathOf } from './operations.ts';
import { payerPage } from './payer-page.ts';
import type { StripeEmulator } from './stripe.ts';
import { AUTHENTICATION_PATH, isOpen } from './stripe-authentication.ts';
import type { IntentRow } from './stripe-books.ts';
import { inWords } from './stripe-money.ts';

export function authenticationPage(request: ApiRequest, stripe: StripeEmulator): ApiAnswer {
  const authentication = stripe.authentication(pathOf(request).slice(AUTHENTICATION_PATH.length));
  if (authentication === null) return page(404, '<p>There is no such authentication.</p>');
  const { intent } = authentication;
  if (request.method === 'GET') return page(200, isOpen(authentication) ? question(intent) : over(intent));
  if (request.method !== 'POST') return page(405, '<p>Open this page in a browser.</p>');
  const end = new URLSearchParams(request.body).get('authentication');
  if (end !== 'completed' && end !== 'failed') {
    return page(400, '<p>authentication=completed or authentication=failed is expected.</p>');
  }
  if (!isOpen(authentication)) return page(409, over(intent));
  const address = stripe.endAuthentication(authentication, end);
  const answer = page(
    address === null ? 200 : 303,
    `<p>The payment is <b>${intent.status}</b>. Go back to the shop.</p>`,
  );
  return address === null ? answer : { ...answer, headers: { ...answer.headers, location: address } };
}

function question({ amount, currency }: IntentRow): string {
  const button = (end: string, words: string) =>
    `<form method="post"><button name="authentication" value="${end}">${words}</button></form>`;
  return `<p>The bank asks you to confirm a payment of <b>${inWords(amount, currency)}</b>.</p>
${button('completed', 'Complete authentication')}
${button('failed', 'Fail authentication')}`;
}

function over({ status }: IntentRow): string {
  return `<p>This authentication is over. Nothing has changed: the payment is <b>${status}</b>.</p>`;
}

function page(status: number, content: string): ApiAnswer {
  const title = '3-D Secure, emulated';
  return payerPage(status, title, `<h1>${title}</h1>\n${content}`);
}
