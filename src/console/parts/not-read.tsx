/** Which databases did not answer: what the page shows is not all that there is. */
import type { NotRead } from '../../contract/console.ts';
import { Notice } from './basics.tsx';

export function NotReadNotice({ databases }: { databases: NotRead }) {
  if (databases.length === 0) return null;
  const names = databases.map((number) => (number === 0 ? 'DB' : `DB_${number}`));
  return (
    <Notice tone="waiting" title={`${names.join(', ')} did not respond`}>
      <p>What is shown here does not include these databases.</p>
    </Notice>
  );
}
