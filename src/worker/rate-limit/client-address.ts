/** Which address a request counts for. */
import ipaddr from 'ipaddr.js';
import type { Exempt } from '../../core/settings/forms.ts';

/**
 * All requests without an address count together. From the Internet there are none on Cloudflare, which sets the header on each
 * request; Workers that call by service binding send none.
 */
const DIRECT = 'direct';
/** What an Internet provider gives to one customer, as a rule: within it a client may change its address at will. */
const IPV6_PREFIX_BITS = 64;

/** The name under which a client is counted: an IPv4 address, or the /64 network of an IPv6 address. */
export function clientBucket(connectingIp: string | undefined): string {
  const address = parse(connectingIp);
  if (address === null) return DIRECT;
  if (address.kind() === 'ipv4') return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${IPV6_PREFIX_BITS}`).toString()}/${IPV6_PREFIX_BITS}`;
}

/** The client's address, in one spelling; null where the request does not say it. */
export function clientAddress(connectingIp: string | undefined): string | null {
  return parse(connectingIp)?.toString() ?? null;
}

/** The same network as in `clientBucket`; null where it says nothing of who is behind it. */
export function clientNetwork(connectingIp: string | undefined, exempt: readonly Exempt[]): string | null {
  const isKnown = parse(connectingIp) !== null && !isExempt(connectingIp, exempt);
  return isKnown ? clientBucket(connectingIp) : null;
}

/** Whether the client's address is in one of the networks, or it has none and `direct` is exempt. */
export function isExempt(connectingIp: string | undefined, exempt: readonly Exempt[]): boolean {
  const address = parse(connectingIp);
  if (address === null) return exempt.includes(DIRECT);
  return exempt.some((one) => one !== DIRECT && one[0].kind() === address.kind() && address.match(one));
}

/** An IPv4 address that is written as an IPv6 one (::ffff:192.0.2.1) is the IPv4 address. */
function parse(connectingIp: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return connectingIp !== undefined && ipaddr.isValid(connectingIp) ? ipaddr.process(connectingIp) : null;
}
