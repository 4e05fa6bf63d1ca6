import { type Cut, DecodeError, type DecodedPicture, type Decoders } from '../decoding/decoding.types.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import type { OpenRtsp } from '../rtsp/rtsp.types.ts';
import { AnalysisWindow } from './analysis-window.ts';
import { Burst } from './burst.ts';
import { CameraStream, type StreamCounts, type StreamParts, type Wish } from './camera-stream.ts';
import { cutClip, type MuxMp4 } from './clip.ts';
import { type DecodeTimes, newDueCounts } from './due-pictures.ts';
import type { MakeMuxer } from './live-tap.ts';
import type { Status } from './stream-status.ts';
import { type BurstOutcome, type ClipOutcome, IngestError, type StreamState } from './stream.types.ts';
import { RingBudget } from './unit-ring.ts';

export interface IngestOptions {
  readonly clock: Clock;
  readonly log: Pick<ActorLog, 'warn'>;
  readonly openRtsp: OpenRtsp;
  readonly decoders: Decoders;
  readonly muxer: MakeMuxer;
  readonly muxMp4: MuxMp4;
  /** How long a camera is read without a further `follow`, in ms. */
  readonly leaseMs: number;
  /** Coded bytes kept of one camera; undefined for the default of the ring. */
  readonly cameraBytes?: number;
  /** Coded bytes kept of all cameras together. */
  readonly allBytes: number;
  /** Pictures that are decoded or analysed at the same time, see {@link AnalysisWindow}. */
  readonly mostAnalysed: number;
  /** `times`: null for a picture of a look-back (`burst`). */
  readonly onPicture: (
    cameraId: string,
    picture: DecodedPicture,
    at: number,
    burst: boolean,
    times: DecodeTimes | null,
  ) => void;
  readonly onStatus: (cameraId: string, status: Status) => void;
}

/** A camera that is read. */
interface Followed {
  readonly stream: CameraStream;
  /** Aborted when the camera goes. */
  readonly gone: AbortController;
  /** Epoch ms. */
  expiresAt: number;
  toldAt: number;
  isLeaving: boolean;
  bursts: number;
  clips: number;
}

export interface IngestFigures {
  readonly cameras: number;
  readonly states: Readonly<Record<StreamState, number>>;
  readonly ringBytes: number;
  /** Pictures a second that all cameras together want. */
  readonly wantedPerSecond: number;
  /** Cameras whose due picture waits, as the processors are full. */
  readonly waiting: number;
  readonly counts: Readonly<StreamCounts>;
  readonly burst: Readonly<Record<'sent' | keyof BurstOutcome['missed'], number>>;
}

/** As many as the registry lists. */
const MOST_CAMERAS = 10_000;
const TICK_MS = 1_000;
/** A status is told again this often, for a registry that was restarted. */
const TELL_AGAIN_MS = 10_000;
/** A camera that is unfollowed, and followed again within this time, keeps its session. */
const LINGER_MS = 1_500;
/** Look-backs and clips that wait, of one camera and in all. */
const MOST_OF_CAMERA = 8;
const MOST_IN_ALL = 64;
/** Longest look-back and clip, and how far ahead they may end. */
const MOST_SPAN_MS = 60_000;
const MOST_AHEAD_MS = 30_000;

/** All cameras that are read here. */
export class IngestCameras {
  readonly #options: IngestOptions;
  readonly #parts: StreamParts;
  readonly #budget: RingBudget;
  readonly #window: AnalysisWindow;
  readonly #cameras = new Map<string, Followed>();
  readonly #counts: StreamCounts = { ...newDueCounts(), bytes: 0, packetsLost: 0, picturesDropped: 0 };
  readonly #burst = { sent: 0, gone: 0, undecodable: 0, overBudget: 0 };
  /** One clip is made at a time: it may take as much memory as a camera's ring. */
  #muxing: Promise<unknown> = Promise.resolve();
  #leaving: Promise<unknown> = Promise.resolve();
  #bursts = 0;
  #clips = 0;
  #streams = 0;
  #tick: TimerHandle;

