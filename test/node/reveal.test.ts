/** Card data is opened where it is judged, sent or hashed, and nowhere else. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Each with its reason. */
const MAY_REVEAL = [
  'src/contract/redacted.ts', // is what has the method
  'src/payments/card.ts', // judges a card
  'src/worker/fingerprint.ts', // hashes
  'src/worker/gateways/http.ts', // these three send it, or decide what comes of it
  'src/worker/gateways/sandbox.ts',
  'src/worker/gateways/stripe.ts',
];

it('no other file asks a redacted value for what it hides', () => {
  const files = globSync('{src,scripts}/**/*.{ts,mjs}').filter((file) => /\breveal\b/.test(readFileSync(file, 'utf8')));
  expect(files.sort()).toEqual(MAY_REVEAL);
});
