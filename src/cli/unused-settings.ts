/** What the Worker's settings must have, and a command that neither answers requests nor sends events has no use for. */

import { GENERATED_SECRETS } from '../core/settings/variables.ts';
import { newSecret } from '../local/dev-vars.ts';

export function unusedSettings(): Record<string, string> {
  const secrets = GENERATED_SECRETS.map((name) => [name, newSecret()]);
  return { BRIDGE_URL: 'https://bridge.invalid', AUTH_MODE: 'api_key', ...Object.fromEntries(secrets) };
}
