import { printable } from '../runtime/printable.ts';
import {
  Authorizer,
  type Challenge,
  type Credentials,
  isStale,
  parseChallenges,
  strongest,
} from '../rtsp/rtsp-auth.ts';
import { headerOf, type RtspMessage, RtspSyntaxError } from './rtsp-reader.ts';
import { localDescription } from './rtsp-sdp.ts';

/** A request of ffmpeg that the camera has not answered yet. */
interface Pending {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** CSeq of ffmpeg. */
  readonly localCseq: string;
  /** CSeq to the camera: a new one each time it is sent. */
  cseq: number;
  /** How often the camera answered 401 or 407. */
  refusals: number;
}

/** The relay's next actions, in order. */
export type Action =
  | { readonly do: 'to-camera'; readonly bytes: Buffer }
  | { readonly do: 'to-ffmpeg'; readonly bytes: Buffer }
  /** Connect to another place; pending requests are sent again there. */
  | { readonly do: 'redirect'; readonly location: string }
  /** The reason of a failure, which ffmpeg would not print. Quotes the camera unchanged, so it may hold secrets. */
  | { readonly do: 'note'; readonly reason: string };

/** ffmpeg has one request at a time, and keep-alives. */
const MAX_PENDING = 16;
/** Headers of a request that are written here. */
const OWN_HEADERS = new Set(['cseq', 'authorization', 'content-length']);
/** Headers of a reply that would lead ffmpeg past the relay, or that are written here. */
const DROPPED_HEADERS = new Set([
  'cseq',
  'www-authenticate',
  'proxy-authenticate',
  'content-base',
  'content-location',
  'location',
  'content-length',
  'rtp-info',
]);
const REDIRECTS = new Set([301, 302, 303, 305, 307, 308]);
/** Methods that must succeed before there are pictures. */
const NEEDED = new Set(['DESCRIBE', 'SETUP', 'PLAY']);
const NO_BODY = Buffer.alloc(0);

/**
 * Translates between our ffmpeg and a camera, without the sockets. ffmpeg asks for local paths and knows no password;
 * the camera is asked for its own URLs, and requests are signed when it wants that.
 */
export class RtspDialogue {
  readonly #local: string;
  #url: string;
  #credentials: Credentials | null;
  #authorizer: Authorizer | null = null;
  #aggregate: string | null = null;
  #tracks: readonly string[] = [];
  #session: string | null = null;
  #cseq = 0;
  #pending: Pending[] = [];

  /**
   * @param local URL that ffmpeg was given: `rtsp://127.0.0.1:PORT/TOKEN`
   * @param url the camera's, without user and password
   */
  constructor(local: string, url: string, credentials: Credentials | null) {
    this.#local = local;
    this.#url = url;
    this.#credentials = credentials;
  }

