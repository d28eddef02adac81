/** What the Worker's settings must have, and a command that neither answers requests nor sends events has no use for. */
import { randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;
const SECRETS = [
  'BRIDGE_SIGNING_SECRET',
  'FINGERPRINT_KEY',
  'CARD_FINGERPRINT_KEY',
  'ENCRYPTION_KEY',
  'API_KEY_SECRET',
];

export function unusedSettings(): Record<string, string> {
  const secrets = SECRETS.map((name) => [name, randomBytes(SECRET_BYTES).toString('base64')]);
  return { BRIDGE_URL: 'https://bridge.invalid', AUTH_MODE: 'api_key', ...Object.fromEntries(secrets) };
}
