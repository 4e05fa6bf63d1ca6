import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { canonicalAddress } from './addresses.ts';

/** A set of IP addresses and CIDR ranges. */
export class AddressRanges {
  readonly #list = new BlockList();
  readonly empty: boolean;

  /** @throws RangeError naming the entry that is neither an address nor a CIDR range */
  constructor(entries: readonly string[]) {
    this.empty = entries.length === 0;
    for (const entry of entries) this.#add(entry);
  }

  /** @param address as {@link plainAddress} gives it */
  has(address: string): boolean {
    return !this.empty && isIP(address) !== 0 && this.#list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }

  #add(entry: string): void {
    const [text = '', bits, more] = entry.split('/');
    const address = isIP(text) === 0 ? null : plainAddress(text);
    if (address === null || more !== undefined || (bits !== undefined && !/^\d{1,3}$/u.test(bits)))
      throw malformed(entry);
    const longest = isIPv4(address) ? 32 : 128;
    // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
    const prefix = bits === undefined ? longest : Number(bits) - (isIPv4(address) && isIPv6(text) ? 96 : 0);
    if (prefix < 0 || prefix > longest) throw malformed(entry);
    this.#list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
}

const malformed = (entry: string): RangeError =>
  new RangeError(`"${entry.slice(0, 100)}" is neither an IP address nor a CIDR range such as 10.0.0.0/8`);

/**
 * The IP address in a text of a socket or a proxy, without brackets, port and zone; an IPv4 address mapped into IPv6 is
 * unmapped. Null when there is none.
 */
export function plainAddress(text: string | undefined): string | null {
  if (text === undefined || text.length > 64) return null;
  const bare = /^\[([^\]]*)\](?::\d+)?$/u.exec(text)?.[1] ?? (isIP(text) === 0 ? text.replace(/:\d+$/u, '') : text);
  return isIP(bare) === 0 ? null : canonicalAddress(bare);
}

/**
 * The group of addresses that counts as one client: an IPv4 address, or the /64 of an IPv6 address, which belongs to
 * one customer.
 */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const parts = [...front, ...Array.from({ length: missing }, () => '0'), ...back];
  return `${parts
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':')}::/64`;
}