  /** The camera is at another URL now: pending requests are sent again. */
  moveTo(url: string, credentials: Credentials | null): readonly Action[] {
    const from = this.#url;
    this.#url = url;
    this.#credentials = credentials;
    this.#authorizer = null;
    this.#pending = this.#pending.map((request) =>
      request.uri === from ? { ...request, uri: url, refusals: 0 } : request,
    );
    return this.#pending.map((request) => this.#send(request));
  }

  /** Whether a first request is from our ffmpeg: no other process knows the token in `local`. */
  isOurs(message: RtspMessage): boolean {
    const uri = message.start.split(' ')[1] ?? '';
    return uri === this.#local;
  }

  /** @throws {RtspSyntaxError} when ffmpeg asks faster than the camera answers */
  fromFfmpeg(message: RtspMessage): readonly Action[] {
    const [method = '', local = ''] = message.start.split(' ');
    const uri = this.#toCamera(local);
    const localCseq = headerOf(message, 'cseq') ?? '0';
    if (uri === null) return [toFfmpeg(`RTSP/1.0 404 Not Found\r\nCSeq: ${localCseq}\r\n\r\n`)];
    if (this.#pending.length >= MAX_PENDING)
      throw new RtspSyntaxError(`${MAX_PENDING} requests that the camera does not answer`);
    const headers = message.headers.filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
    const pending = { method, uri, headers, body: message.body, localCseq, cseq: 0, refusals: 0 };
    this.#pending.push(pending);
    return [this.#send(pending)];
  }

  /** @throws {RtspSyntaxError} for a description that is out of bounds */
  fromCamera(message: RtspMessage): readonly Action[] {
    const status = /^RTSP\/\S+ (\d{3})/u.exec(message.start)?.[1];
    if (status === undefined) return [this.#answerCamera(message)];
    const request = this.#take(headerOf(message, 'cseq'));
    if (request === null) return [];
    const code = Number(status);
    if (code === 401 || code === 407) return this.#refused(request, message);
    const location = headerOf(message, 'location');
    if (REDIRECTS.has(code) && location !== undefined && this.#session === null) {
      this.#pending.unshift(request);
      return [{ do: 'redirect', location: location.slice(0, 2_048) }];
    }
    // Other methods are keep-alives; a camera that refuses one keeps sending.
    if (code >= 400 && NEEDED.has(request.method)) {
      return [note(`the camera answers ${request.method} with ${shown(message)}`), this.#reply(request, message)];
    }
    if (request.method === 'SETUP')
      this.#session = headerOf(message, 'session')?.split(';')[0]?.trim() ?? this.#session;
    return [request.method === 'DESCRIBE' ? this.#describe(request, message) : this.#reply(request, message)];
  }

  /** The TEARDOWN for the camera; null when it has no session. */
  teardown(): Buffer | null {
    if (this.#session === null) return null;
    const headers = [['Session', this.#session]] as const;
    return this.#bytes({
      method: 'TEARDOWN',
      uri: this.#aggregate ?? this.#url,
      headers,
      body: NO_BODY,
      localCseq: '0',
      cseq: 0,
      refusals: 0,
    });
  }

  #send(request: Pending): Action {
    return { do: 'to-camera', bytes: this.#bytes(request) };
  }

  #bytes(request: Pending): Buffer {
    this.#cseq += 1;
    request.cseq = this.#cseq;
    const { method, uri, headers, body } = request;
    const lines = [
      `${method} ${uri} RTSP/1.0`,
      `CSeq: ${request.cseq}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
    if (this.#authorizer !== null) lines.push(`Authorization: ${this.#authorizer.authorize({ method, uri, body })}`);
    // No URL or user name can add a line of its own.
    return Buffer.concat([Buffer.from(`${lines.map(clean).join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  }

  /** The request that a reply answers: the oldest, for cameras that leave CSeq out. */
  #take(cseq: string | undefined): Pending | null {
    const at = cseq === undefined ? 0 : this.#pending.findIndex((request) => String(request.cseq) === cseq.trim());
    return at === -1 ? null : (this.#pending.splice(at, 1)[0] ?? null);
  }

  #refused(request: Pending, message: RtspMessage): readonly Action[] {
    const headers = message.headers
      .filter(([name]) => /^(?:www|proxy)-authenticate$/iu.test(name))
      .map(([, value]) => value);
    const challenge = strongest(parseChallenges(headers));
    if (this.#credentials !== null && challenge !== null && this.#maySign(request, challenge)) {
      request.refusals += 1;
      this.#authorizer = new Authorizer(challenge, this.#credentials);
      this.#pending.unshift(request);
      return [this.#send(request)];
    }
    const why =
      this.#credentials === null
        ? 'asks for a user and a password, and its URL has none'
        : challenge === null && request.refusals === 0
          ? 'asks for a login method that Gantry does not know'
          : 'refuses the user and password of its URL';
    return [note(`the camera ${why} (${shown(message)})`), this.#reply(request, message)];
  }

  /** True once for each request, and once more when only the nonce was stale. */
  #maySign(request: Pending, challenge: Challenge): boolean {
    return request.refusals === 0 || (request.refusals === 1 && isStale(challenge));
  }

  #reply(request: Pending, message: RtspMessage, body: Buffer = message.body, extra: readonly string[] = []): Action {
    const kept = message.headers.filter(([name]) => !DROPPED_HEADERS.has(name.toLowerCase()));
    const rtpInfo = headerOf(message, 'rtp-info');
    const lines = [
      clean(message.start),
      `CSeq: ${request.localCseq}`,
      ...kept.map(([name, value]) => `${clean(name)}: ${clean(value)}`),
      ...(rtpInfo === undefined ? [] : [`RTP-Info: ${clean(this.#localRtpInfo(rtpInfo))}`]),
      ...extra,
      ...(body.length > 0 ? [`Content-Length: ${body.length}`] : []),
    ];
    return { do: 'to-ffmpeg', bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]) };
  }

  #describe(request: Pending, message: RtspMessage): Action {
    const given = headerOf(message, 'content-base') ?? '';
    const base = /^rtsps?:\/\/\S+$/iu.test(given) ? given : request.uri;
    const local = `${this.#local}/stream`;
    const { sdp, aggregate, tracks } = localDescription(message.body.toString('latin1'), base, local);
    this.#aggregate = aggregate;
    this.#tracks = tracks;
    return this.#reply(request, message, Buffer.from(sdp, 'latin1'), [`Content-Base: ${local}`]);
  }

  #toCamera(local: string): string | null {
    if (local === '*') return local;
    if (local === this.#local) return this.#url;
    const stream = `${this.#local}/stream`;
    if (local === stream || local === `${stream}/`) return this.#aggregate ?? this.#url;
    const track = local.startsWith(`${stream}/`) ? /^\d{1,2}$/u.exec(local.slice(stream.length + 1))?.[0] : undefined;
    return track === undefined ? null : (this.#tracks[Number(track)] ?? null);
  }

  /** `url=rtsp://camera/track1;seq=1,url=...`: ffmpeg looks for the URLs that it set up. */
  #localRtpInfo(value: string): string {
    return value
      .split(',')
      .map((entry) => {
        const url = /url=([^;,\s]+)/iu.exec(entry)?.[1];
        const index =
          url === undefined ? -1 : this.#tracks.findIndex((track) => track === url || track.endsWith(`/${url}`));
        return index === -1 || url === undefined ? entry : entry.replace(url, () => `${this.#local}/stream/${index}`);
      })
      .join(',');
  }

  /** Cameras send requests too, such as keep-alives. */
  #answerCamera(message: RtspMessage): Action {
    const [method = ''] = message.start.split(' ');
    const isKnown = method === 'OPTIONS' || method === 'GET_PARAMETER' || method === 'SET_PARAMETER';
    const cseq = clean(headerOf(message, 'cseq') ?? '0');
    return {
      do: 'to-camera',
      bytes: Buffer.from(`RTSP/1.0 ${isKnown ? '200 OK' : '501 Not Implemented'}\r\nCSeq: ${cseq}\r\n\r\n`, 'latin1'),
    };
  }
}

const toFfmpeg = (text: string): Action => ({ do: 'to-ffmpeg', bytes: Buffer.from(text, 'latin1') });
const note = (reason: string): Action => ({ do: 'note', reason });
/** Status and reason of a reply, for people: of any length, and it may hold secrets. */
const shown = (message: RtspMessage): string => printable(message.start.replace(/^RTSP\/\S+ /u, ''));
// eslint-disable-next-line no-control-regex
const clean = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/gu, '');
