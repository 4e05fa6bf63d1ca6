import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ManagedProcess } from './managed-process.ts';
import type { ServiceLog, ServiceState } from './service.ts';
import { EmbeddedError } from './service.ts';
import { formatResponse, interleavedChannels, RtspParser } from './rtsp-wire.ts';
import type { RtspRequest } from './rtsp-wire.ts';
import { listen } from './tcp.ts';

export interface FeederOptions {
  readonly name: string;
  readonly file: string;
  readonly ffmpeg: string;
  readonly log: ServiceLog;
  /** One RTP (`isRtp`) or RTCP packet. The buffer is not kept by the feeder. */
  readonly onPacket: (payload: Buffer, isRtp: boolean) => void;
  /** ffmpeg has ended; later packets belong to a new RTP sequence. */
  readonly onGap: () => void;
}

const HOST = '127.0.0.1';

/**
 * One looping ffmpeg that publishes a file to this process by RTSP (ANNOUNCE, RECORD) over a local TCP connection.
 * Unlike RTP over UDP, that loses no packet, shows when ffmpeg ends, and ends ffmpeg when this process is killed.
 */
export class RtspFeeder {
  readonly #options: FeederOptions;
  readonly #token = randomBytes(12).toString('hex');
  #server: Server | null = null;
  #port = 0;
  #publisher: Socket | null = null;
  #sdp: string | null = null;
  #recording = Promise.withResolvers<void>();
  #process: ManagedProcess | null = null;
  #starting: Promise<string> | null = null;
  #stopped = false;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  state(): ServiceState | 'idle' {
    if (this.#stopped) return 'stopped';
    return this.#process?.state() ?? (this.#starting === null ? 'idle' : 'starting');
  }

  pid(): number | null {
    return this.#process?.pid() ?? null;
  }

  restarts(): number {
    return this.#process?.restarts() ?? 0;
  }

  /**
   * The stream's description with its parameter sets, once ffmpeg sends. The first call starts ffmpeg; after a failed
   * start the next call tries again. @throws {EmbeddedError} of the process, and `NOT_READY` during a restart
   */
  async describe(): Promise<string> {
    if (this.#stopped) throw new EmbeddedError('BAD_STREAM', `stream ${this.#options.name} is stopped`);
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    const sdp = await this.#starting;
    if (this.#publisher === null)
      throw new EmbeddedError('NOT_READY', `the feeder of stream ${this.#options.name} is being restarted`);
    return this.#sdp ?? sdp;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    // A start in progress ends first: by the rejection below, or its own time-out.
    const starting = this.#starting?.catch(() => '') ?? null;
    this.#recording.reject(new EmbeddedError('NOT_READY', 'stopped'));
    this.#recording.promise.catch(() => undefined);
    if (starting !== null) await starting;
    const ending = this.#process?.stop();
    // Without its connection ffmpeg ends at once.
    this.#publisher?.destroy();
    await ending;
    const server = this.#server;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #start(): Promise<string> {
    const { name, file, ffmpeg, log } = this.#options;
    const port = await this.#listen();
    this.#process = await ManagedProcess.start({
      name: `ffmpeg feeding ${name}`,
      command: ffmpeg,
      args: feederArgs(file, `rtsp://${HOST}:${port}/${this.#token}`),
      ready: async () => {
        this.#recording = Promise.withResolvers<void>();
        await this.#recording.promise;
      },
      stopTimeoutMs: 1000,
      log,
    });
    if (this.#sdp === null) throw new EmbeddedError('NOT_READY', `ffmpeg sent no description of ${file}`);
    return this.#sdp;
  }

  /** The port for ffmpeg. A retried start reuses the listening server. */
  async #listen(): Promise<number> {
    if (this.#server === null) {
      const server = createServer((socket) => this.#accept(socket));
      this.#port = await listen(server, HOST, 0, `the feeder of ${this.#options.name}`);
      this.#server = server;
    }
    return this.#port;
  }

  #accept(socket: Socket): void {
    const parser = new RtspParser();
    let rtpChannel = 0;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()); // ffmpeg was killed: 'close' follows and says so
    socket.on('close', () => {
      if (this.#publisher !== socket) return;
      this.#publisher = null;
      this.#options.onGap();
    });
    socket.on('data', (chunk) => {
      try {
        for (const message of parser.push(chunk)) {
          if (message.kind === 'packet') {
            if (this.#publisher === socket) this.#options.onPacket(message.payload, message.channel === rtpChannel);
          } else {
            rtpChannel = this.#answer(socket, message) ?? rtpChannel;
          }
        }
      } catch (error) {
        this.#options.log.warn(
          { stream: this.#options.name, err: error },
          'the ffmpeg that feeds an RTSP stream sent invalid RTSP',
        );
        socket.destroy();
      }
    });
  }

  /** Answers the publisher; returns the RTP channel when the request sets it. */
  #answer(socket: Socket, request: RtspRequest): number | null {
    const session = { Session: this.#token };
    const reply = (status: number, headers: Readonly<Record<string, string>> = {}): null => {
      socket.write(formatResponse(status, request, headers));
      return null;
    };
    // Any process on this machine may connect to the port; only our ffmpeg knows the path.
    if (!request.url.includes(`/${this.#token}`)) return reply(404);
    switch (request.method) {
      case 'OPTIONS':
        return reply(200, { Public: 'OPTIONS, ANNOUNCE, SETUP, RECORD, TEARDOWN' });
      case 'ANNOUNCE':
        this.#sdp = playableSdp(request.body);
        return reply(200);
      case 'SETUP': {
        const channels = interleavedChannels(request.headers.get('transport') ?? '');
        if (channels === null) return reply(461);
        reply(200, {
          ...session,
          Transport: `RTP/AVP/TCP;unicast;interleaved=${channels[0]}-${channels[1]};mode=record`,
        });
        return channels[0];
      }
      case 'RECORD':
        this.#publisher?.destroy();
        this.#publisher = socket;
        reply(200, session);
        this.#recording.resolve();
        return null;
      case 'TEARDOWN':
        return reply(200, session);
      default:
        return reply(405);
    }
  }
}

const feederArgs = (file: string, to: string): string[] =>
  '-hide_banner -nostdin -v warning -re -stream_loop -1 -protocol_whitelist file -i'
    .split(' ')
    .concat(file, '-map 0:v:0 -c:v copy -f rtsp -rtsp_transport tcp'.split(' '), to);

/** Turns a publisher's description into one for players: with neutral addresses and relative control URLs. */
export function playableSdp(published: string): string {
  const lines = published
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('a=tool:') && !line.startsWith('a=control:'))
    .map((line) =>
      line.startsWith('o=') ? 'o=- 0 0 IN IP4 127.0.0.1' : line.startsWith('c=') ? 'c=IN IP4 0.0.0.0' : line,
    );
  const out: string[] = [];
  for (const line of lines) {
    // Attributes of the session precede the first medium.
    if (line.startsWith('m=') && !out.some((earlier) => earlier.startsWith('m='))) out.push('a=control:*');
    out.push(line);
  }
  out.push('a=control:streamid=0', '');
  return out.join('\r\n');
}
