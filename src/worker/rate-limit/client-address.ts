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

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Who sends a request, as far as its address tells. */
export interface Client {
  /** In one spelling; null where the request does not say it. */
  address: string | null;
  /** The name under which it is counted: an IPv4 address, or the /64 network of an IPv6 address. */
  bucket: string;
  /** Whether its address is in one of the networks, or it has none and `direct` is exempt. */
  isExempt: boolean;
  /** The same network as in `bucket`; null where it says nothing of who is behind it. */
  network: string | null;
}

export function readClient(connectingIp: string | undefined, exempt: readonly Exempt[]): Client {
  const address = parse(connectingIp);
  const bucket = bucketOf(address);
  const isExempt = isIn(address, exempt);
  const isKnown = address !== null && !isExempt;
  return { address: address?.toString() ?? null, bucket, isExempt, network: isKnown ? bucket : null };
}

function bucketOf(address: Address | null): string {
  if (address === null) return DIRECT;
  if (address.kind() === 'ipv4') return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${IPV6_PREFIX_BITS}`).toString()}/${IPV6_PREFIX_BITS}`;
}

function isIn(address: Address | null, exempt: readonly Exempt[]): boolean {
  if (address === null) return exempt.includes(DIRECT);
  return exempt.some((one) => one !== DIRECT && one[0].kind() === address.kind() && address.match(one));
}

/** An IPv4 address that is written as an IPv6 one (::ffff:192.0.2.1) is the IPv4 address. */
function parse(connectingIp: string | undefined): Address | null {
  return connectingIp !== undefined && ipaddr.isValid(connectingIp) ? ipaddr.process(connectingIp) : null;
}
