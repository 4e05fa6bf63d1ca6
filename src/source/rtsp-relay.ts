import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { lookupBy, type Resolver } from '../infra/names.ts';
import { checkSource, resolveSource, type SourceAllow, sourceAddress } from '../infra/source-policy.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { localPeer } from './local-peer.ts';
import { bytesOf, credentialsOf, withoutCredentials } from '../rtsp/rtsp-auth.ts';
import { type Action, RtspDialogue } from './rtsp-dialogue.ts';
import { RtspReader } from './rtsp-reader.ts';
import { withoutSecrets } from '../rtsp/url-secrets.ts';

export interface RelayOptions {
  /** The camera's URL, with its password: rtsp or rtsps. */
  readonly url: string;
  /** Allowed targets of redirects; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  /** In ms: for name resolution and connecting together, and for each wait for data of the camera. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Default: the system's. */
  readonly names?: Resolver;
  /** The camera is lost, and ffmpeg's connection closed. Called at most once, never after `close`. */
  readonly onFault: (reason: string) => void;
}

const HOST = '127.0.0.1';
const MAX_REDIRECTS = 5;
/** Most connections open before ffmpeg's is identified. */
const MAX_GUESTS = 64;
/** Unsent bytes at which a camera is given up; ffmpeg sends a few hundred a second. */
const MAX_UNREAD = 256 * 1024;
/** Characters of a reason that are shown. */
const MAX_REASON = 200;
/** How long a camera has to read the TEARDOWN. */
const GOODBYE_MS = 500;

/**
 * Stands between one ffmpeg and one camera. ffmpeg gets a local URL, so that no process list shows the password. The
 * camera's address is resolved, checked and connected here, once; redirects are followed only to allowed places.
 * Accepts one connection, from a process of our own user that knows the path. Pictures pass through unchanged, with
 * back-pressure both ways.
 */
export class RtspRelay {
  readonly #options: RelayOptions;
  readonly #server: Server;
  readonly #guests = new Set<Socket>();
  #local: string;
  #dialogue: RtspDialogue;
  #url: string;
  #ffmpeg: Socket | null = null;
  #camera: Socket | null = null;
  /** Bytes for the camera until it is connected. */
  #waiting: Buffer[] = [];
  #redirects = 0;
  #reason: string | null = null;
  #isOver = false;

