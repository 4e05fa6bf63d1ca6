/** An RTSP request (RFC 2326). Header names are in lower case. */
export interface RtspRequest {
  readonly kind: 'request';
  readonly method: string;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A packet interleaved with requests (RFC 2326, 10.12): even channels RTP, odd ones RTCP. */
export interface InterleavedPacket {
  readonly kind: 'packet';
  readonly channel: number;
  readonly payload: Buffer;
}

/** The peer sent bytes that are not an RTSP request. The connection is unusable. */
export class RtspSyntaxError extends Error {
  override readonly name = 'RtspSyntaxError';
}

const DOLLAR = 0x24;
const MAX_HEAD = 16 * 1024;
const MAX_BODY = 64 * 1024;

/**
 * Parses requests and whole packets of one connection, strictly. Holds at most one incomplete message (80 KiB). The
 * reader in `source` is another one: it tolerates the habits of real cameras and returns packets in pieces.
 */
export class RtspParser {
  #buffer: Buffer = Buffer.alloc(0);

  /** All messages completed by `chunk`. @throws {RtspSyntaxError} */
  push(chunk: Buffer): readonly (RtspRequest | InterleavedPacket)[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const messages: (RtspRequest | InterleavedPacket)[] = [];
    for (;;) {
      const message = this.#buffer[0] === DOLLAR ? this.#takePacket() : this.#takeRequest();
      if (message === null) return messages;
      messages.push(message);
    }
  }

  #takePacket(): InterleavedPacket | null {
    const buffer = this.#buffer;
    if (buffer.length < 4) return null;
    const end = 4 + buffer.readUInt16BE(2);
    if (buffer.length < end) return null;
    this.#buffer = buffer.subarray(end);
    return { kind: 'packet', channel: buffer.readUInt8(1), payload: buffer.subarray(4, end) };
  }

  #takeRequest(): RtspRequest | null {
    const headEnd = this.#buffer.indexOf('\r\n\r\n');
    if (headEnd === -1) {
      if (this.#buffer.length > MAX_HEAD) throw new RtspSyntaxError(`request head longer than ${MAX_HEAD} bytes`);
      return null;
    }
    const [first = '', ...lines] = this.#buffer.subarray(0, headEnd).toString('utf8').split('\r\n');
    const start = /^([A-Z_]+) (\S+) RTSP\/1\.0$/.exec(first);
    if (start?.[1] === undefined || start[2] === undefined) throw new RtspSyntaxError('not an RTSP request line');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    const length = Number(headers.get('content-length') ?? 0);
    if (!Number.isInteger(length) || length < 0 || length > MAX_BODY)
      throw new RtspSyntaxError(`body of ${headers.get('content-length')} bytes refused`);
    const bodyStart = headEnd + 4;
    if (this.#buffer.length < bodyStart + length) return null;
    const body = this.#buffer.subarray(bodyStart, bodyStart + length).toString('utf8');
    this.#buffer = this.#buffer.subarray(bodyStart + length);
    return { kind: 'request', method: start[1], url: start[2], headers, body };
  }
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  305: 'Use Proxy',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  454: 'Session Not Found',
  455: 'Method Not Valid in This State',
  461: 'Unsupported Transport',
  503: 'Service Unavailable',
};

/** By name; several values make several header lines. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The bytes of a response; Content-Length is added for a body. */
export function formatResponse(status: number, request: RtspRequest, headers: ReplyHeaders = {}, body = ''): string {
  const all: Record<string, string | readonly string[]> = { CSeq: request.headers.get('cseq') ?? '0', ...headers };
  if (body !== '') all['Content-Length'] = String(Buffer.byteLength(body));
  const lines = Object.entries(all).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
  return [`RTSP/1.0 ${status} ${REASONS[status] ?? 'Error'}`, ...lines, '', body].join('\r\n');
}

/** The four bytes before an interleaved packet. */
export function interleavedHeader(channel: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(4);
  header.writeUInt8(DOLLAR, 0);
  header.writeUInt8(channel, 1);
  header.writeUInt16BE(length, 2);
  return header;
}

const NAL_IDR = 5;
const NAL_SPS = 7;
const NAL_STAP_A = 24;
const NAL_FU_A = 28;

/** Whether a decoder can start with this RTP packet of H.264 (RFC 6184): it begins an IDR slice or has an SPS. */
export function startsKeyframe(rtp: Buffer): boolean {
  if (rtp.length < 14) return false;
  const first = rtp.readUInt8(0);
  let offset = 12 + 4 * (first & 0x0f);
  // Header extension: profile and length in 32-bit words.
  if ((first & 0x10) !== 0 && rtp.length >= offset + 4) offset += 4 + 4 * rtp.readUInt16BE(offset + 2);
  if (rtp.length < offset + 4) return false;
  const type = rtp.readUInt8(offset) & 0x1f;
  if (type === NAL_IDR || type === NAL_SPS) return true;
  if (type === NAL_STAP_A) {
    const inner = rtp.readUInt8(offset + 3) & 0x1f;
    return inner === NAL_IDR || inner === NAL_SPS;
  }
  if (type === NAL_FU_A) {
    const fragment = rtp.readUInt8(offset + 1);
    return (fragment & 0x80) !== 0 && (fragment & 0x1f) === NAL_IDR;
  }
  return false;
}

/** The stream's name in a request's URL: its first path segment; empty when there is none. */
export function streamName(url: string): string {
  const path = /^rtsps?:\/\/[^/]*\/([^?#]*)/.exec(url)?.[1] ?? '';
  return path.split('/')[0] ?? '';
}

/** Interleaved channels, RTP and RTCP, of a client's Transport header; null when it does not want TCP. */
export function interleavedChannels(transport: string): readonly [number, number] | null {
  for (const choice of transport.split(',')) {
    if (!/^\s*RTP\/AVP\/TCP\b/i.test(choice)) continue;
    const match = /interleaved=(\d{1,3})-(\d{1,3})/.exec(choice);
    const rtp = Number(match?.[1] ?? 0);
    const rtcp = Number(match?.[2] ?? rtp + 1);
    if (rtp <= 255 && rtcp <= 255) return [rtp, rtcp];
  }
  return null;
}
