import { BlockList, isIP, isIPv4 } from 'node:net';

/**
 * Addresses where clouds answer with credentials, and link-local ones (RFC 3927, RFC 4291). They are refused whatever
 * an allow-list says: AWS, Google, Azure, ECS (169.254/16), Alibaba, Azure's wire server, Oracle, and their IPv6 ones.
 */
const FORBIDDEN = listOf([
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fe80::/10',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:42::42/128',
]);

/** Special-purpose IPv4 ranges (IANA registry, RFC 6890): none of them is a public host. */
const NOT_PUBLIC_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Inside the global unicast 2000::/3 these lead elsewhere: Teredo and other IETF blocks, documentation, 6to4. */
const NOT_PUBLIC_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
const NOT_PUBLIC = listOf([...NOT_PUBLIC_4, ...NOT_PUBLIC_6]);
const GLOBAL_6 = listOf(['2000::/3']);

/**
 * Whether nothing may ever be read from this address, however it is written: as IPv4, mapped into IPv6, or behind a
 * translator (NAT64, 6to4), which leads to the same machine. A text that is no address is not forbidden.
 */
export function isForbiddenAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const canonical = canonicalAddress(address);
  if (contains(FORBIDDEN, canonical)) return true;
  return isIPv4(canonical) ? false : embeddedIpv4(canonical).some((inner) => contains(FORBIDDEN, inner));
}

/** Whether an address is one of the open internet. An IPv4 address translated into IPv6 never is. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || isForbiddenAddress(address)) return false;
  if (isIPv4(address)) return !contains(NOT_PUBLIC, address);
  const canonical = canonicalAddress(address);
  return !isIPv4(canonical) && contains(GLOBAL_6, canonical) && !contains(NOT_PUBLIC, canonical);
}

/** The address without a zone; IPv4 mapped into IPv6 (`::ffff:10.0.0.1`) as the IPv4 address it is. */
export function canonicalAddress(address: string): string {
  const [plain = ''] = address.toLowerCase().split('%');
  if (isIP(plain) !== 6) return plain;
  const groups = groupsOf(plain);
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff ? ipv4Of(groups, 6) : plain;
}

/** Whether `host` (lower case) matches an entry: a name, `*.example.org`, an address, or a CIDR range. */
export function matches(host: string, entry: string): boolean {
  if (entry.startsWith('*.'))
    return isIP(host) === 0 && host.endsWith(entry.slice(1)) && host.length > entry.length - 1;
  const [address = '', bits] = entry.split('/');
  if (isIP(address) === 0 || isIP(host) === 0) return host === entry;
  const most = isIPv4(address) ? 32 : 128;
  const prefix = bits === undefined ? most : Number(bits);
  if (bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > most) return false;
  return contains(listOf([`${address}/${prefix}`]), canonicalAddress(host));
}

/** IPv4 addresses behind an IPv6 address of a translator: compatible, NAT64 (two prefixes), 6to4, ISATAP. */
function embeddedIpv4(address: string): readonly string[] {
  const groups = groupsOf(address);
  const [first, second, third] = groups;
  const found: string[] = [];
  if (groups.slice(0, 6).every((group) => group === 0)) found.push(ipv4Of(groups, 6));
  if (groups.slice(0, 4).every((group) => group === 0) && groups[4] === 0xffff && groups[5] === 0)
    found.push(ipv4Of(groups, 6));
  if (first === 0x64 && second === 0xff9b && (third === 0 || third === 1)) found.push(ipv4Of(groups, 6));
  if (first === 0x2002) found.push(ipv4Of(groups, 1));
  if (groups[5] === 0x5efe) found.push(ipv4Of(groups, 6));
  // Teredo inverts all bits of the client's address (RFC 4380).
  if (first === 0x2001 && second === 0)
    found.push(
      ipv4Of(
        groups.map((group) => group ^ 0xffff),
        6,
      ),
    );
  return found;
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  // WHATWG's parser writes every IPv6 address one way, with an IPv4 tail as two groups.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const head = numbers(left);
  if (right === undefined) return head;
  const tail = numbers(right);
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

const numbers = (groups: string): number[] =>
  groups === '' ? [] : groups.split(':').map((group) => Number.parseInt(group, 16));

const ipv4Of = (groups: readonly number[], at: number): string =>
  groups
    .slice(at, at + 2)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}

const contains = (list: BlockList, address: string): boolean => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