  private constructor(options: RelayOptions, server: Server, local: string) {
    this.#options = options;
    this.#server = server;
    this.#local = local;
    this.#url = options.url;
    this.#dialogue = new RtspDialogue(local, requestUrl(options.url), credentialsOf(options.url));
    server.on('connection', (socket) => void this.#admit(socket));
  }

  /** Listens for one ffmpeg. Rejects when no local port can be had. */
  static async open(options: RelayOptions): Promise<RtspRelay> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, HOST);
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return new RtspRelay(options, server, `rtsp://${HOST}:${port}/${randomBytes(16).toString('hex')}`);
  }

  /** For ffmpeg; good for one connection. */
  get url(): string {
    return this.#local;
  }

  /** Why there is no stream, for people; null while unknown. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Ends both connections, with a TEARDOWN to the camera. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopListening();
    this.#ffmpeg?.destroy();
    const camera = this.#camera;
    const goodbye = this.#dialogue.teardown();
    if (camera === null || goodbye === null || !camera.writable) camera?.destroy();
    else {
      camera.end(goodbye);
      camera.resume();
      const timer = this.#options.clock.setTimeout(() => camera.destroy(), GOODBYE_MS);
      camera.once('close', () => this.#options.clock.clearTimeout(timer));
    }
  }

  #fault(reason: string): void {
    if (this.#isOver) return;
    this.#reason ??= this.#forPeople(reason);
    this.close();
    this.#camera?.destroy();
    this.#options.onFault(this.#reason);
  }

  /** A camera may quote its request. Secrets are removed before the text is cut, so that no half of one remains. */
  #forPeople(reason: string): string {
    return withoutSecrets(this.#options.url)(reason).slice(0, MAX_REASON);
  }

  #stopListening(): void {
    this.#server.close();
    for (const guest of this.#guests) guest.destroy();
    this.#guests.clear();
  }

  /** Accepts a connection of our own user that asks for the path that only ffmpeg knows. */
  async #admit(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    if (this.#ffmpeg !== null || this.#isOver || this.#guests.size >= MAX_GUESTS) {
      socket.destroy();
      return;
    }
    this.#guests.add(socket);
    socket.once('close', () => this.#guests.delete(socket));
    if ((await localPeer(socket)) === 'other') socket.destroy();
    if (socket.destroyed || this.#ffmpeg !== null) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const reader = new RtspReader();
    socket.on('data', (chunk) => {
      try {
        for (const item of reader.push(chunk)) {
          if (this.#ffmpeg === null && item.kind === 'message' && this.#dialogue.isOurs(item)) this.#adopt(socket);
          if (this.#ffmpeg !== socket) socket.destroy();
          else if (item.kind === 'data') this.#toCamera(item.bytes);
          else this.#perform(this.#dialogue.fromFfmpeg(item));
        }
      } catch (thrown) {
        if (this.#ffmpeg === socket) this.#fault(`ffmpeg's requests cannot be read: ${asError(thrown).message}`);
        else socket.destroy();
      }
    });
    socket.resume();
  }

  #adopt(socket: Socket): void {
    this.#ffmpeg = socket;
    this.#guests.delete(socket);
    this.#stopListening();
    socket.once('close', () => this.close());
    socket.on('drain', () => this.#camera?.resume());
    void this.#dial();
  }

  /** Connects to the camera's current URL, after a check of every address of its name. */
  async #dial(): Promise<void> {
    const { names, timeoutMs, clock } = this.#options;
    const { host, port, tls } = sourceAddress(this.#url);
    const timer = clock.setTimeout(
      () => this.#fault(`the camera at ${host}:${port} cannot be reached within ${timeoutMs / 1000} s`),
      timeoutMs,
    );
    try {
      const addresses = await resolveSource(host, names);
      if (this.#isOver) return;
      const target = { host, port, lookup: lookupBy(() => Promise.resolve(addresses)), noDelay: true };
      // Cameras sign their own certificates: TLS keeps listeners out here, not impostors.
      const socket = tls
        ? connectTls({ ...target, rejectUnauthorized: false, ...(isIP(host) === 0 ? { servername: host } : {}) })
        : connect(target);
      this.#camera = socket;
      socket.on('error', (error) =>
        this.#onCameraGone(socket, `the connection to the camera at ${host}:${port} failed: ${codeOf(error)}`),
      );
      socket.on('close', () => this.#onCameraGone(socket, 'the camera closed the connection'));
      await once(socket, tls ? 'secureConnect' : 'connect');
      this.#follow(socket, timer);
    } catch (thrown) {
      this.#fault(asError(thrown).message);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #follow(socket: Socket, timer: TimerHandle): void {
    const { timeoutMs, clock } = this.#options;
    clock.clearTimeout(timer);
    const reader = new RtspReader();
    socket.setTimeout(timeoutMs, () => {
      // A paused socket waits for ffmpeg, so silence says nothing about the camera.
      if (!socket.isPaused()) this.#onCameraGone(socket, `the camera sent nothing for ${timeoutMs / 1000} s`);
    });
    socket.on('data', (chunk) => {
      if (this.#camera !== socket || this.#isOver) return;
      try {
        for (const item of reader.push(chunk)) {
          if (this.#camera !== socket) return;
          if (item.kind === 'message') this.#perform(this.#dialogue.fromCamera(item));
          else if (this.#ffmpeg?.write(item.bytes) === false) socket.pause();
        }
      } catch (thrown) {
        this.#fault(`the camera sends invalid RTSP: ${asError(thrown).message}`);
      }
    });
    for (const bytes of this.#waiting.splice(0)) socket.write(bytes);
  }

  #onCameraGone(socket: Socket, reason: string): void {
    if (this.#camera === socket) this.#fault(reason);
  }

  #perform(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.do === 'to-camera') this.#toCamera(action.bytes);
      else if (action.do === 'to-ffmpeg') this.#ffmpeg?.write(action.bytes);
      else if (action.do === 'note') this.#reason = this.#forPeople(action.reason);
      else this.#redirect(action.location);
    }
  }

  #toCamera(bytes: Buffer): void {
    const camera = this.#camera;
    if (camera === null || camera.connecting) this.#waiting.push(bytes);
    else if (camera.writableLength + bytes.length > MAX_UNREAD) this.#fault('the camera does not read its requests');
    else camera.write(bytes);
  }

  #redirect(location: string): void {
    const target = URL.parse(location, withoutCredentials(this.#url));
    const refusal = this.#redirectRefusal(target);
    if (refusal !== null || target === null) {
      this.#fault(`the camera redirects to a forbidden address: ${refusal ?? 'no URL'}`);
      return;
    }
    // Credentials are never sent to another host.
    const isSameHost = sourceAddress(target.href).host === sourceAddress(this.#options.url).host;
    const credentials = credentialsOf(target.href) ?? (isSameHost ? credentialsOf(this.#options.url) : null);
    const old = this.#camera;
    this.#camera = null;
    old?.destroy();
    this.#url = target.href;
    this.#perform(this.#dialogue.moveTo(requestUrl(target.href), credentials));
    void this.#dial();
  }

  #redirectRefusal(target: URL | null): string | null {
    this.#redirects += 1;
    if (this.#redirects > MAX_REDIRECTS) return `it is the ${this.#redirects}th redirect in a row`;
    if (target === null) return 'that is not a URL';
    if (target.protocol !== new URL(this.#url).protocol)
      return `scheme must stay ${new URL(this.#url).protocol.slice(0, -1)}`;
    const verdict = checkSource(target.href, this.#options.allow);
    return verdict.ok ? null : verdict.reason;
  }
}

/**
 * The URL for request lines: without user and password, with its port, as ffmpeg writes it. One character for each byte
 * of UTF-8, because requests are written as Latin-1, in which U+010A would become the end of a line.
 */
export function requestUrl(url: string): string {
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z]+:\/\/)([^/?#]*)(.*)$/iu.exec(withoutCredentials(url)) ?? [];
  const { port } = sourceAddress(url);
  const host = /:\d+$/u.test(authority) ? authority : `${authority.replace(/:$/u, '')}:${port}`;
  return bytesOf(`${scheme.toLowerCase()}${host}${rest}`);
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.name);
