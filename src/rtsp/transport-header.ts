/** How the packets of a track come, from the Transport header of a camera's answer to SETUP (RFC 2326, 12.39). */
export type TrackTransport =
  | { readonly kind: 'tcp'; readonly rtp: number; readonly rtcp: number }
  | { readonly kind: 'udp'; readonly serverPorts: readonly [rtp: number, rtcp: number] | null };

/** What we ask for. */
export const TCP_TRANSPORT = 'RTP/AVP/TCP;unicast;interleaved=0-1';
export const udpTransport = ([rtp, rtcp]: readonly [number, number]): string =>
  `RTP/AVP;unicast;client_port=${rtp}-${rtcp}`;

/**
 * @param asked what we asked for: cameras leave out channels, or the whole header
 * @returns the camera's choice
 */
export function readTransport(header: string | undefined, asked: 'tcp' | 'udp'): TrackTransport {
  const value = (header ?? '').slice(0, 1_024);
  const channels = pairOf(value, 'interleaved', 255);
  const isTcp = channels !== null || /RTP\/AVP\/TCP/iu.test(value) || (asked === 'tcp' && !/RTP\/AVP/iu.test(value));
  if (isTcp) return { kind: 'tcp', rtp: channels?.[0] ?? 0, rtcp: channels?.[1] ?? 1 };
  return { kind: 'udp', serverPorts: pairOf(value, 'server_port', 65_535) };
}

/** `name=6-7`, or `name=6` for 6 and 7. */
function pairOf(value: string, name: string, most: number): readonly [number, number] | null {
  const found = new RegExp(`(?:^|[;,\\s])${name}\\s*=\\s*(\\d{1,5})(?:\\s*-\\s*(\\d{1,5}))?`, 'iu').exec(value);
  if (found === null) return null;
  const first = Number(found[1]);
  const second = found[2] === undefined ? first + 1 : Number(found[2]);
  return first <= most && second <= most ? [first, second] : null;
}

export interface SessionHeader {
  /** To be sent with each further request; null when the camera gave none. */
  readonly id: string | null;
  /** The camera ends the session when nothing comes for so long. */
  readonly timeoutMs: number;
}

/** RFC 2326, 12.37. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** `Session: 12345678;timeout=60`. The time-out is kept within 1 s and 10 min. */
export function readSession(header: string | undefined): SessionHeader {
  const [id = '', ...rest] = (header ?? '').split(';');
  const seconds = rest
    .map((each) => /^\s*timeout\s*=\s*(\d{1,6})/iu.exec(each)?.[1])
    .find((each) => each !== undefined);
  const timeoutMs = seconds === undefined ? DEFAULT_TIMEOUT_MS : Math.min(600, Math.max(1, Number(seconds))) * 1000;
  const text = id.trim();
  return { id: text === '' || text.length > 256 ? null : text, timeoutMs };
}
