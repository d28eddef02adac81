import type { Log } from '../log.ts';
import { codeOrNone, type Outside, PLATFORM } from './json-call.ts';

/** Stripe's and PayPal's numbers of a request, by which their dashboards and their support find it. */
const PROVIDER_REQUEST_IDS = ['request-id', 'paypal-debug-id'];

/**
 * The network, with a log line for each error answer that has its provider's number of the request: beside it is our own, which these providers do
 * not take with a call. What succeeded is found by its id, and each line costs.
 */
export function loggedOutside(log: Log): Outside {
  return {
    ...PLATFORM,
    async send(url, init) {
      const response = await PLATFORM.send(url, init);
      const id = PROVIDER_REQUEST_IDS.map((name) => response.headers.get(name)).find((found) => found !== null);
      if (!response.ok && id != null) {
        log('info', 'gateway.request', {
          host: new URL(url).host,
          provider_request_id: codeOrNone(id),
          status: response.status,
        });
      }
      return response;
    },
  };
}
