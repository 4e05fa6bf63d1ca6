import { Authorizer, type Credentials, isStale, parseChallenges, strongest } from './rtsp-auth.ts';
import type { RtspTransport, SessionEnd } from './rtsp.types.ts';
import { endByLogin, endByStatus, saysFull, sessionEnd, statusOf } from './session-ends.ts';
import { readSession, readTransport, TCP_TRANSPORT, type TrackTransport, udpTransport } from './transport-header.ts';
import { readDescription, type VideoDescription, type VideoTrack } from './video-description.ts';
import { headerOf, type RtspMessage } from './wire-reader.ts';

export interface DialogueOptions {
  /** Without user and password, as {@link requestUrl} writes it. */
  readonly url: string;
  readonly credentials: Credentials | null;
  readonly transport: RtspTransport;
  /** RTSPS: packets must stay inside the TLS connection. */
  readonly tls: boolean;
}

/** Next actions, in order. Requests are bytes for the camera. */
export type Step =
  | { readonly do: 'send'; readonly bytes: Buffer }
  /** Bind a pair of UDP ports and call `udpBound`. */
  | { readonly do: 'bind-udp' }
  /** Packets of the track come so from now on. */
  | { readonly do: 'receive'; readonly track: VideoTrack; readonly transport: TrackTransport }
  /** PLAY was accepted. Call `keepAlive` so often. */
  | { readonly do: 'played'; readonly keepAliveMs: number }
  /** Go on at another URL, in a dialogue of its own. */
  | { readonly do: 'redirect'; readonly location: string }
  /** TEARDOWN was answered, or none is needed. */
  | { readonly do: 'left' }
  | { readonly do: 'end'; readonly end: SessionEnd };

type Method = 'OPTIONS' | 'DESCRIBE' | 'SETUP' | 'PLAY' | 'GET_PARAMETER' | 'TEARDOWN';
type Headers = readonly (readonly [name: string, value: string])[];

/** A request that the camera has not answered yet. */
interface Pending {
  readonly method: Method;
  readonly uri: string;
  readonly headers: Headers;
  readonly isKeepAlive: boolean;
  /** A new one each time that it is sent. */
  cseq: number;
  /** How often the camera answered 401 or 407. */
  refusals: number;
}

const REDIRECTS = new Set([300, 301, 302, 303, 305, 307, 308]);
/** Answers of cameras that do not send packets over TCP. 461 is the right one. */
const REFUSES_TRANSPORT = new Set([400, 406, 415, 459, 461, 463, 551]);
const UNKNOWN_METHOD = new Set([400, 404, 405, 451, 501, 551]);
const MAX_LOCATION = 2_048;
const NO_BODY = Buffer.alloc(0);
const OUR_METHODS = 'OPTIONS, GET_PARAMETER, SET_PARAMETER, REDIRECT';

/**
 * The requests and replies of one connection to a camera, without sockets and timers: OPTIONS, DESCRIBE, SETUP of the
 * video track, PLAY, keep-alives, TEARDOWN (RFC 2326). At most three requests are unanswered at a time: one of the
 * sequence, one keep-alive and the TEARDOWN.
 */
