/** The route of the address, as it changes. */
import { useEffect, useState } from 'preact/hooks';
import { type Route, readRoute } from './text/route.ts';

export function useRoute(): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash));
  useEffect(() => {
    const follow = () => setRoute(readRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

export function goTo(address: string): void {
  location.hash = address;
}

/** In place of the address that is shown, which the back button then leaves out. */
export function replaceWith(address: string): void {
  location.replace(address);
}
