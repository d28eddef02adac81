/** The service inside workerd with stubs for bindings: one request to this Worker is as many to the service as it asks for. */
import worker from '../../src/worker/index.ts';
import { type CpuRun, IDLE_WORKER, repeatRequest, stubBindings, stubDatabase } from '../stub-bindings.ts';

export { RateLimiter } from '../../src/worker/index.ts';

// Where a log line goes is the platform's work.
console.log = () => {};

const database = stubDatabase();
/** By their text: of one environment, the service may keep what it has read from it. */
const environments = new Map<string, object>();

export default {
  async fetch(incoming) {
    const { variables, request, times, idle } = await incoming.json<CpuRun>();
    const name = JSON.stringify(variables);
    const env = environments.get(name) ?? stubBindings(variables, database);
    environments.set(name, env);
    const handler = idle ? IDLE_WORKER : (worker as unknown as typeof IDLE_WORKER);
    await repeatRequest(handler, env, database, request, times);
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler;
