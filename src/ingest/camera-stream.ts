import type { DecodedPicture, Decoders, Size } from '../decoding/decoding.types.ts';
import type { OpenRtsp, RtspStream, SessionEnd } from '../rtsp/rtsp.types.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { RecentMost } from '../runtime/recent-most.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import type { AnalysisWindow } from './analysis-window.ts';
import { type DecodeTimes, DuePictures, type DueCounts } from './due-pictures.ts';
import type { MakeMuxer } from './live-tap.ts';
import { reconnectPauseMs, silenceLimitMs } from './reconnect.ts';
import { phaseOf, Sampler } from './sampler.ts';
import { type Attempt, newAttempt } from './stream-attempt.ts';
import { playingStatus, type Status, StatusTeller } from './stream-status.ts';
import type { StreamSettings, StreamState } from './stream.types.ts';
import { TapSocket } from './tap-socket.ts';
import { type RingOptions, UnitRing } from './unit-ring.ts';

/** Everything that the streams of all cameras share. */
export interface StreamParts {
  readonly clock: Clock;
  readonly log: Pick<ActorLog, 'warn'>;
  readonly openRtsp: OpenRtsp;
  readonly decoders: Pick<Decoders, 'picture' | 'forget'>;
  readonly window: AnalysisWindow;
  readonly muxer: MakeMuxer;
  readonly ring: RingOptions;
  /** A number that no session had before. */
  readonly nextStream: () => number;
  readonly counts: StreamCounts;
}

/** Of all cameras, since the start. */
export interface StreamCounts extends DueCounts {
  bytes: number;
  packetsLost: number;
  /** Damaged, or without the keyframe that they need. */
  picturesDropped: number;
}

/** How a camera is followed. */
export interface Wish {
  readonly settings: StreamSettings;
  readonly intervalMs: number;
  /** Largest size of its pictures. */
  readonly fit: Size;
}

export interface CameraStreamOptions extends StreamParts {
  readonly cameraId: string;
  readonly wish: Wish;
  readonly onPicture: (picture: DecodedPicture, at: number, times: DecodeTimes) => void;
  readonly onStatus: (status: Status) => void;
}

/** An attempt that is neither playing nor over after so long is given up; the client's own limits are shorter. */
const OPENING_LIMIT_MS = 120_000;
/** Packets without anything that can be decoded: a keyframe may be that late. */
const KEYFRAME_LIMIT_MS = 120_000;
/** Distances of pictures are remembered this long. */
const DISTANCE_MEMORY_MS = 60_000;
/** A clock that goes back further was set anew. */
const CLOCK_STEP_MS = 1_000;
/** So few units tell nothing about the distances of pictures. */
const FEW_UNITS = 2;
const LEAST_KEEP_ALIVE_MS = 2_000;
/** No word about a missing picture before. */
const LEAST_PATIENCE_MS = 10_000;

/**
 * The stream of one camera: keeps a session open, with growing pauses after failures, fills the ring, has the due
 * pictures decoded, feeds the live tap, and tells the camera's status. Call `tick` about once a second.
 */
export class CameraStream {
  readonly #options: CameraStreamOptions;
  readonly #status: StatusTeller;
  readonly #sampler: Sampler;
  readonly #due: DuePictures;
  readonly #tap: TapSocket;
  readonly #distances = new RecentMost(DISTANCE_MEMORY_MS);
  readonly ring: UnitRing;
  #wish: Wish;
  #attempt: Attempt | null = null;
  /** The end of the last session. */
  #closing: Promise<void> = Promise.resolve();
  #failures = 0;
  /** Learned from a camera that ends sessions before their time-out. */
  #keepAliveMs: number | null = null;
  #retry: TimerHandle | null = null;
  #keyframesEveryMs: number | null = null;
  #shortSeconds: number | null = null;
  #tickAt = -Infinity;
  #stopped = false;

  constructor(options: CameraStreamOptions) {
    const { clock, wish, cameraId, decoders, window, counts } = options;
    this.#options = options;
    this.#wish = wish;
    this.ring = new UnitRing(options.ring);
    this.ring.begin(options.nextStream());
    this.#status = new StatusTeller(clock, options.onStatus);
    this.#sampler = new Sampler(wish.intervalMs, phaseOf(cameraId));
    this.#due = new DuePictures({
      clock,
      cameraId,
      ring: this.ring,
      sampler: this.#sampler,
      decoders,
      window,
      counts,
      fit: () => this.#wish.fit,
      onPicture: (picture, at, times) => this.#onPicture(picture, at, times),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#tap = new TapSocket(options, () => this.ring.sinceKeyframe()?.units ?? []);
    this.#tap.listenAt(wish.settings.previewSocket);
    this.#start();
  }

