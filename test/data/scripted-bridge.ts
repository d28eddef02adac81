/**
 * A bridge that does what a test tells it to. It answers the HTTP that leaves the Worker under test, at
 * `http://bridge.test/<name>/`: each name is a bridge of its own, with its own script and its own memory.
 *
 * - `POST <name>/events` is what the Worker calls; it plays the script's next step, and the last one again and again.
 * - `PUT <name>/script` takes a list of steps. A bridge without a script confirms everything.
 * - `GET <name>/received` answers with what came, in order.
 * - `GET <name>/readyz` says that it is ready, or what `PUT <name>/readyz` took.
 */

export type BridgeStep =
  /** The broker confirmed every event, except those for which there is a reason, or no result at all. */
  | {
      kind: 'confirm';
      except?: Record<string, string>;
      /** Of these, the events that the bridge does not understand. */
      invalid?: string[];
      silentAbout?: string[];
      alsoConfirm?: string[];
    }
  | { kind: 'answer'; status: number; body: string; location?: string }
  | { kind: 'break' };

export interface BridgePost {
  headers: Record<string, string>;
  body: string;
}

interface ScriptedBridge {
  script: BridgeStep[];
  received: BridgePost[];
  readyz: { status: number; body: string };
}

const READY = { status: 200, body: JSON.stringify({ status: 'ready' }) };
const bridges = new Map<string, ScriptedBridge>();

/** A request that leaves the Worker under test. */
export interface OutboundRequest {
  method: string;
  url: string;
  headers: Iterable<[string, string]>;
  text(): Promise<string>;
}

export async function scriptedBridge(request: OutboundRequest): Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  const [, name = '', action] = pathname.split('/');
  if (hostname !== 'bridge.test') return new Response('there is no such host in tests', { status: 502 });
  const bridge = bridges.get(name) ?? { script: [], received: [], readyz: READY };
  bridges.set(name, bridge);

  if (request.method === 'PUT' && action === 'script') {
    bridge.script = JSON.parse(await request.text());
    return new Response(null, { status: 204 });
  }
  if (request.method === 'GET' && action === 'received') return Response.json(bridge.received);
  if (request.method === 'POST' && action === 'events') {
    const body = await request.text();
    bridge.received.push({ headers: Object.fromEntries(request.headers), body });
    const step = bridge.script.length > 1 ? bridge.script.shift() : bridge.script[0];
    return play(step ?? { kind: 'confirm' }, body);
  }
  if (request.method === 'PUT' && action === 'readyz') {
    bridge.readyz = JSON.parse(await request.text());
    return new Response(null, { status: 204 });
  }
  if (request.method === 'GET' && action === 'readyz') {
    return new Response(bridge.readyz.body, { status: bridge.readyz.status });
  }
  return new Response('the bridge has no such path', { status: 404 });
}

function play(step: BridgeStep, body: string): Response {
  switch (step.kind) {
    case 'answer':
      return new Response(step.body, {
        status: step.status,
        ...(step.location && { headers: { Location: step.location } }),
      });
    case 'break':
      throw new Error('the connection to the bridge breaks, as the script says');
    case 'confirm': {
      const { events } = JSON.parse(body) as { events: { event_id: string }[] };
      const told = events.map(({ event_id }) => event_id).filter((id) => !step.silentAbout?.includes(id));
      return Response.json({
        results: [...told, ...(step.alsoConfirm ?? [])].map((event_id) => {
          const reason = step.except?.[event_id];
          if (reason === undefined) return { event_id, delivered: true };
          const invalid = step.invalid?.includes(event_id) && { invalid: true };
          return { event_id, delivered: false, reason, ...invalid };
        }),
      });
    }
  }
}
