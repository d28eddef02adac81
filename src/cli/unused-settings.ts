/** Values for the Worker's required settings that commands do not use, because they neither answer requests nor send events. */

import { GENERATED_SECRETS } from '../core/settings/variables.ts';
import { newSecret } from '../local/dev-vars.ts';

export function unusedSettings(): Record<string, string> {
  const secrets = GENERATED_SECRETS.map((name) => [name, newSecret()]);
  const bridge = { BRIDGE_DELIVERY: 'push', BRIDGE_URL: 'https://bridge.invalid' };
  return { ...bridge, AUTH_MODE: 'api_key', ...Object.fromEntries(secrets) };
}
