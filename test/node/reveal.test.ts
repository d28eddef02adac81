/** Card data is opened where it is judged, sent or hashed, and nowhere else. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Each with its reason. */
const MAY_REVEAL = [
  'src/contract/redacted.ts', // is what has the method
  'src/core/domain/card.ts', // judges a card
  'src/core/gateways/http/http-gateway.ts', // these three send it, or decide what comes of it
  'src/core/gateways/sandbox/sandbox-gateway.ts',
  'src/core/gateways/stripe/stripe-charge.ts',
  'src/core/security/fingerprint.ts', // hashes
];

it('no other file asks a redacted value for what it hides', () => {
  const files = globSync('{src,scripts}/**/*.{ts,mjs}').filter((file) => /\breveal\b/.test(readFileSync(file, 'utf8')));
  expect(files.sort()).toEqual(MAY_REVEAL);
});
