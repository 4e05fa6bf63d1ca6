import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { EmbeddedError } from './service.ts';
import type { RtspServer, RtspServerOptions, RtspStreamOptions, RtspStreamStats } from './rtsp-server.types.ts';
import { RtspFeeder } from './rtsp-feeder.ts';
import { RtspSession } from './rtsp-session.ts';
import type { PlayableStream } from './rtsp-session.ts';
import { listen } from './tcp.ts';

export type { RtspServer, RtspServerOptions, RtspStreamOptions, RtspStreamStats } from './rtsp-server.types.ts';

const MAX_CLIENTS = 512;
const MAX_BACKLOG = 4 * 1024 * 1024;

/** One path: a feeder and the sessions that play it. */
class Stream implements PlayableStream {
  readonly name: string;
  readonly auth: PlayableStream['auth'];
  readonly redirect: PlayableStream['redirect'];
  readonly absoluteControl: boolean;
  readonly feeder: RtspFeeder;
  readonly sessions = new Set<RtspSession>();
  paused = false;
  packets = 0;
  droppedSlow = 0;

  constructor(options: RtspStreamOptions, server: RtspServerOptions) {
    this.name = options.name;
    this.auth = options.auth ?? null;
    this.redirect = options.redirect ?? null;
    this.absoluteControl = options.absoluteControl ?? false;
    this.feeder = new RtspFeeder({
      name: options.name,
      file: options.file,
      ffmpeg: server.ffmpeg,
      log: server.log,
      onPacket: (payload, isRtp) => this.#send(payload, isRtp),
      // A new RTP sequence follows, which no player expects: they must reconnect, as with a camera that restarts.
      onGap: () => this.dropClients(),
    });
  }

  describe(): Promise<string> {
    return this.feeder.describe();
  }

  join(session: RtspSession): void {
    this.sessions.add(session);
  }

  dropClients(): number {
    const dropped = [...this.sessions];
    for (const session of dropped) session.drop();
    this.sessions.clear();
    return dropped.length;
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (!paused) for (const session of this.sessions) session.awaitKeyframe();
  }

  stats(): RtspStreamStats {
    return {
      feeder: this.feeder.state(),
      feederPid: this.feeder.pid(),
      feederRestarts: this.feeder.restarts(),
      playing: this.sessions.size,
      paused: this.paused,
      packets: this.packets,
      droppedSlow: this.droppedSlow,
    };
  }

  #send(payload: Buffer, isRtp: boolean): void {
    this.packets += 1;
    if (this.paused) return;
    for (const session of this.sessions) {
      if (session.send(payload, isRtp)) continue;
      this.droppedSlow += 1;
      this.sessions.delete(session);
    }
  }
}

/**
 * Serves H.264 files as endless live streams `rtsp://host:port/name`. A stream's ffmpeg starts with its first client
 * and then stays. A client gets its first picture with the next keyframe.
 * @throws {EmbeddedError} `BAD_STREAM` for names that are invalid or used twice, `NO_FREE_PORT` when it cannot listen
 */
export async function startRtspServer(options: RtspServerOptions): Promise<RtspServer> {
  const host = options.host ?? '127.0.0.1';
  const streams = new Map<string, Stream>();
  for (const stream of options.streams) {
    if (!/^[\w-]{1,64}$/.test(stream.name) || streams.has(stream.name)) {
      throw new EmbeddedError(
        'BAD_STREAM',
        `stream name ${JSON.stringify(stream.name)} must be 1 to 64 letters, digits, "-" or "_", and given once`,
        { stream: stream.name },
      );
    }
    streams.set(stream.name, new Stream(stream, options));
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    if (sockets.size >= (options.maxClients ?? MAX_CLIENTS)) {
      socket.end('RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\n\r\n');
      socket.on('error', () => socket.destroy());
      return;
    }
    sockets.add(socket);
    const session = new RtspSession({
      socket,
      id: randomBytes(8).toString('hex'),
      find: (name) => streams.get(name) ?? null,
      maxBacklog: options.maxClientBacklog ?? MAX_BACKLOG,
      onFault: (stream, why) => options.log.warn({ stream, client: socket.remoteAddress }, `RTSP client ended: ${why}`),
    });
    socket.on('close', () => {
      sockets.delete(socket);
      for (const stream of streams.values()) stream.sessions.delete(session);
    });
  });
  const port = await listen(server, host, options.port ?? 0, 'the RTSP server');

  const known = (name: string): Stream => {
    const stream = streams.get(name);
    if (stream === undefined)
      throw new EmbeddedError(
        'BAD_STREAM',
        `no stream is called ${JSON.stringify(name)}; there are: ${[...streams.keys()].join(', ')}`,
        { stream: name },
      );
    return stream;
  };
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await Promise.all([...streams.values()].map((stream) => stream.feeder.stop()));
    await closed;
  };
  let stopping: Promise<void> | null = null;
  return {
    host,
    port,
    url: (name) => `rtsp://${host}:${port}/${known(name).name}`,
    clients: (name) => known(name).sessions.size,
    stats: (name) => known(name).stats(),
    dropClients: (name) =>
      (name === undefined ? [...streams.values()] : [known(name)]).reduce(
        (sum, stream) => sum + stream.dropClients(),
        0,
      ),
    pause: (name) => known(name).setPaused(true),
    resume: (name) => known(name).setPaused(false),
    stop: () => (stopping ??= close()),
  };
}
