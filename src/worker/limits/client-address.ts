/** Which address a request counts for. */
import ipaddr from 'ipaddr.js';
import type { Cidr } from '../settings.ts';

/** All requests that say nothing of where they come from count together. On Cloudflare there are none. */
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
export function clientNetwork(connectingIp: string | undefined, exempt: readonly Cidr[]): string | null {
  const isKnown = parse(connectingIp) !== null && !isExempt(connectingIp, exempt);
  return isKnown ? clientBucket(connectingIp) : null;
}

/** Whether the client's address is in one of the networks. */
export function isExempt(connectingIp: string | undefined, networks: readonly Cidr[]): boolean {
  const address = parse(connectingIp);
  if (address === null) return false;
  return networks.some((network) => network[0].kind() === address.kind() && address.match(network));
}

/** An IPv4 address that is written as an IPv6 one (::ffff:192.0.2.1) is the IPv4 address. */
function parse(connectingIp: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return connectingIp !== undefined && ipaddr.isValid(connectingIp) ? ipaddr.process(connectingIp) : null;
}
