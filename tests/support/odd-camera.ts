import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { LoginDesk } from './camera-login.ts';
import { CameraSession } from './odd-camera-session.ts';
import type { CameraRequest, Habits, OddCamera, OddCameraOptions } from './odd-camera.types.ts';

export type { CameraRequest, Habits, OddCamera, OddCameraOptions } from './odd-camera.types.ts';

/** What all connections of one camera share. */
export class CameraBody {
  readonly options: OddCameraOptions;
  habits: Habits;
  readonly born = Date.now();
  readonly requests: CameraRequest[] = [];
  readonly answers: string[] = [];
  readonly reports: Buffer[] = [];
  readonly sessions = new Set<CameraSession>();
  /** Ends of sessions that were cut without TEARDOWN, epoch ms. */
  lingering: number[] = [];
  punches = 0;
  /** Pictures sent by `send`. */
  sent = 0;
  #desk: LoginDesk | null = null;

  constructor(options: OddCameraOptions) {
    this.options = options;
    this.habits = options;
  }

  get desk(): LoginDesk | null {
    const { login } = this.habits;
    if (login === undefined) return null;
    return (this.#desk ??= new LoginDesk(login));
  }

  forgetLogin(): void {
    this.#desk = null;
  }

  /** Number of the picture that a live film shows now. */
  get position(): number {
    return Math.floor(((Date.now() - this.born) * this.options.film.fps) / 1000);
  }

  get openSessions(): number {
    this.lingering = this.lingering.filter((until) => until > Date.now());
    return [...this.sessions].filter((session) => session.isSetUp).length + this.lingering.length;
  }
}

/**
 * A small RTSP camera that misbehaves on request, for tests: one video track over TCP or UDP, one path (any). Its
 * clock is the machine's.
 */
export async function startOddCamera(options: OddCameraOptions): Promise<OddCamera> {
  const body = new CameraBody(options);
  const { host = '127.0.0.1', port = 0, tls, pace = 'live' } = options;
  const onSocket = (socket: Socket): void => {
    const session = new CameraSession(body, socket);
    body.sessions.add(session);
    socket.once('close', () => body.sessions.delete(session));
  };
  const server: Server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
  // A client that doesn't trust the certificate.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const place = `${host.includes(':') ? `[${host}]` : host}:${bound}`;
  const timer = pace === 'live' ? setInterval(() => tick(body), Math.max(4, 500 / options.film.fps)) : undefined;
  return {
    url: `${tls === undefined ? 'rtsp' : 'rtsps'}://${place}/live`,
    port: bound,
    requests: body.requests,
    answers: body.answers,
    reports: body.reports,
    get punches() {
      return body.punches;
    },
    get playing() {
      return [...body.sessions].filter((session) => session.isPlaying).length;
    },
    get sessions() {
      return body.openSessions;
    },
    get connections() {
      return body.sessions.size;
    },
    set: (habits) => {
      body.habits = { ...body.habits, ...habits };
      if ('login' in habits) body.forgetLogin();
    },
    send: (count = 1) => {
      for (let picture = 0; picture < count; picture += 1) {
        for (const session of body.sessions) session.show(body.sent);
        body.sent += 1;
      }
    },
    write: (bytes) => {
      for (const session of body.sessions) session.write(bytes);
    },
    drop: () => {
      for (const session of body.sessions) session.drop();
    },
    renewNonce: () => body.desk?.renewNonce(),
    stop: async () => {
      clearInterval(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of body.sessions) session.drop();
      await closed;
    },
  };
}

function tick(body: CameraBody): void {
  const now = body.position;
  for (const session of body.sessions) session.catchUp(now);
}
