/**
 * The cameras, in a process of their own: one RTSP server (RFC 2326, TCP interleaved), a path for each camera. Each
 * sends a picture of the prepared film every 40 ms, in one write. Its argument is the path of the film; any message
 * asks it for its figures.
 */
import { createServer, type Socket } from 'node:net';
import {
  formatResponse,
  interleavedChannels,
  RtspParser,
  type RtspRequest,
  streamName,
} from '../../src/embedded/rtsp-wire.ts';
import { listen } from '../../src/embedded/tcp.ts';
import { monotonicMs } from '../../src/runtime/clock.ts';
import { readFilm } from './film.ts';
import { cameraOf, dueMs, FILM_FRAMES, frameAt } from './loop.ts';
import type { ServerFigures, ServerStarted } from './orders.ts';

const TICK_MS = 5;
/** Unsent bytes at which a client misses pictures, up to the next keyframe. */
const MOST_BACKLOG = 1_000_000;
const SESSION = { Session: '1;timeout=60' };
const METHODS = 'OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN';

interface Client {
  readonly socket: Socket;
  camera: number | null;
  isSetUp: boolean;
  /** The next picture's number; null while it does not play. */
  next: number | null;
  skips: boolean;
}

const film = await readFilm(process.argv[2] ?? '');
const clients = new Set<Client>();
let played = 0;
let sent = 0;
let skipped = 0;
let latestMs = 0;
const beganAt = monotonicMs();
const now = (): number => monotonicMs() - beganAt;

const server = createServer({ noDelay: true }, serve);
const port = await listen(server, '127.0.0.1', 0, 'the cameras');
setInterval(tick, TICK_MS);
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const figures: ServerFigures = {
    playing: [...clients].filter(({ next }) => next !== null).length,
    played,
    sent,
    skipped,
    latestMs,
    cpuSeconds: (user + system) / 1e6,
  };
  latestMs = 0;
  process.send?.(figures);
});
const started: ServerStarted = { port, beganAt };
process.send?.(started);

function serve(socket: Socket): void {
  const client: Client = { socket, camera: null, isSetUp: false, next: null, skips: false };
  const parser = new RtspParser();
  clients.add(client);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clients.delete(client));
  socket.on('data', (chunk) => {
    try {
      // Packets of a client are RTCP reports, which are not used.
      for (const message of parser.push(chunk)) if (message.kind === 'request') answer(client, message);
    } catch {
      socket.destroy();
    }
  });
}

function answer(client: Client, request: RtspRequest): void {
  const camera = cameraOf(streamName(request.url));
  const reply = (status: number, headers = {}, body = ''): void =>
    void client.socket.write(formatResponse(status, request, headers, body));
  if (request.method === 'OPTIONS') return reply(200, { Public: METHODS });
  if (camera === null) return reply(404);
  switch (request.method) {
    case 'DESCRIBE': {
      const base = request.url.replace(/\/?$/u, '/');
      return reply(200, { 'Content-Type': 'application/sdp', 'Content-Base': base }, film.sdp);
    }
    case 'SETUP': {
      // The packets are prepared for channel 0.
      if (interleavedChannels(request.headers.get('transport') ?? '')?.[0] !== 0) return reply(461);
      client.isSetUp = true;
      return reply(200, { ...SESSION, Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' });
    }
    case 'PLAY':
      if (!client.isSetUp) return reply(455);
      reply(200, { ...SESSION, Range: 'npt=now-' });
      client.camera = camera;
      client.next = frameAt(camera, now()) + 1;
      played += 1;
      return;
    case 'GET_PARAMETER':
      return reply(200, SESSION);
    case 'TEARDOWN':
      reply(200, SESSION);
      client.socket.end();
      return;
    default:
      return reply(405, { Allow: METHODS });
  }
}

function tick(): void {
  const at = now();
  for (const client of clients) {
    const { camera } = client;
    if (camera === null || client.next === null) continue;
    let due = dueMs(camera, client.next);
    while (due <= at) {
      latestMs = Math.max(latestMs, at - due);
      send(client, client.next);
      client.next += 1;
      due = dueMs(camera, client.next);
    }
  }
}

function send(client: Client, frame: number): void {
  const loop = Math.floor(frame / FILM_FRAMES);
  const picture = film.frames[frame % FILM_FRAMES];
  const { socket } = client;
  if (picture === undefined || !socket.writable) return;
  if (picture.isKeyframe) client.skips = false;
  client.skips ||= socket.writableLength > MOST_BACKLOG;
  if (client.skips) {
    skipped += 1;
    return;
  }
  socket.write(picture.prepare(loop, film.packets));
  sent += 1;
}
