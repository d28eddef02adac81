/** All that can be asked of the service, with what a caller gets who is let in. */
import type { Scope } from '../../src/core/security/credential.ts';
import { type Held, held, holdRequest } from './held.ts';
import { paid, payment, refund, refundOf } from './request.ts';

export interface Asked {
  method: 'GET' | 'POST';
  path: string;
  body?: Record<string, unknown>;
}

/** What is there to be asked for: a payment, a refund of a cent of it, and payments that are held. */
export interface Standing {
  /** Captured and voided again and again: each time with the same answer. */
  captured: Held;
  voided: Held;
  paid: { transaction_id: string; booking_id: string };
  refundId: string;
}

export interface Route {
  route: string;
  /** Null: nothing but to be let in. */
  needs: Scope | null;
  status: number;
  /** A request of it that succeeds, again and again. */
  ask(standing: Standing): Asked;
}

const A_CENT = { refund_amount: 0.01 };

export async function newStanding(): Promise<Standing> {
  const payment = await paid();
  const { body } = await refund(refundOf(payment, A_CENT));
  return { captured: await held(), voided: await held(), paid: payment, refundId: body.refund_transaction_id };
}

const get = (path: string): Asked => ({ method: 'GET', path });

export const ROUTES: readonly Route[] = [
  {
    route: 'POST /payment/process',
    needs: 'payments:write',
    status: 200,
    ask: () => ({ method: 'POST', path: '/payment/process', body: payment() }),
  },
  {
    route: 'POST /payment/capture',
    needs: 'payments:write',
    status: 200,
    ask: ({ captured }) => ({ method: 'POST', path: '/payment/capture', body: holdRequest(captured) }),
  },
  {
    route: 'POST /payment/void',
    needs: 'payments:write',
    status: 200,
    ask: ({ voided }) => ({ method: 'POST', path: '/payment/void', body: holdRequest(voided) }),
  },
  {
    route: 'POST /payment/refund',
    needs: 'refunds:write',
    status: 200,
    ask: ({ paid }) => ({ method: 'POST', path: '/payment/refund', body: refundOf(paid, A_CENT) }),
  },
  {
    route: 'GET /payment/status of a payment',
    needs: 'payments:read',
    status: 200,
    ask: ({ paid }) => get(`/payment/status/${paid.transaction_id}`),
  },
  {
    route: 'GET /payment/status of a refund',
    needs: 'payments:read',
    status: 200,
    ask: ({ refundId }) => get(`/payment/status/${refundId}`),
  },
  { route: 'GET /metrics', needs: 'metrics:read', status: 200, ask: () => get('/metrics') },
  { route: 'GET /payment/methods', needs: null, status: 200, ask: () => get('/payment/methods') },
  { route: 'a method that its path does not have', needs: null, status: 405, ask: () => get('/payment/process') },
  { route: 'a path that does not exist', needs: null, status: 404, ask: () => get('/payment/nothing') },
];