export class PlayDialogue {
  readonly #options: DialogueOptions;
  #authorizer: Authorizer | null = null;
  #pending: Pending[] = [];
  #cseq = 0;
  #description: VideoDescription | null = null;
  #session: string | null = null;
  #keepAliveMs = 30_000;
  #canGetParameter = false;
  #wanted: 'tcp' | 'udp';
  #isPlaying = false;
  /** SETUP was accepted: the camera holds a session, even if it gave it no name. */
  #holdsSession = false;
  #isLeaving = false;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#wanted = options.transport === 'udp' ? 'udp' : 'tcp';
  }

  /** The request whose answer is awaited before anything goes on; null for none. */
  get awaited(): string | null {
    return this.#pending.find(({ isKeepAlive }) => !isKeepAlive)?.method ?? null;
  }

  start(): readonly Step[] {
    return [this.#request('OPTIONS', this.#options.url, [])];
  }

  udpBound(ports: readonly [number, number]): readonly Step[] {
    return this.#isLeaving ? [] : [this.#setUp(udpTransport(ports))];
  }

  /** A packet arrived, so the camera plays, even if it never answers PLAY. */
  packetCame(): readonly Step[] {
    const waits = this.#pending.some(({ method }) => method === 'PLAY');
    if (!waits || this.#isPlaying) return [];
    return this.#playing();
  }

  keepAlive(): readonly Step[] {
    if (!this.#isPlaying || this.#isLeaving) return [];
    // One that was never answered is forgotten.
    this.#pending = this.#pending.filter(({ isKeepAlive }) => !isKeepAlive);
    const uri = this.#description?.aggregate ?? this.#options.url;
    return [this.#request(this.#canGetParameter ? 'GET_PARAMETER' : 'OPTIONS', uri, this.#sessionHeaders(), true)];
  }

  /** Ends the session at the camera. Its last step is `left`, now or with the camera's answer. */
  leave(): readonly Step[] {
    if (this.#isLeaving) return [];
    this.#isLeaving = true;
    // The session's name comes with the answer to SETUP.
    return this.#pending.some(({ method }) => method === 'SETUP') ? [] : this.#tearDown();
  }

  /** @throws {RtspSyntaxError} for a description that is out of bounds */
  receive(message: RtspMessage): readonly Step[] {
    const status = statusOf(message);
    if (status === null) return this.#answerCamera(message);
    const request = this.#take(headerOf(message, 'cseq'));
    if (request === null) return [];
    const isRefused = status === 401 || status === 407;
    if (this.#isLeaving && !(isRefused && request.method === 'TEARDOWN'))
      return this.#leaving(request, message, status);
    if (isRefused) return this.#refused(request, message);
    const location = headerOf(message, 'location');
    if (REDIRECTS.has(status) && location !== undefined && !this.#isPlaying && !request.isKeepAlive)
      return [{ do: 'redirect', location: location.slice(0, MAX_LOCATION) }];
    return this.#answered(request, message, status);
  }

  #answered(request: Pending, message: RtspMessage, status: number): readonly Step[] {
    if (request.isKeepAlive) {
      // It goes on sending all the same; only the method is unknown to it.
      if (UNKNOWN_METHOD.has(status)) this.#canGetParameter = false;
      return [];
    }
    switch (request.method) {
      case 'OPTIONS':
        if (saysFull(message)) return [this.#end(endByStatus('OPTIONS', message))];
        this.#canGetParameter = /\bGET_PARAMETER\b/iu.test(headerOf(message, 'public') ?? '');
        return [this.#request('DESCRIBE', this.#options.url, [['Accept', 'application/sdp']])];
      case 'DESCRIBE':
        return status >= 300 ? [this.#end(endByStatus('DESCRIBE', message))] : this.#described(message);
      case 'SETUP':
        return status >= 300 ? this.#setUpRefused(message, status) : this.#isSetUp(message);
      case 'PLAY':
        if (status >= 300) return [this.#end(endByStatus('PLAY', message))];
        return this.#isPlaying ? [] : this.#playing();
      case 'GET_PARAMETER':
      case 'TEARDOWN':
        return [];
    }
  }

  #described(message: RtspMessage): readonly Step[] {
    const { url, tls } = this.#options;
    const given = [headerOf(message, 'content-base'), headerOf(message, 'content-location')];
    const base = given.find((each) => each !== undefined && each.length <= 2_048 && /^rtsps?:\/\/\S+$/iu.test(each));
    const description = readDescription(message.body.toString('latin1'), base ?? url);
    if (!('track' in description)) {
      const others = description.length === 0 ? '' : `, but ${description.slice(0, 4).join(', ')}`;
      const text = `the camera offers no video in H.264, H.265 or MJPEG${others}`;
      return [this.#end(sessionEnd('NO_VIDEO', text))];
    }
    this.#description = description;
    if (this.#wanted === 'tcp') return [this.#setUp(TCP_TRANSPORT)];
    if (!tls) return [{ do: 'bind-udp' }];
    const text = 'RTSPS keeps all packets inside its TLS connection, so the transport must be tcp or auto, not udp';
    return [this.#end(sessionEnd('REFUSED', text))];
  }

  #setUp(transport: string): Step {
    const { control } = this.#description ?? { control: this.#options.url };
    return this.#request('SETUP', control, [['Transport', transport], ...this.#sessionHeaders()]);
  }

  #setUpRefused(message: RtspMessage, status: number): readonly Step[] {
    const { transport, tls } = this.#options;
    if (REFUSES_TRANSPORT.has(status) && !saysFull(message)) {
      if (this.#wanted === 'tcp' && transport === 'auto' && !tls) {
        this.#wanted = 'udp';
        return [{ do: 'bind-udp' }];
      }
      if (status === 461 && transport !== 'auto') {
        const name = transport.toUpperCase();
        const text = `the camera does not send its packets by ${name} (461); set the transport to auto`;
        return [this.#end(sessionEnd('REFUSED', text))];
      }
    }
    return [this.#end(endByStatus('SETUP', message))];
  }

  #isSetUp(message: RtspMessage): readonly Step[] {
    this.#noteSession(message);
    const description = this.#description;
    if (description === null) return [];
    const transport = readTransport(headerOf(message, 'transport'), this.#wanted);
    if (transport.kind === 'udp' && this.#wanted === 'tcp') {
      const { transport: option, tls } = this.#options;
      if (option === 'tcp' || tls)
        return [this.#end(sessionEnd('REFUSED', 'the camera answers with UDP where TCP was asked for'))];
      this.#wanted = 'udp';
      return [{ do: 'bind-udp' }];
    }
    const play = this.#request('PLAY', description.aggregate, [...this.#sessionHeaders(), ['Range', 'npt=0.000-']]);
    return [{ do: 'receive', track: description.track, transport }, play];
  }

  #noteSession(message: RtspMessage): void {
    const { id, timeoutMs } = readSession(headerOf(message, 'session'));
    this.#holdsSession = true;
    this.#session = id ?? this.#session;
    this.#keepAliveMs = timeoutMs / 2;
  }

  #playing(): readonly Step[] {
    this.#isPlaying = true;
    this.#pending = this.#pending.filter(({ method }) => method !== 'PLAY');
    return [{ do: 'played', keepAliveMs: this.#keepAliveMs }];
  }

  /** Replies after `leave`: the one to SETUP gives the session that must be ended. */
  #leaving(request: Pending, message: RtspMessage, status: number): readonly Step[] {
    if (request.method === 'TEARDOWN') return [{ do: 'left' }];
    if (request.method !== 'SETUP') return [];
    if (status < 300) this.#noteSession(message);
    return this.#tearDown();
  }

  #tearDown(): readonly Step[] {
    if (!this.#holdsSession) return [{ do: 'left' }];
    return [this.#request('TEARDOWN', this.#description?.aggregate ?? this.#options.url, this.#sessionHeaders())];
  }

  #refused(request: Pending, message: RtspMessage): readonly Step[] {
    const { credentials } = this.#options;
    const offered = message.headers.filter(([name]) => /^(?:www|proxy)-authenticate$/u.test(name));
    const challenge = strongest(parseChallenges(offered.map(([, value]) => value)));
    // Once for each request, and once more when only the nonce was too old.
    const maySign = challenge !== null && (request.refusals === 0 || (request.refusals === 1 && isStale(challenge)));
    if (credentials !== null && maySign) {
      request.refusals += 1;
      this.#authorizer = new Authorizer(challenge, credentials);
      this.#pending.unshift(request);
      return [this.#send(request)];
    }
    if (request.method === 'TEARDOWN') return [{ do: 'left' }];
    // A keep-alive that is refused for good ends nothing: the camera still sends.
    if (request.isKeepAlive) return [];
    if (credentials === null) return [this.#end(endByLogin('missing', message))];
    return [this.#end(endByLogin(challenge === null && request.refusals === 0 ? 'unknown-method' : 'wrong', message))];
  }

  /** Cameras send requests too. */
  #answerCamera(message: RtspMessage): readonly Step[] {
    const [method = ''] = message.start.split(' ');
    const location = headerOf(message, 'location');
    const isKnown = ['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER', 'REDIRECT', 'TEARDOWN'].includes(method);
    const cseq = clean(headerOf(message, 'cseq') ?? '0').slice(0, 20);
    const session = this.#session === null ? '' : `Session: ${clean(this.#session)}\r\n`;
    const reply = isKnown
      ? `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${session}Public: ${OUR_METHODS}\r\n\r\n`
      : `RTSP/1.0 501 Not Implemented\r\nCSeq: ${cseq}\r\n\r\n`;
    const steps: Step[] = [{ do: 'send', bytes: Buffer.from(reply, 'latin1') }];
    if (this.#isLeaving) return steps;
    if (method === 'TEARDOWN') steps.push(this.#end(sessionEnd('ENDED', 'the camera ended the stream')));
    // Without a place it asks for a new start at the same URL (RFC 2326, 10.10).
    else if (method === 'REDIRECT')
      steps.push({ do: 'redirect', location: (location ?? this.#options.url).slice(0, MAX_LOCATION) });
    return steps;
  }

  #end(end: SessionEnd): Step {
    return { do: 'end', end };
  }

  #sessionHeaders(): Headers {
    return this.#session === null ? [] : [['Session', this.#session]];
  }

  #request(method: Method, uri: string, headers: Headers, isKeepAlive = false): Step {
    const request = { method, uri, headers, isKeepAlive, cseq: 0, refusals: 0 };
    this.#pending.push(request);
    return this.#send(request);
  }

  #send(request: Pending): Step {
    this.#cseq += 1;
    request.cseq = this.#cseq;
    const { method, uri, headers } = request;
    const lines = [
      `${method} ${uri} RTSP/1.0`,
      `CSeq: ${request.cseq}`,
      'User-Agent: Gantry',
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    if (this.#authorizer !== null)
      lines.push(`Authorization: ${this.#authorizer.authorize({ method, uri, body: NO_BODY })}`);
    // No URL, session or user name can add a line of its own.
    return { do: 'send', bytes: Buffer.from(`${lines.map(clean).join('\r\n')}\r\n\r\n`, 'latin1') };
  }

  /** The request that a reply answers: the oldest, for cameras that leave CSeq out. */
  #take(cseq: string | undefined): Pending | null {
    const at = cseq === undefined ? 0 : this.#pending.findIndex((request) => String(request.cseq) === cseq.trim());
    return at === -1 ? null : (this.#pending.splice(at, 1)[0] ?? null);
  }
}

// eslint-disable-next-line no-control-regex
const clean = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/gu, '');
