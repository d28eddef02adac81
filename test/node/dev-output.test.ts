/** What `npm run dev` shows of what its children print. */
import { expect, it } from 'vitest';
import { emulatorLines } from '../../scripts/dev-output.ts';

it('leaves out the settings that the Worker was given already, and the blank lines around them', () => {
  const shown: string[] = [];
  const onLine = emulatorLines((line) => shown.push(line));
  const printed = [
    'It remembers what it moved until it ends.',
    '',
    '  For a Worker that you run yourself, in its .dev.vars:',
    '  PAYMENT_GATEWAY=stripe',
    '  STRIPE_API_URL=http://127.0.0.1:8005',
    '',
    '  a token for one use          curl …',
    "  an approved order            curl -X POST … -d '{}'",
    '',
    '  what there is                curl …',
  ];
  for (const line of printed) onLine(line);
  expect(shown).toEqual([
    'gateway It remembers what it moved until it ends.',
    '',
    'gateway   a token for one use          curl …',
    '',
    'gateway   what there is                curl …',
  ]);
});
