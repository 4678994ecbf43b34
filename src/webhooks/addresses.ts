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
  if (known.range() !== 'unicast') return false;
  return known.kind() === 'ipv4' || known.match(GLOBAL_UNICAST);
}

/** All of IPv6 that IANA assigns. Translated IPv4 addresses lie outside it, too. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** The address in the URL itself, which needs no look-up; null for a name. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? null : host;
}

/** Thrown by a look-up that leads to a private address, or to none. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

type Resolve = (
  name: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Looks a name up for a socket that is being connected, and fails when it leads to any address that is not public. The
 * socket connects to the checked address: a name server gets no second look-up that it could answer otherwise.
 */
export function publicLookup(resolve: Resolve = lookup): LookupFunction {
  return (name, options, callback) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return callback(error ?? new AddressRefused('it has no address'), '');
      if (!addresses.every(({ address }) => isPublic(address)))
        return callback(new AddressRefused('it leads to an address that is not public'), '');
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
}
