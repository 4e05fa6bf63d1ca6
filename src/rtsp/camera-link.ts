import type { Socket } from 'node:net';
import type { Resolver } from '../infra/names.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import { dialCamera } from './camera-connection.ts';
import { type CameraPlace, requestUrl } from './camera-url.ts';
import { PlayDialogue, type Step } from './play-dialogue.ts';
import { ReceiveSlab } from './receive-slab.ts';
import { RtcpReports } from './rtcp-reports.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import type { RtspStream, RtspTransport, SessionEnd } from './rtsp.types.ts';
import { SessionDeadlines } from './session-deadlines.ts';
import { sessionEnd } from './session-ends.ts';
import type { TrackTransport } from './transport-header.ts';
import { sourceAddress } from '../infra/source-policy.ts';
import { UdpPair } from './udp-pair.ts';
import type { VideoTrack } from './video-description.ts';
import { WireReader } from './wire-reader.ts';

export interface LinkOptions {
  readonly place: CameraPlace;
  readonly transport: RtspTransport;
  readonly certificateSha256: string | null;
  readonly keepAliveMs: number | null;
  readonly clock: Clock;
  readonly names?: Resolver | undefined;
  /** Once, before the first unit. */
  readonly onPlaying: (stream: RtspStream) => void;
  readonly onUnit: (unit: AccessUnit) => void;
  /** The camera wants to be read elsewhere. The link is over, as after `onEnd`. */
  readonly onRedirect: (location: string) => void;
  readonly onEnd: (end: SessionEnd) => void;
}

const TICK_MS = 250;
/** Unsent bytes at which a camera is given up: a request has a few hundred. */
const MAX_UNREAD = 256 * 1024;
/** How long a camera has to answer TEARDOWN. */
const GOODBYE_MS = 800;

/** One connection to one camera, from dialling to TEARDOWN. It begins at once and ends once, by `onEnd` or `leave`. */
export class CameraLink {
  readonly #options: LinkOptions;
  readonly #dialogue: PlayDialogue;
  readonly #deadlines = new SessionDeadlines();
  readonly #reports = new RtcpReports();
  readonly #unwanted = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #reader: WireReader;
  #socket: Socket | null = null;
  #udp: UdpPair | null = null;
  #receiver: RtpReceiver | null = null;
  #track: VideoTrack | null = null;
  #transport: TrackTransport | null = null;
  #timer: TimerHandle | null = null;
  #isPlaying = false;
  /** Nothing is reported any more; TEARDOWN may be under way. */
  #isOver = false;
  #fault: string | null = null;
  #lastPacketAt: number | null = null;
  #bytes = 0;
  #now = 0;

