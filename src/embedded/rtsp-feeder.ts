import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ManagedProcess } from './managed-process.ts';
import type { ServiceLog, ServiceState } from './service.ts';
import { EmbeddedError } from './service.ts';
import { formatResponse, interleavedChannels, RtspParser } from './rtsp-wire.ts';
import type { RtspRequest } from './rtsp-wire.ts';

export interface FeederOptions {
  readonly name: string;
  readonly file: string;
  readonly ffmpeg: string;
  readonly log: ServiceLog;
  /** One RTP (`isRtp`) or RTCP packet. The buffer is not kept by the feeder. */
  readonly onPacket: (payload: Buffer, isRtp: boolean) => void;
  /** The sender is gone; what comes next begins a new RTP sequence. */
  readonly onGap: () => void;
}

const HOST = '127.0.0.1';

/**
 * One looping ffmpeg that publishes a file to us by RTSP (ANNOUNCE, RECORD) over a local TCP connection. Unlike RTP over
 * UDP this loses nothing, tells when the sender is gone, and ends ffmpeg by itself if we are killed.
 */
export class RtspFeeder {
  readonly #options: FeederOptions;
  readonly #token = randomBytes(12).toString('hex');
  #server: Server | null = null;
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
   * The stream's description with its parameter sets, from a feeder that sends: started on first use, waited for during
   * a restart. @throws {EmbeddedError} of the process; a start that failed is tried again by the next caller.
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
    // A start under way ends first: it is bounded by its own time-out, and stopping the process ends it sooner.
    const starting = this.#starting?.catch(() => '') ?? null;
    this.#recording.reject(new EmbeddedError('NOT_READY', 'stopped'));
    this.#recording.promise.catch(() => undefined);
    if (starting !== null) await starting;
    const ending = this.#process?.stop();
    // With its connection gone ffmpeg does not wait to say goodbye.
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

  #listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = this.#server ?? createServer((socket) => this.#accept(socket));
      this.#server = server;
      const known = server.address();
      if (typeof known === 'object' && known !== null) {
        resolve(known.port);
        return;
      }
      server.once('error', reject);
      server.listen(0, HOST, () => {
        const address = server.address();
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new EmbeddedError('NO_FREE_PORT', `no port for the feeder of ${this.#options.name}`));
      });
    });
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
          'the feeder of an RTSP stream sent what cannot be read',
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
    // Anyone on this machine may connect to the port; only our ffmpeg knows the path.
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

/** A publisher's description made one for players: addresses neutral, control URLs relative to ours. */
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
