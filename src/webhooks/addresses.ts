import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

// Receivers are named by whoever may make endpoints, and asked from inside our network: an address that only is something in
// here must never be one of theirs.

/** Whether an address is one of the open internet. What no registry has given out, or gave for a purpose of its own, is not. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address in IPv6's clothes is what it is.
  const known = ipaddr.process(address);
  if (known.range() !== 'unicast') return false;
  return known.kind() === 'ipv4' || known.match(GLOBAL_UNICAST);
}

/** All that IANA gives out of IPv6; elsewhere lie translated IPv4 addresses, too. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** The address stands in the URL itself: nothing is looked up then. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? null : host;
}

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
 * socket connects to what was checked: there is no second look-up that a name server could answer otherwise.
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
