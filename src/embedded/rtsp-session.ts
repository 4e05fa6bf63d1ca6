import type { Socket } from 'node:net';
import type { RtspAuth } from './rtsp-server.types.ts';
import { RtspAccess } from './rtsp-access.ts';
import {
  formatResponse,
  interleavedChannels,
  interleavedHeader,
  RtspParser,
  startsKeyframe,
  streamName,
} from './rtsp-wire.ts';
import type { ReplyHeaders, RtspRequest } from './rtsp-wire.ts';

/** A stream, as a session sees it. */
export interface PlayableStream {
  readonly name: string;
  readonly auth: RtspAuth | null;
  readonly redirect: { readonly status: number; readonly location: string } | null;
  readonly absoluteControl: boolean;
  /** The SDP, once the stream is being sent. Rejects when it cannot be. */
  describe(): Promise<string>;
  /** Called once per session, when it begins to play. */
  join(session: RtspSession): void;
}

export interface SessionOptions {
  readonly socket: Socket;
  readonly id: string;
  readonly find: (name: string) => PlayableStream | null;
  /** Unsent bytes at which a client is dropped. */
  readonly maxBacklog: number;
  /** Called with the reason when the client or the stream ends the session by a fault. */
  readonly onFault: (stream: string | null, why: string) => void;
}

/** A silent connection that does not play is closed after this time. */
const SETUP_TIMEOUT_MS = 30_000;
const METHODS = 'OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN';

/** One client's connection: requests, then packets until either side ends it. */
export class RtspSession {
  readonly #options: SessionOptions;
  readonly #parser = new RtspParser();
  readonly #access = new RtspAccess();
  #channels: readonly [number, number] | null = null;
  #stream: PlayableStream | null = null;
  #playing = false;
  #awaitsKeyframe = true;
  /** Requests are answered one at a time, in order. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { socket } = options;
    socket.setNoDelay(true);
    socket.setTimeout(SETUP_TIMEOUT_MS, () => {
      if (!this.#playing) socket.destroy();
    });
    socket.on('error', () => socket.destroy()); // reset by the client: 'close' follows
    socket.on('data', (chunk) => this.#receive(chunk));
  }

  /** Sends one packet. False when the client was too slow, which ends the session. */
  send(payload: Buffer, isRtp: boolean): boolean {
    const { socket, maxBacklog } = this.#options;
    if (this.#channels === null || !socket.writable) return true;
    if (this.#awaitsKeyframe) {
      // A client can decode nothing before a keyframe.
      if (!isRtp || !startsKeyframe(payload)) return true;
      this.#awaitsKeyframe = false;
    }
    if (socket.writableLength + payload.length > maxBacklog) {
      this.#options.onFault(this.#stream?.name ?? null, 'client does not read');
      this.drop();
      return false;
    }
    socket.cork();
    socket.write(interleavedHeader(this.#channels[isRtp ? 0 : 1], payload.length));
    socket.write(payload);
    socket.uncork();
    return true;
  }

  /** After a pause: sends again from the next keyframe on. */
  awaitKeyframe(): void {
    this.#awaitsKeyframe = true;
  }

  /** Resets the connection. */
  drop(): void {
    const { socket } = this.#options;
    if (socket.readyState === 'open') socket.resetAndDestroy();
    else socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#parser.push(chunk)) {
        // Packets of a client are RTCP receiver reports, which are not used.
        if (message.kind === 'packet') continue;
        this.#queued += 1;
        if (this.#queued > 32) throw new Error('too many requests at once');
        this.#queue = this.#queue.then(async () => {
          await this.#answer(message).catch((error: unknown) => this.#fault(error));
          this.#queued -= 1;
        });
      }
    } catch (error) {
      this.#fault(error);
    }
  }

  #fault(error: unknown): void {
    this.#options.onFault(this.#stream?.name ?? null, error instanceof Error ? error.message : String(error));
    this.#options.socket.destroy();
  }

  #reply(status: number, request: RtspRequest, headers: ReplyHeaders = {}, body = ''): void {
    if (this.#options.socket.writable) this.#options.socket.write(formatResponse(status, request, headers, body));
  }

  async #answer(request: RtspRequest): Promise<void> {
    const session = { Session: `${this.#options.id};timeout=60` };
    if (request.method === 'OPTIONS') {
      this.#reply(200, request, { Public: METHODS });
      return;
    }
    const stream = this.#options.find(streamName(request.url));
    if (stream === null) {
      this.#reply(404, request);
      return;
    }
    if (stream.redirect !== null) {
      this.#reply(stream.redirect.status, request, { Location: stream.redirect.location });
      return;
    }
    const challenges = this.#access.refusal(stream.auth, request);
    if (challenges !== null) {
      this.#reply(401, request, { 'WWW-Authenticate': challenges });
      return;
    }
    switch (request.method) {
      case 'DESCRIBE':
        await this.#describe(stream, request);
        return;
      case 'SETUP': {
        const channels = interleavedChannels(request.headers.get('transport') ?? '');
        if (this.#playing) this.#reply(455, request);
        else if (channels === null) this.#reply(461, request);
        else {
          this.#channels = channels;
          this.#stream = stream;
          this.#reply(200, request, {
            ...session,
            Transport: `RTP/AVP/TCP;unicast;interleaved=${channels[0]}-${channels[1]}`,
          });
        }
        return;
      }
      case 'PLAY':
        if (this.#channels === null || this.#stream !== stream) {
          this.#reply(454, request);
          return;
        }
        this.#reply(200, request, { ...session, Range: 'npt=now-' });
        if (!this.#playing) stream.join(this);
        this.#playing = true;
        return;
      case 'GET_PARAMETER':
        this.#reply(200, request, session);
        return;
      case 'TEARDOWN':
        this.#reply(200, request, session);
        this.#options.socket.end();
        return;
      default:
        this.#reply(405, request, { Allow: METHODS });
    }
  }

  async #describe(stream: PlayableStream, request: RtspRequest): Promise<void> {
    let sdp: string;
    try {
      sdp = await stream.describe();
    } catch (error) {
      this.#options.onFault(stream.name, error instanceof Error ? error.message : String(error));
      this.#reply(503, request, { 'Retry-After': '1' });
      return;
    }
    const base = request.url.replace(/\/?$/, '/');
    const shown = stream.absoluteControl ? sdp.replaceAll(/^a=control:(?!\*)/gm, `a=control:${base}`) : sdp;
    this.#reply(200, request, { 'Content-Type': 'application/sdp', 'Content-Base': base }, shown);
  }
}
