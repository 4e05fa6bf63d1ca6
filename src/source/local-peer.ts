import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/**
 * Owner of the process at the other end of a connection over 127.0.0.1: our user or another; `unknown` without /proc.
 */
export type LocalPeer = 'ours' | 'other' | 'unknown';

const LOOPBACK = new Set(['0100007F', '7F000001']);

/** Looks the other end up in Linux's table of connections. */
export async function localPeer({
  remotePort,
  localPort,
}: Pick<Socket, 'remotePort' | 'localPort'>): Promise<LocalPeer> {
  if (remotePort === undefined || localPort === undefined) return 'other';
  const user = process.geteuid?.();
  const table = await readFile('/proc/net/tcp', 'utf8').catch(() => null);
  return table === null || user === undefined
    ? 'unknown'
    : ownerIn(table, remotePort, localPort) === user
      ? 'ours'
      : 'other';
}

/** User id of the socket bound to `port` and connected to `peerPort`, both on 127.0.0.1; null when there is none. */
export function ownerIn(table: string, port: number, peerPort: number): number | null {
  const [own, peer] = [hex(port), hex(peerPort)];
  const at = ` ${own} `;
  for (let found = table.indexOf(`:${own} `); found !== -1; found = table.indexOf(`:${own} `, found + at.length)) {
    const [local = '', remote = '', , , , , user = ''] = table
      .slice(table.lastIndexOf('\n', found) + 1, table.indexOf('\n', found))
      .trim()
      .split(/\s+/u)
      .slice(1);
    if (!isLoopback(local, own) || !isLoopback(remote, peer)) continue;
    return Number(user);
  }
  return null;
}

const isLoopback = (address: string, port: string): boolean =>
  LOOPBACK.has(address.slice(0, 8)) && address.slice(9) === port;
const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
