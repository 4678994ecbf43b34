import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

// Any holder of a key for endpoints may name a receiver, and requests to it start inside our network. So an address that means
// something only in here is refused.

/** Whether an address belongs to the open internet. Addresses that no registry has assigned, or has reserved, do not. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address written as IPv6 is judged as IPv4.
  const known = ipaddr.process(address);
  if (known.range() !== 'unicast' || isMetadata(known)) return false;
  return known.kind() === 'ipv4' || known.match(GLOBAL_UNICAST);
}

/** All of IPv6 that IANA assigns. Translated IPv4 addresses lie outside it, too. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Where a cloud gives its machines their credentials. Azure's address lies among those of the open internet. */
const METADATA = [
  ['169.254.0.0/16', 'AWS, Azure, Google and most others'],
  ['168.63.129.16/32', 'Azure'],
  ['100.100.100.200/32', 'Alibaba'],
  ['192.0.0.192/32', 'Oracle'],
  ['fd00:ec2::/32', 'AWS'],
  ['fd20:ce::254/128', 'Google'],
  ['fd00:42::42/128', 'Scaleway'],
].map(([range]) => ipaddr.parseCIDR(range!));

const isMetadata = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  METADATA.some((range) => range[0].kind() === address.kind() && address.match(range));

/** Whether events may go to an address: to a public one; in development to a private one too, but to no cloud's metadata. */
export function mayReceive(address: string, allowsPrivate: boolean): boolean {
  if (!allowsPrivate) return isPublic(address);
  return ipaddr.isValid(address) && !isMetadata(ipaddr.process(address));
}

/** The address in the URL itself, which needs no look-up; null for a name. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? null : host;
}

/** Thrown by a look-up that leads to an address that may not receive, or to none. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

type Resolve = (
  name: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Looks a name up for a socket that is being connected, and fails when it leads to any address that may not receive. The
 * socket connects to the checked address: a name server gets no second look-up that it could answer otherwise.
 */
export function receiverLookup(resolve: Resolve = lookup, allowsPrivate = false): LookupFunction {
  return (name, options, callback) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return callback(error ?? new AddressRefused('it has no address'), '');
      if (!addresses.every(({ address }) => mayReceive(address, allowsPrivate)))
        return callback(new AddressRefused('it leads to an address that is not public'), '');
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
}
