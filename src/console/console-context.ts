/** What every page works with. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ConsoleSession } from '../contract/console.ts';
import type { Service } from './service.ts';

export interface Console {
  service: Service;
  session: ConsoleSession;
  /** Has screen readers say it, once. */
  announce(text: string): void;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (found === null) throw new Error('outside of the console');
  return found;
}
