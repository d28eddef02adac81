/**
 * A payment provider of a test's own: it speaks the protocol of docs/gateway-protocol.md over real sockets, keeps its promises,
 * and has the faults that a test asks for. It remembers what it charged and paid back; of a card nothing is kept.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod/mini';

export type CallKind =
  | 'charge'
  | 'lookup_charge'
  | 'cancel'
  | 'capture'
  | 'release'
  | 'refund'
  | 'lookup_refund'
  | 'movements';

export interface GatewayCall {
  kind: CallKind;
  /** The charge's or the refund's; of a listing its cursor. */
  id: string;
  /** 1 for the first call of this kind with this id. */
  attempt: number;
  atMs: number;
}

/**
 * What goes wrong with one call. Where one says how a charge or refund ends, it does so for the first call with its id; a
 * repeated one gets the state that stands.
 */
export type Fault =
  | { kind: 'normal' }
  | { kind: 'decline'; code: string; reason?: string }
  /** Certainly not carried out. */
  | { kind: 'fail' }
  /** The connection breaks, with nothing done. */
  | { kind: 'drop' }
  | { kind: 'commit_then_drop' }
  /** Nothing is done, and nothing answered, for so long; then all is normal. */
  | { kind: 'delay'; ms: number }
  | { kind: 'commit_then_delay'; ms: number }
  /**
   * The request is on its way for so long, and look-ups know nothing of it; then it is carried out, unless its id has been
   * cancelled or used meanwhile. The connection breaks at once (`drop`), or is answered in the end (`hold`). One that is
   * `in_progress` has arrived: look-ups and a cancel say so.
   */
  | { kind: 'land_late'; afterMs: number; meanwhile: 'drop' | 'hold' | 'in_progress' }
  /**
   * Another answer than the protocol's: a status, a body, a redirect. `committed`: after all was carried out. `cut`
   * breaks the connection in the middle of the body, `stalled` sends no more of it.
   */
  | {
      kind: 'answer';
      status: number;
      body?: string;
      headers?: Record<string, string>;
      committed?: boolean;
      end?: 'whole' | 'cut' | 'stalled';
    };

export type State =
  | { status: 'approved'; reference: string }
  | { status: 'declined'; code: string; reason?: string }
  | { status: 'failed' }
  | { status: 'in_progress' }
  | { status: 'cancelled' }
  | { status: 'challenged'; url: string }
  | { status: 'authorized'; reference: string; expires_at_ms: number };

export interface ChargeRow {
  id: string;
  bookingId: string;
  amountMinor: number;
  currency: string;
  state: State;
  /** When it ended. */
  atMs: number;
  /** Whether the money is to be held, until it is captured. */
  isHold: boolean;
}

export interface RefundRow {
  id: string;
  chargeId: string;
  amountMinor: number;
  currency: string;
  state: State;
  atMs: number;
}

export interface PaymentGatewayOptions {
  /** Default: one that is made up. */
  apiKey?: string;
  /** Rows of one page of movements. Default: 100. */
  pageSize?: number;
  /** How long money is held. Default: a week. */
  holdMs?: number;
  /** Of the times that are recorded; delays are always real. Default: the system's clock. */
  nowMs?: () => number;
}

export interface PaymentGatewayServer {
  readonly url: string;
  readonly apiKey: string;
  /** What goes wrong with a call. Without one, nothing does. `sent` is its body as it came, for a gateway that repeats it. */
  fault: (call: GatewayCall, sent: string) => Fault;
  /** Every call with the right key that fits the protocol, in the order of arrival. */
  readonly calls: GatewayCall[];
  /** Ids that came again with another amount, currency, booking or charge: a bug of the caller. */
  readonly contradictions: string[];
  /** Those that were charged. */
  charges(): ChargeRow[];
  /** Those whose money is held, and not taken. */
  held(): ChargeRow[];
  /** Those that were paid back, and not taken back since. */
  refunds(): RefundRow[];
  /** Whatever has become of it, also nothing. */
  charge(id: string): ChargeRow | undefined;
  refund(id: string): RefundRow | undefined;
  /** The payer's bank sends a paid refund back. */
  reverseRefund(id: string): void;
  /** The payer authenticates a challenged charge: the money is taken, or held. */
  authenticate(id: string): void;
  failAuthentication(id: string): void;
  /** The money of a charge is held no longer, as if its time were over. */
  expireHold(id: string): void;
  /** Ends the server, its connections, and what has not landed yet. */
  stop(): Promise<void>;
}

