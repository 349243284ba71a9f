/** Which hosts are trusted with the correlation id and baggage: a caller's text is not for strangers. */
import type { BlockList } from 'node:net';

/** With the first request that goes out: it brings streams and the network along. */
const net = (): typeof import('node:net') => process.getBuiltinModule('node:net');

/**
 * Loopback, "this host", and the private ranges. Link-local 169.254.0.0/16 is left out: what answers there is
 * the cloud's metadata service, not a service of one's own.
 */
function privateAddresses(): BlockList {
  const list = new (net().BlockList)();
  for (const [address, prefix] of [
    ['127.0.0.0', 8],
    ['0.0.0.0', 32],
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const) {
    list.addSubnet(address, prefix, 'ipv4');
  }
  for (const [address, prefix] of [
    ['::', 127],
    ['fc00::', 7],
    ['fe80::', 10],
  ] as const) {
    list.addSubnet(address, prefix, 'ipv6');
  }
  return list;
}

const inHouseSuffix = /\.(?:svc|local|internal|localhost)$/;
/** A number alone, decimal or hex, is no name but an address in disguise: `134744072` is 8.8.8.8. */
const singleLabel = /^(?!0x[0-9a-f]*$)(?=.*[a-z])[a-z0-9_-]+$/;
const maxCached = 1000;

/**
 * Whether a host gets them. Without entries: loopback, private addresses, single-label names, and names that end
 * in `.svc`, `.local`, `.internal` or `.localhost`. Entries widen: `*`, a host, or `.example.com` for every name
 * below it. `none` takes the built-in ones away, so that alone it means no host at all.
 */
export function createDestinations(entries: readonly string[]): (host: string) => boolean {
  const wanted = entries.map((entry) => nameOf(entry.replace(/^\*\./, '.')));
  if (wanted.includes('*')) return () => true;
  const hasBuiltIn = !wanted.includes('none');
  let addresses: BlockList | undefined;
  const decide = (name: string): boolean => {
    if (wanted.some((entry) => (entry.startsWith('.') ? name.endsWith(entry) : name === entry))) return true;
    if (!hasBuiltIn) return false;
    addresses ??= privateAddresses();
    return isInHouse(name, addresses);
  };
  return remembered(decide);
}

/** `host` is looked up as it was written, so that a known one costs no more than a map. */
function remembered(decide: (name: string) => boolean): (host: string) => boolean {
  const known = new Map<string, boolean>();
  return (host) => {
    const before = known.get(host);
    if (before !== undefined) return before;
    const answer = decide(nameOf(host));
    if (known.size >= maxCached) known.clear();
    known.set(host, answer);
    return answer;
  };
}

function isInHouse(name: string, addresses: BlockList): boolean {
  const family = net().isIP(name);
  if (family !== 0) return addresses.check(name, family === 6 ? 'ipv6' : 'ipv4');
  return name === '' || singleLabel.test(name) || inHouseSuffix.test(name);
}

/** Without port, brackets, zone and the root's dot, in lower case: `[FE80::1%eth0]:80` is `fe80::1`. */
function nameOf(host: string): string {
  const bare = /^\[([^\]]*)\]/.exec(host)?.[1] ?? (net().isIP(host) === 6 ? host : host.replace(/:\d*$/, ''));
  return bare.replace(/%.*$/, '').replace(/\.$/, '').toLowerCase();
}