  constructor(options: LinkOptions) {
    const { place, transport } = options;
    this.#options = options;
    this.#dialogue = new PlayDialogue({
      url: requestUrl(place.url),
      credentials: place.credentials,
      transport,
      tls: sourceAddress(place.url).tls,
    });
    this.#reader = new WireReader({
      onMessage: (message) => this.#perform(this.#dialogue.receive(message)),
      onPacket: (channel, packet) => this.#onInterleaved(channel, packet),
    });
    void this.#open();
  }

  get lastPacketAt(): number | null {
    return this.#lastPacketAt;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lost(): number {
    return this.#receiver?.stats.lost ?? 0;
  }

  get droppedPictures(): number {
    return this.#receiver?.droppedPictures ?? 0;
  }

  /** Ends the session at the camera and closes all sockets. Resolves within 1 s. Nothing is reported afterwards. */
  leave(): Promise<void> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#sayGoodbye();
    }
    return this.#closed.promise;
  }

  async #open(): Promise<void> {
    const { place, certificateSha256, clock, names } = this.#options;
    const signal = this.#unwanted.signal;
    const slab = new ReceiveSlab(() => this.#receiver?.isHolding === true);
    const { socket, end } = await dialCamera({ url: place.url, certificateSha256, clock, names, signal, slab });
    if (this.#isOver || socket === null) {
      socket?.destroy();
      if (end !== null) this.#end(end);
      this.#closed.resolve();
      return;
    }
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#fault = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    });
    socket.once('close', () => this.#onClosed());
    slab.onChunk = (chunk) => this.#receive(chunk);
    this.#tick();
    this.#perform(this.#dialogue.start());
  }

  #tick(): void {
    const { clock } = this.#options;
    if (this.#isOver) return;
    const now = clock.now();
    const due = this.#deadlines.due(now);
    if ('code' in due) {
      this.#end(due);
      return;
    }
    if (due.includes('keep-alive')) this.#perform(this.#dialogue.keepAlive());
    if (due.includes('report')) this.#sendReport(now);
    this.#timer = clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  #receive(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#now = this.#options.clock.now();
    this.#guard(() => this.#reader.push(chunk));
  }

  /** Whatever a camera's bytes bring about ends this camera's session, and no other. */
  #guard(read: () => void): void {
    try {
      read();
    } catch (thrown) {
      this.#end(sessionEnd('BROKEN', `the camera's bytes cannot be read: ${asError(thrown).message}`));
      // The rest of a connection that cannot be read holds no answer either.
      this.#socket?.destroy();
    }
  }

  #onInterleaved(channel: number, packet: Buffer): void {
    const transport = this.#transport;
    if (transport?.kind !== 'tcp') return;
    if (channel === transport.rtp) this.#onPacket(true, packet);
    else if (channel === transport.rtcp) this.#onPacket(false, packet);
  }

  #onPacket(isRtp: boolean, packet: Buffer): void {
    if (this.#isOver || this.#receiver === null) return;
    if (!isRtp) {
      if (this.#reports.receive(packet, this.#now)) this.#end(sessionEnd('ENDED', 'the camera ended the stream'));
      return;
    }
    this.#lastPacketAt = this.#now;
    this.#deadlines.packetCame(this.#now);
    if (!this.#isPlaying) this.#perform(this.#dialogue.packetCame());
    // A packet before PLAY is none of ours.
    if (this.#isPlaying) this.#receiver.push(packet, this.#now);
  }

  #perform(steps: readonly Step[]): void {
    for (const step of steps) this.#take(step);
    this.#deadlines.awaiting(this.#dialogue.awaited, this.#options.clock.now());
  }

  #take(step: Step): void {
    switch (step.do) {
      case 'send':
        this.#send(step.bytes);
        return;
      case 'left':
        this.#socket?.destroySoon();
        return;
      case 'bind-udp':
        if (!this.#isOver) void this.#bindUdp();
        return;
      case 'receive':
        this.#prepare(step.track, step.transport);
        return;
      case 'played':
        this.#play(step.keepAliveMs);
        return;
      case 'redirect':
        if (this.#finish()) this.#options.onRedirect(step.location);
        return;
      case 'end':
        this.#end(step.end);
    }
  }

  #send(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket?.writable !== true) return;
    if (socket.writableLength + bytes.length > MAX_UNREAD) {
      this.#end(sessionEnd('BROKEN', 'the camera does not read its requests'));
      socket.destroy();
    } else socket.write(bytes);
  }

  async #bindUdp(): Promise<void> {
    const { localAddress, remoteAddress } = this.#socket ?? {};
    if (localAddress === undefined || remoteAddress === undefined) return;
    try {
      const pair = await UdpPair.bind({
        localAddress,
        cameraAddress: remoteAddress,
        onPacket: (isRtp, packet) => this.#onDatagram(isRtp, packet),
      });
      this.#udp?.close();
      this.#udp = pair;
      if (this.#isOver) this.#closeUdp();
      else this.#perform(this.#dialogue.udpBound(pair.ports));
    } catch (thrown) {
      this.#end(sessionEnd('UNREACHABLE', `packets by UDP cannot be received: ${asError(thrown).message}`));
    }
  }

  #onDatagram(isRtp: boolean, packet: Buffer): void {
    this.#bytes += packet.length;
    this.#now = this.#options.clock.now();
    this.#guard(() => this.#onPacket(isRtp, packet));
  }

  #prepare(track: VideoTrack, transport: TrackTransport): void {
    if (this.#isOver) return;
    this.#track = track;
    this.#transport = transport;
    this.#receiver = new RtpReceiver(track, { reorder: transport.kind === 'udp', onUnit: this.#options.onUnit });
    if (transport.kind === 'tcp') {
      this.#reader.expect([transport.rtp, transport.rtcp]);
      this.#closeUdp();
    } else if (transport.serverPorts !== null) this.#udp?.punch(transport.serverPorts);
  }

  #play(keepAliveMs: number): void {
    const [track, transport] = [this.#track, this.#transport];
    if (this.#isOver || track === null || transport === null) return;
    this.#isPlaying = true;
    const pauseMs = Math.min(keepAliveMs, this.#options.keepAliveMs ?? Infinity);
    this.#deadlines.played(transport.kind, pauseMs, this.#options.clock.now());
    this.#options.onPlaying({ codec: track.codec, transport: transport.kind });
  }

  #sendReport(now: number): void {
    const [transport, receiver] = [this.#transport, this.#receiver];
    const report = receiver === null ? null : this.#reports.report(receiver.stats, now);
    if (report === null || transport === null) return;
    if (transport.kind === 'udp') this.#udp?.sendReport(report, transport.serverPorts?.[1] ?? 0);
    else this.#send(Buffer.concat([Buffer.from([0x24, transport.rtcp, 0, report.length]), report]));
  }

  #onClosed(): void {
    this.#closeUdp();
    this.#stopTimer();
    const during = this.#dialogue.awaited;
    const why = this.#fault === null ? '' : ` (${this.#fault})`;
    if (this.#isPlaying && this.#fault === null) this.#end(sessionEnd('ENDED', 'the camera closed the connection'));
    else {
      const when = during === null ? '' : ` instead of answering ${during}`;
      this.#end(sessionEnd('UNREACHABLE', `the camera closed the connection${when}${why}`));
    }
    this.#closed.resolve();
  }

  #end(end: SessionEnd): void {
    if (this.#finish()) this.#options.onEnd(end);
  }

  /** False when the link was over already. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#sayGoodbye();
    return true;
  }

  #sayGoodbye(): void {
    const { clock } = this.#options;
    this.#stopTimer();
    this.#closeUdp();
    this.#unwanted.abort();
    const socket = this.#socket;
    if (socket === null) {
      this.#closed.resolve();
      return;
    }
    if (socket.destroyed) return;
    this.#timer = clock.setTimeout(() => socket.destroy(), GOODBYE_MS);
    this.#perform(this.#dialogue.leave());
  }

  #closeUdp(): void {
    this.#udp?.close();
    this.#udp = null;
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