  constructor(options: IngestOptions) {
    const { clock, log, openRtsp, decoders, muxer, cameraBytes, allBytes, mostAnalysed } = options;
    this.#options = options;
    this.#budget = new RingBudget(allBytes);
    this.#window = new AnalysisWindow(mostAnalysed, clock);
    this.#parts = {
      clock,
      log,
      openRtsp,
      decoders,
      window: this.#window,
      muxer,
      ring: { budget: this.#budget, ...(cameraBytes === undefined ? {} : { maxBytes: cameraBytes }) },
      nextStream: () => (this.#streams += 1),
      counts: this.#counts,
    };
    this.#tick = clock.setTimeout(() => this.#onTick(), TICK_MS);
  }

  /** Begins to read a camera, or renews its lease, with these settings from now on. */
  follow(cameraId: string, wish: Wish): void {
    const now = this.#options.clock.now();
    const known = this.#cameras.get(cameraId);
    if (known === undefined) this.#add(cameraId, wish, now);
    else {
      known.stream.follow(wish);
      known.expiresAt = now + this.#options.leaseMs;
      if (!known.isLeaving && now - known.toldAt < TELL_AGAIN_MS) return;
      known.isLeaving = false;
      known.toldAt = now;
      known.stream.status.repeat();
    }
  }

  unfollow(cameraId: string): void {
    const followed = this.#cameras.get(cameraId);
    if (followed === undefined) return;
    // Others tell its status from now on: switched off, removed.
    followed.stream.status.mute();
    followed.isLeaving = true;
    followed.expiresAt = this.#options.clock.now() + LINGER_MS;
  }

  /** See {@link AnalysisWindow.hasSpareTime}. */
  get hasSpareTime(): boolean {
    return this.#window.hasSpareTime;
  }

  /** The camera is done with its regular picture, or with that of a look-back. */
  analysed(cameraId: string, burst: boolean): void {
    if (burst) this.#window.doneWithBurst(cameraId);
    else this.#window.done(cameraId);
  }

  /** Rejects {@link IngestError} `UNKNOWN_CAMERA`, `GONE`, or as the decoders. */
  async cut(cameraId: string, at: number, cuts: readonly Cut[]): Promise<readonly DecodedPicture[]> {
    const { stream } = this.#get(cameraId);
    const { ring } = stream;
    const run = ring.upTo(at);
    const job = { cameraId, ...(run ?? { stream: ring.stream, units: [] }), continues: false, cuts };
    try {
      return await this.#options.decoders.cut({ ...job, picture: { cameraId, at } });
    } catch (thrown) {
      // The decoders keep the newest pictures of a camera longer than a small ring does.
      if (run !== null || !(thrown instanceof DecodeError) || thrown.code !== 'UNDECODABLE') throw thrown;
      const kept = `the last ${ring.keptSeconds.toFixed(0)} s of camera ${cameraId} are kept`;
      throw new IngestError('GONE', `the picture of ${timeOf(at)} is gone: ${kept}`);
    }
  }

  /** Rejects {@link IngestError} `UNKNOWN_CAMERA`, `BAD_SPAN`, `TOO_MANY`. */
  async burst(cameraId: string, from: number, to: number, fps: number): Promise<BurstOutcome> {
    const followed = this.#get(cameraId);
    const { clock, decoders } = this.#options;
    this.#checkSpan(from, to);
    if (!(fps > 0)) throw new IngestError('BAD_SPAN', `fps must be above 0, not ${fps}`);
    this.#checkRoom(followed.bursts, this.#bursts, `look-backs of camera ${cameraId}`);
    const { stream, gone } = followed;
    const burst = new Burst({
      cameraId,
      ring: stream.ring,
      decoders,
      clock,
      nextStream: this.#parts.nextStream,
      fit: stream.fit,
      from,
      to,
      fps,
      signal: gone.signal,
      onPicture: (picture, at) => this.#sendOfBurst(cameraId, picture, at),
    });
    followed.bursts += 1;
    this.#bursts += 1;
    const outcome = await burst.run();
    followed.bursts -= 1;
    this.#bursts -= 1;
    this.#burst.sent += outcome.sent;
    for (const reason of ['gone', 'undecodable', 'overBudget'] as const) this.#burst[reason] += outcome.missed[reason];
    return outcome;
  }

  /** Rejects {@link IngestError} `UNKNOWN_CAMERA`, `BAD_SPAN`, `TOO_MANY`. */
  async clip(cameraId: string, from: number, to: number): Promise<ClipOutcome> {
    const followed = this.#get(cameraId);
    this.#checkSpan(from, to);
    this.#checkRoom(followed.clips, this.#clips, `clips of camera ${cameraId}`);
    followed.clips += 1;
    this.#clips += 1;
    const { clock, muxMp4 } = this.#options;
    const { ring } = followed.stream;
    const mux: MuxMp4 = (units) => {
      const made = this.#muxing.then(() => muxMp4(units));
      this.#muxing = made.catch(() => undefined);
      return made;
    };
    const outcome = await cutClip({ ring, clock, from, to, mux, signal: followed.gone.signal });
    followed.clips -= 1;
    this.#clips -= 1;
    return outcome;
  }

  figures(): IngestFigures {
    const states = { connecting: 0, online: 0, offline: 0, fault: 0 };
    let wantedPerSecond = 0;
    for (const { stream } of this.#cameras.values()) {
      states[stream.state] += 1;
      wantedPerSecond += 1_000 / stream.intervalMs;
    }
    const ringBytes = this.#budget.bytes;
    return {
      cameras: this.#cameras.size,
      states,
      ringBytes,
      wantedPerSecond,
      waiting: this.#window.waiting,
      counts: this.#counts,
      burst: this.#burst,
    };
  }

  /** Ends all sessions. */
  async stop(): Promise<void> {
    this.#options.clock.clearTimeout(this.#tick);
    await Promise.all([...this.#cameras.keys()].map((cameraId) => this.#remove(cameraId)));
    await this.#leaving;
  }

  async #sendOfBurst(cameraId: string, picture: DecodedPicture, at: number): Promise<boolean> {
    const hasPlace = await this.#window.askForBurst(cameraId);
    if (hasPlace) this.#options.onPicture(cameraId, picture, at, true, null);
    return hasPlace;
  }

  #add(cameraId: string, wish: Wish, now: number): void {
    if (this.#cameras.size >= MOST_CAMERAS) {
      const message = `camera ${cameraId} is not read: ${MOST_CAMERAS} cameras are`;
      this.#options.log.warn({ cameraId, most: MOST_CAMERAS }, message);
      return;
    }
    const { onPicture, onStatus, leaseMs } = this.#options;
    const stream = new CameraStream({
      ...this.#parts,
      cameraId,
      wish,
      onPicture: (picture, at, times) => onPicture(cameraId, picture, at, false, times),
      onStatus: (status) => onStatus(cameraId, status),
    });
    const gone = new AbortController();
    const followed = { stream, gone, expiresAt: now + leaseMs, toldAt: now, isLeaving: false, bursts: 0, clips: 0 };
    this.#cameras.set(cameraId, followed);
  }

  async #remove(cameraId: string): Promise<void> {
    const followed = this.#cameras.get(cameraId);
    this.#cameras.delete(cameraId);
    followed?.gone.abort();
    await followed?.stream.stop();
  }