/** The protocol's paths are below it, as they may be below any. */
const ROOT = '/v1';
const HOLD_MS = 7 * 24 * 60 * 60_000;

/** Payers with one of these authenticate first. The card is the sandbox's. */
const CHALLENGED_CARD = '4000002500003155';
export const CHALLENGED_TOKEN = 'tok_authenticate';

/** As in the sandbox. Every other card, and PayPal, is approved. */
const CARDS: Readonly<Record<string, State>> = {
  '4000000000000002': { status: 'declined', code: 'CARD_DECLINED' },
  '4000000000009995': { status: 'declined', code: 'INSUFFICIENT_FUNDS' },
  '4000000000000069': { status: 'declined', code: 'CARD_EXPIRED' },
  '4000000000000127': { status: 'declined', code: 'INVALID_CARD' },
  '4000000000000119': { status: 'failed' },
};

const id = z.string().check(z.minLength(1), z.maxLength(255));
const amount = { amount_minor: z.int().check(z.positive()), currency: z.string().check(z.regex(/^[A-Z]{3}$/)) };
const chargeBody = z.strictObject({
  statement_descriptor_suffix: z.optional(z.string()),
  receipt_email: z.optional(z.string()),
  id,
  booking_id: id,
  ...amount,
  instrument: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('card'),
      number: z.string().check(z.regex(/^\d{12,19}$/)),
      expiry_month: z.int().check(z.minimum(1), z.maximum(12)),
      expiry_year: z.int().check(z.minimum(2000), z.maximum(2099)),
      cvv: z.string().check(z.regex(/^\d{3,4}$/)),
      cardholder_name: z.string(),
    }),
    z.strictObject({ type: z.literal('token'), token: z.string() }),
    z.strictObject({ type: z.literal('paypal'), email: z.string(), payment_id: z.string() }),
  ]),
  return_url: z.optional(z.url()),
  capture: z.optional(z.literal('manual')),
});
const refundBody = z.strictObject({
  id,
  charge_id: id,
  charge_reference: z.nullable(id),
  ...amount,
  reason: z.string(),
});
const time = z.coerce.number().check(z.int(), z.nonnegative());
const movementsQuery = z.object({ from: time, to: time, cursor: z._default(z.string().check(z.regex(/^\d+$/)), '0') });

