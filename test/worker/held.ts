/** Payments whose money is held, or whose payer has to authenticate first, as callers of the sandbox make them. */
import { exports } from 'cloudflare:workers';
import { AUTHENTICATION_CARDS } from '../data/cards.ts';
import { type Answer, cardNumbered, newAddress, pay, payment, send } from './request.ts';

export const RETURN_URL = 'https://shop.example/checkout/done?session=7';

/** A card of which the bank wants the payer to authenticate. */
export const challengedPayment = (overrides: Record<string, unknown> = {}) =>
  payment({ card_details: cardNumbered(AUTHENTICATION_CARDS[0]), return_url: RETURN_URL, ...overrides });

export const heldPayment = (overrides: Record<string, unknown> = {}) =>
  payment({ capture_method: 'manual', ...overrides });

export interface Held {
  transaction_id: string;
  booking_id: string;
}

export async function held(overrides: Record<string, unknown> = {}): Promise<Held> {
  const { status, body, text } = await pay(heldPayment(overrides));
  if (status !== 200 || body.status !== 'authorized') throw new Error(`the payment was not held: ${text}`);
  return body;
}

export interface Challenge extends Held {
  next_action: { url: string };
}

export async function challenged(overrides: Record<string, unknown> = {}): Promise<Challenge> {
  const { status, body, text } = await pay(challengedPayment(overrides));
  if (status !== 202) throw new Error(`the payer was not challenged: ${text}`);
  return body;
}

export const holdRequest = ({ transaction_id, booking_id }: Held, overrides: Record<string, unknown> = {}) => ({
  transaction_id,
  booking_id,
  user_id: 'user_123',
  ...overrides,
});

export const capture = (of: Held, overrides: Record<string, unknown> = {}): Promise<Answer> =>
  send('POST', '/payment/capture', { body: holdRequest(of, overrides) });

export const voidPayment = (of: Held, overrides: Record<string, unknown> = {}): Promise<Answer> =>
  send('POST', '/payment/void', { body: holdRequest(of, overrides) });

/** A browser's requests of the page at a challenge's address. */
export const openPage = (url: string): Promise<Response> =>
  exports.default.fetch(new Request(url, { headers: { 'CF-Connecting-IP': newAddress() } }));

export const answerPage = (url: string, answer: string): Promise<Response> =>
  exports.default.fetch(
    new Request(url, {
      method: 'POST',
      headers: { 'CF-Connecting-IP': newAddress() },
      body: new URLSearchParams({ answer }),
      redirect: 'manual',
    }),
  );