  #onTick(): void {
    this.#window.tick();
    const { clock, leaseMs } = this.#options;
    this.#tick = clock.setTimeout(() => this.#onTick(), TICK_MS);
    const now = clock.now();
    for (const [cameraId, followed] of this.#cameras) {
      // The clock may have been set back.
      followed.expiresAt = Math.min(followed.expiresAt, now + leaseMs);
      followed.toldAt = Math.min(followed.toldAt, now);
      if (now >= followed.expiresAt) this.#leaving = Promise.all([this.#leaving, this.#remove(cameraId)]);
      else followed.stream.tick();
    }
  }

  #get(cameraId: string): Followed {
    const followed = this.#cameras.get(cameraId);
    if (followed === undefined) throw new IngestError('UNKNOWN_CAMERA', `camera ${cameraId} is not read here`);
    return followed;
  }

  #checkSpan(from: number, to: number): void {
    const most = this.#options.clock.now() + MOST_AHEAD_MS;
    if (from <= to && to - from <= MOST_SPAN_MS && to <= most) return;
    const rule = `at most ${MOST_SPAN_MS / 1000} s long, ending at most ${MOST_AHEAD_MS / 1000} s from now`;
    throw new IngestError('BAD_SPAN', `from and to must be times in order, ${rule}; not ${from} to ${to}`);
  }

  #checkRoom(ofCamera: number, inAll: number, name: string): void {
    if (ofCamera < MOST_OF_CAMERA && inAll < MOST_IN_ALL) return;
    throw new IngestError('TOO_MANY', `${ofCamera} ${name} wait, and ${inAll} of all cameras`);
  }
}

/** In UTC; a number that is no time as it is. */
const timeOf = (at: number): string => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at));