export async function startPaymentGateway(options: PaymentGatewayOptions = {}): Promise<PaymentGatewayServer> {
  const { apiKey = `key-${crypto.randomUUID()}`, pageSize = 100, holdMs = HOLD_MS, nowMs = Date.now } = options;
  const books = openBooks(nowMs, holdMs, (id) => `${server.url}/challenges/${id}`);
  const attempts = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();

  const http = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!request.complete) return; // the caller has gone away
      // A bug of this file or of the test's script, and not to be taken for a fault that was asked for.
      process.nextTick(() => {
        throw error;
      });
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    if (request.headers.authorization !== `Bearer ${apiKey}`) {
      send(response, 401, {});
      return;
    }
    const order = orderIn(books, request, text, pageSize);
    if ('refusal' in order) {
      send(response, order.refusal, {});
      return;
    }
    const attempt = (attempts.get(`${order.kind} ${order.id}`) ?? 0) + 1;
    attempts.set(`${order.kind} ${order.id}`, attempt);
    const call = { kind: order.kind, id: order.id, attempt, atMs: nowMs() };
    server.calls.push(call);
    carryOut(order, server.fault(call, text), response, later);
  }

  function later(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      what();
    }, ms);
    timers.add(timer);
  }

  await once(http.listen(0, '127.0.0.1'), 'listening');
  const server: PaymentGatewayServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}${ROOT}`,
    apiKey,
    fault: () => ({ kind: 'normal' }),
    calls: [],
    contradictions: books.contradictions,
    charges: () => [...books.charges.values()].filter(isApproved),
    held: () => [...books.charges.values()].filter(({ state }) => state.status === 'authorized'),
    refunds: () => [...books.refunds.values()].filter(isApproved),
    charge: (chargeId) => books.charges.get(chargeId),
    refund: (refundId) => books.refunds.get(refundId),
    reverseRefund(refundId) {
      const row = books.refunds.get(refundId);
      if (row === undefined || !isApproved(row)) throw new Error(`the gateway has not paid the refund ${refundId}`);
      row.state = { status: 'declined', code: 'PAYMENT_FAILED', reason: "The payer's bank sent it back" };
    },
    authenticate: (chargeId) => books.authenticate(chargeId, true),
    failAuthentication: (chargeId) => books.authenticate(chargeId, false),
    expireHold(chargeId) {
      if (!books.release(chargeId)) throw new Error(`the gateway holds no money for the charge ${chargeId}`);
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
  return server;
}

/** What one call asks for, once it is known to fit the protocol. */
interface Order {
  kind: CallKind;
  /** See `GatewayCall`. */
  id: string;
  /** Carries it out, with this end or else the normal one. An id that is known keeps its state, whatever comes under it. */
  commit(ending?: State): void;
  /** The same, of one that was on its way or in progress. */
  land(): void;
  /** As things stand. */
  answer(): { status: number; body: unknown };
}

type Books = ReturnType<typeof openBooks>;

/** What the gateway remembers. */
function openBooks(nowMs: () => number, holdMs: number, challengeUrl: (id: string) => string) {
  const charges = new Map<string, ChargeRow>();
  const refunds = new Map<string, RefundRow>();
  /** In the order in which the money moved, so that a position in it is a cursor. */
  const moved: { kind: 'charge' | 'refund'; reference: string; row: ChargeRow | RefundRow }[] = [];
  const contradictions: string[] = [];

  function order<Row extends ChargeRow | RefundRow>(
    kind: 'charge' | 'refund',
    rows: Map<string, Row>,
    rowWith: (state: State) => Row,
    normalEnd: () => State,
  ): Order {
    const asked = rowWith({ status: 'in_progress' });
    const known = rows.get(asked.id);
    if (known !== undefined && contradict(known, asked)) contradictions.push(asked.id);

    function end(state: State): void {
      const row = rowWith(state);
      rows.set(row.id, row);
      if (state.status === 'approved') moved.push({ kind, reference: state.reference, row });
    }
    return {
      kind,
      id: asked.id,
      commit: (ending) => {
        if (!rows.has(asked.id)) end(ending ?? normalEnd());
      },
      land: () => {
        const standing = rows.get(asked.id);
        if (standing === undefined || standing.state.status === 'in_progress') end(normalEnd());
      },
      answer: () => stateOf(rows.get(asked.id)),
    };
  }

  /** A charge that its payer need not authenticate, or has authenticated. */
  function takenOrHeld(chargeId: string, isHold: boolean): State {
    return isHold
      ? { status: 'authorized', reference: `auth_${chargeId}`, expires_at_ms: nowMs() + holdMs }
      : { status: 'approved', reference: `ch_${chargeId}` };
  }

  /** Without an address to come back to, the payer can't be sent anywhere. */
  function challenge(chargeId: string, returnUrl: string | undefined): State {
    return returnUrl === undefined
      ? { status: 'declined', code: 'AUTHENTICATION_REQUIRED' }
      : { status: 'challenged', url: challengeUrl(chargeId) };
  }

  /** Moves a charge on that is in this state; false where it is not. */
  function moveOn(chargeId: string, from: State['status'], state: (row: ChargeRow) => State): boolean {
    const row = charges.get(chargeId);
    if (row?.state.status !== from) return false;
    row.state = state(row);
    row.atMs = nowMs();
    if (row.state.status === 'approved') moved.push({ kind: 'charge', reference: row.state.reference, row });
    return true;
  }

  /** How a refund ends that comes now: paid, if so much of its charge is left. */
  function endOfRefund(body: z.infer<typeof refundBody>): State {
    const charge = charges.get(body.charge_id);
    if (
      charge?.state.status !== 'approved' ||
      charge.currency !== body.currency ||
      (body.charge_reference !== null && body.charge_reference !== charge.state.reference)
    ) {
      return { status: 'declined', code: 'PAYMENT_FAILED', reason: 'There is no such charge' };
    }
    const paid = [...refunds.values()].filter((refund) => isApproved(refund) && refund.chargeId === charge.id);
    const leftMinor = paid.reduce((left, { amountMinor }) => left - amountMinor, charge.amountMinor);
    return body.amount_minor <= leftMinor
      ? { status: 'approved', reference: `re_${body.id}` }
      : { status: 'declined', code: 'PAYMENT_FAILED', reason: 'The amount exceeds what is left of the charge' };
  }

  return {
    charges,
    refunds,
    moved,
    contradictions,

    orderCharge(body: z.infer<typeof chargeBody>): Order {
      const { id: chargeId, booking_id: bookingId, amount_minor: amountMinor, currency, instrument } = body;
      const ending = instrument.type === 'card' ? CARDS[instrument.number] : undefined;
      const isHold = body.capture === 'manual';
      const isChallenged =
        (instrument.type === 'card' && instrument.number === CHALLENGED_CARD) ||
        (instrument.type === 'token' && instrument.token === CHALLENGED_TOKEN);
      return order(
        'charge',
        charges,
        (state) => ({ id: chargeId, bookingId, amountMinor, currency, state, atMs: nowMs(), isHold }),
        () => ending ?? (isChallenged ? challenge(chargeId, body.return_url) : takenOrHeld(chargeId, isHold)),
      );
    },

    orderRefund(body: z.infer<typeof refundBody>): Order {
      const { id: refundId, charge_id: chargeId, amount_minor: amountMinor, currency } = body;
      return order(
        'refund',
        refunds,
        (state) => ({ id: refundId, chargeId, amountMinor, currency, state, atMs: nowMs() }),
        () => endOfRefund(body),
      );
    },

    authenticate(chargeId: string, succeeds: boolean): void {
      const isChallenged = moveOn(chargeId, 'challenged', ({ isHold }) =>
        succeeds ? takenOrHeld(chargeId, isHold) : { status: 'declined', code: 'AUTHENTICATION_FAILED' },
      );
      if (!isChallenged) throw new Error(`the payer of the charge ${chargeId} is not challenged`);
    },

    capture(chargeId: string, ending?: State): void {
      moveOn(chargeId, 'authorized', () => ending ?? takenOrHeld(chargeId, false));
    },

    /** The same of one that was on its way or in progress. */
    landCapture(chargeId: string): void {
      for (const from of ['authorized', 'in_progress'] as const) {
        moveOn(chargeId, from, () => takenOrHeld(chargeId, false));
      }
    },

    release: (chargeId: string) => moveOn(chargeId, 'authorized', () => ({ status: 'cancelled' })),

    /**
     * Also where nothing is known of the charge, so that one which is still on its way finds its id taken. A hold is released, and
     * not cancelled.
     */
    cancel(chargeId: string): void {
      moveOn(chargeId, 'challenged', () => ({ status: 'cancelled' }));
      if (charges.has(chargeId)) return;
      const nothing = { bookingId: '', amountMinor: 0, currency: '', isHold: false };
      charges.set(chargeId, { id: chargeId, ...nothing, state: { status: 'cancelled' }, atMs: nowMs() });
    },
  };
}

function isApproved({ state }: ChargeRow | RefundRow): boolean {
  return state.status === 'approved';
}

/** Whether a second request under an id asks for something else than the first. */
function contradict(known: ChargeRow | RefundRow, asked: ChargeRow | RefundRow): boolean {
  if (known.state.status === 'cancelled') return false;
  const request = ({ state: _, atMs: __, ...rest }: ChargeRow | RefundRow) => JSON.stringify(rest);
  return request(known) !== request(asked);
}

/** What a request asks for, or the status that refuses it. */
function orderIn(books: Books, request: IncomingMessage, text: string, pageSize: number): Order | { refusal: number } {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (!url.pathname.startsWith(`${ROOT}/`)) return { refusal: 404 };
  const [collection, rowId = '', action] = url.pathname.slice(ROOT.length + 1).split('/');
  const call = [request.method, collection, rowId && '{id}', action].filter(Boolean).join(' ');
  switch (call) {
    case 'POST charges':
    case 'POST refunds': {
      const json = parsed(text);
      if (json === undefined) return { refusal: 400 };
      const body = (collection === 'charges' ? chargeBody : refundBody).safeParse(json);
      if (!body.success) return { refusal: 422 };
      if (request.headers['idempotency-key'] !== body.data.id) return { refusal: 400 };
      return 'instrument' in body.data ? books.orderCharge(body.data) : books.orderRefund(body.data);
    }
    case 'GET charges {id}':
      return question('lookup_charge', rowId, () => stateOf(books.charges.get(rowId)));
    case 'GET refunds {id}':
      return question('lookup_refund', rowId, () => stateOf(books.refunds.get(rowId)));
    case 'POST charges {id} cancel':
      return ofCharge('cancel', rowId, books, () => books.cancel(rowId));
    case 'POST charges {id} capture':
      if (request.headers['idempotency-key'] !== `${rowId}:capture`) return { refusal: 400 };
      return {
        ...ofCharge('capture', rowId, books, (ending) => books.capture(rowId, ending)),
        land: () => books.landCapture(rowId),
      };
    case 'POST charges {id} release':
      return ofCharge('release', rowId, books, () => books.release(rowId));
    case 'GET movements': {
      const query = movementsQuery.safeParse(Object.fromEntries(url.searchParams));
      if (!query.success) return { refusal: 400 };
      const { data } = query;
      return question('movements', data.cursor, () => ({ status: 200, body: movementsPage(books, data, pageSize) }));
    }
    default:
      return { refusal: 404 };
  }
}

function ofCharge(kind: CallKind, id: string, books: Books, commit: Order['commit']): Order {
  return { kind, id, commit, land: commit, answer: () => stateOf(books.charges.get(id)) };
}

function question(kind: CallKind, id: string, answer: Order['answer']): Order {
  return { kind, id, commit: () => {}, land: () => {}, answer };
}

function movementsPage({ moved }: Books, { from, to, cursor }: z.infer<typeof movementsQuery>, pageSize: number) {
  const inRange = moved.filter(({ row }) => from <= row.atMs && row.atMs < to);
  const end = Number(cursor) + pageSize;
  return {
    movements: inRange.slice(Number(cursor), end).map(({ kind, reference, row }) => ({
      kind,
      id: row.id,
      reference,
      amount_minor: row.amountMinor,
      currency: row.currency,
      status: isApproved(row) ? 'succeeded' : 'reversed',
      moved_at_ms: row.atMs,
    })),
    next_cursor: end < inRange.length ? String(end) : null,
  };
}

function carryOut(
  order: Order,
  fault: Fault,
  response: ServerResponse,
  later: (ms: number, what: () => void) => void,
): void {
  const answer = () => send(response, order.answer().status, order.answer().body);
  switch (fault.kind) {
    case 'normal':
      order.commit();
      answer();
      break;
    case 'decline': {
      const { code, reason } = fault;
      order.commit({ status: 'declined', code, ...(reason !== undefined && { reason }) });
      answer();
      break;
    }
    case 'fail':
      order.commit({ status: 'failed' });
      answer();
      break;
    case 'drop':
      drop(response);
      break;
    case 'commit_then_drop':
      order.commit();
      drop(response);
      break;
    case 'delay':
      later(fault.ms, () => {
        order.commit();
        answer();
      });
      break;
    case 'commit_then_delay':
      order.commit();
      later(fault.ms, answer);
      break;
    case 'land_late':
      if (fault.meanwhile === 'drop') drop(response);
      if (fault.meanwhile === 'in_progress') {
        order.commit({ status: 'in_progress' });
        answer();
      }
      later(fault.afterMs, () => {
        order.land();
        answer();
      });
      break;
    case 'answer':
      if (fault.committed) order.commit();
      answerOtherwise(response, fault);
      break;
  }
}

function stateOf(row: ChargeRow | RefundRow | undefined): { status: number; body: unknown } {
  return row === undefined ? { status: 404, body: { status: 'not_found' } } : { status: 200, body: row.state };
}

/** Nothing where it has been answered, or nobody is there any more. */
function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function answerOtherwise(response: ServerResponse, fault: Extract<Fault, { kind: 'answer' }>): void {
  const { status, body = '{"error":"as the test asks for it"}', headers, end = 'whole' } = fault;
  const length = Buffer.byteLength(body) + (end === 'whole' ? 0 : 1);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
  if (end === 'whole') response.end(body);
  else response.write(body, () => end === 'cut' && drop(response));
}

function drop(response: ServerResponse): void {
  response.socket?.destroy();
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // which is refused
  }
}