  get state(): StreamState {
    return this.#status.state ?? 'connecting';
  }

  get codec(): RtspStream['codec'] | null {
    return this.#attempt?.stream?.codec ?? null;
  }

  get intervalMs(): number {
    return this.#wish.intervalMs;
  }

  get fit(): Size {
    return this.#wish.fit;
  }

  get status(): Pick<StatusTeller, 'repeat' | 'mute'> {
    return this.#status;
  }

  /** Takes new settings. Reconnects only when they change how the camera is read. */
  follow(wish: Wish): void {
    const isSameSource = sourceOf(wish.settings) === sourceOf(this.#wish.settings);
    this.#wish = wish;
    this.#sampler.intervalMs = wish.intervalMs;
    this.#tap.listenAt(wish.settings.previewSocket);
    if (isSameSource || this.#stopped) return;
    this.#endAttempt();
    this.ring.clear();
    this.#options.decoders.forget(this.#options.cameraId);
    this.#failures = 0;
    this.#keepAliveMs = null;
    this.#start();
  }

  /** Looks for a dead session and tells what changes with time. */
  tick(): void {
    const now = this.#options.clock.now();
    const isSetBack = now < this.#tickAt - CLOCK_STEP_MS;
    this.#tickAt = now;
    // The times of units only grow: no picture would be due until the clock is where it was.
    if (isSetBack) this.ring.clear();
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#count(attempt);
    const fault = isSetBack ? 'the clock of this machine was set back' : this.#faultOf(attempt, now);
    if (fault !== null) {
      // A camera with a picture in twenty seconds looks dead until its distances are known.
      if (attempt.units <= FEW_UNITS) this.#distances.add(now - attempt.unitAt, now);
      this.#lose(attempt, fault, null);
    } else if (attempt.stream !== null) this.#tellPlaying(attempt, attempt.stream, now);
  }

  /** Ends the session, with TEARDOWN, and everything that waits for this camera. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#status.mute();
    this.#due.stop();
    this.#endAttempt();
    this.ring.close();
    this.#options.decoders.forget(this.#options.cameraId);
    await Promise.all([this.#closing, this.#tap.close()]);
  }

  #start(): void {
    this.#retry = null;
    const attempt = newAttempt(this.#options.clock.now());
    this.#attempt = attempt;
    const again = this.#failures === 0 ? '' : ` again, attempt ${this.#failures + 1}`;
    this.#status.now({ state: 'connecting', message: `opening the stream${again}` });
    // A camera with room for one session has to see the end of the last one first.
    void this.#closing.then(() => this.#open(attempt));
  }

  #open(attempt: Attempt): void {
    if (attempt !== this.#attempt) return;
    const { openRtsp, clock } = this.#options;
    const { url, allow, transport, certificateSha256 } = this.#wish.settings;
    const session = openRtsp({
      url,
      allow,
      transport,
      certificateSha256,
      keepAliveMs: this.#keepAliveMs,
      clock,
      onPlaying: (stream) => this.#onPlaying(attempt, stream),
      onUnit: (unit) => this.#onUnit(attempt, unit),
      onEnd: (end) => this.#lose(attempt, end.message, end),
    });
    attempt.session = session;
  }

  #onPlaying(attempt: Attempt, stream: RtspStream): void {
    if (attempt !== this.#attempt) return;
    const now = this.#options.clock.now();
    attempt.stream = stream;
    attempt.playingSince = now;
    attempt.unitAt = now;
    attempt.heldAt = now;
    this.ring.begin(this.#options.nextStream());
    this.#sampler.restart();
    this.#tap.restart();
    this.#tellPlaying(attempt, stream, now);
  }

  #onUnit(attempt: Attempt, unit: AccessUnit): void {
    if (attempt !== this.#attempt) return;
    const now = this.#options.clock.now();
    this.#distances.add(now - attempt.unitAt, now);
    attempt.unitAt = now;
    attempt.units += 1;
    const held = this.ring.push(unit);
    if (held === null) return;
    attempt.heldAt = now;
    this.#tap.push(held);
    this.#due.onUnit(held);
  }

  #onPicture(picture: DecodedPicture, at: number, times: DecodeTimes): void {
    this.#options.onPicture(picture, at, times);
    const attempt = this.#attempt;
    if (attempt === null || attempt.stream === null) return;
    const isNews = attempt.picture === null || attempt.failures > 0 || !isSameSize(attempt.picture.display, picture);
    attempt.picture = { display: picture.display, at: this.#options.clock.now() };
    attempt.failures = 0;
    this.#failures = 0;
    if (isNews) this.#tellPlaying(attempt, attempt.stream, this.#options.clock.now());
  }

  #onFailure(error: Error): void {
    const attempt = this.#attempt;
    if (attempt === null || attempt.stream === null) return;
    attempt.failures += 1;
    attempt.failure = error.message;
    this.#tellPlaying(attempt, attempt.stream, this.#options.clock.now());
  }

  /** Why this attempt is given up; null while it is well. */
  #faultOf(attempt: Attempt, now: number): string | null {
    const { session, stream, openedAt, playingSince, heldAt } = attempt;
    if (stream === null) return now - openedAt > OPENING_LIMIT_MS ? `no answer for ${OPENING_LIMIT_MS / 1000} s` : null;
    const silence = now - Math.max(session?.lastPacketAt ?? 0, playingSince);
    const limit = silenceLimitMs(this.#distances.most(now), now - playingSince);
    if (silence > limit) return `no video came for ${Math.round(silence / 1000)} s`;
    return now - heldAt > KEYFRAME_LIMIT_MS ? `no keyframe came for ${KEYFRAME_LIMIT_MS / 1000} s` : null;
  }

  #lose(attempt: Attempt, reason: string, end: SessionEnd | null): void {
    if (attempt !== this.#attempt) return;
    if (end?.code === 'ENDED' && attempt.stream !== null) {
      const livedMs = this.#options.clock.now() - attempt.playingSince;
      this.#keepAliveMs = Math.max(LEAST_KEEP_ALIVE_MS, Math.min(livedMs / 2, this.#keepAliveMs ?? Infinity));
    }
    this.#endAttempt();
    const pauseMs = reconnectPauseMs(this.#failures, end?.retryAfterMs ?? null);
    this.#failures += 1;
    const message = `${reason}; next attempt in ${(pauseMs / 1000).toFixed(1)} s`;
    this.#status.now({ state: 'offline', message });
    this.#retry = this.#options.clock.setTimeout(() => this.#start(), pauseMs);
  }

  #endAttempt(): void {
    if (this.#retry !== null) this.#options.clock.clearTimeout(this.#retry);
    this.#retry = null;
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    this.#count(attempt);
    const ending = attempt.session?.stop().catch(() => undefined);
    if (ending !== undefined) this.#closing = Promise.all([this.#closing, ending]).then(() => undefined);
  }

  #count(attempt: Attempt): void {
    const { session, counted } = attempt;
    if (session === null) return;
    const { counts } = this.#options;
    counts.bytes += session.bytes - counted.bytes;
    counts.packetsLost += session.lost - counted.lost;
    counts.picturesDropped += session.droppedPictures - counted.dropped;
    attempt.counted = { bytes: session.bytes, lost: session.lost, dropped: session.droppedPictures };
  }

  #tellPlaying(attempt: Attempt, stream: RtspStream, now: number): void {
    const { keyframes } = this.#sampler;
    // Small changes are not worth a message.
    if (keyframes.count >= 3) this.#keyframesEveryMs = steady(this.#keyframesEveryMs, keyframes.meanMs);
    this.#shortSeconds = steady(this.#shortSeconds, this.ring.isShort ? this.ring.keptSeconds : null);
    const { playingSince, picture, failures, failure } = attempt;
    const status = playingStatus(
      {
        stream,
        playingSince,
        keyframeAt: keyframes.lastAt,
        keyframesEveryMs: this.#keyframesEveryMs,
        picture,
        failures,
        failure,
        shortSeconds: this.#shortSeconds,
        patienceMs: Math.max(LEAST_PATIENCE_MS, 3 * this.#wish.intervalMs, 3 * this.#distances.most(now)),
      },
      now,
    );
    this.#status.set(status);
  }
}

/** The settings that a session is opened with. */
const sourceOf = ({ url, transport, certificateSha256, allow }: StreamSettings): string =>
  JSON.stringify([url, transport, certificateSha256, allow]);

const isSameSize = (a: Size, { display: b }: DecodedPicture): boolean => a.width === b.width && a.height === b.height;

/** `now`, unless it is within a third of `told`. */
const steady = (told: number | null, now: number | null): number | null =>
  told !== null && now !== null && Math.abs(now - told) <= told / 3 ? told : now;
