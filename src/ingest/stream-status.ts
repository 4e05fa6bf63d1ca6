import type { Size } from '../decoding/decoding.types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RtspStream } from '../rtsp/rtsp.types.ts';
import type { VideoCodec } from '../video/access-unit.ts';
import type { StreamState } from './stream.types.ts';

/** State and message for people. */
export interface Status {
  readonly state: StreamState;
  readonly message: string;
  /** The message holds the length of a wait. */
  readonly isAgeing?: boolean;
}

/** What is known of a session that plays. Times in epoch ms. */
export interface PlayingFacts {
  readonly stream: RtspStream;
  readonly playingSince: number;
  readonly keyframeAt: number | null;
  /** Usual distance of keyframes, in ms; null while unknown. */
  readonly keyframesEveryMs: number | null;
  /** The newest picture that was decoded in this session. */
  readonly picture: { readonly display: Size; readonly at: number } | null;
  /** Failures to decode since the last success, and the newest one's message. */
  readonly failures: number;
  readonly failure: string;
  /** Seconds that the ring keeps, where they are fewer than wanted; null otherwise. */
  readonly shortSeconds: number | null;
  /** Longest time without a picture that nothing is said about, in ms. */
  readonly patienceMs: number;
}

/** So many pictures in a row that cannot be decoded are a fault of the stream. */
const FAULT_AFTER = 3;
/** A wait is told by its length from here on. */
const LONG_WAIT_MS = 10_000;

const CODEC_NAMES: Readonly<Record<VideoCodec, string>> = { h264: 'H.264', h265: 'H.265', mjpeg: 'MJPEG' };
export const codecName = (codec: VideoCodec): string => CODEC_NAMES[codec];

/** The status of a camera whose session plays, at `now`. */
export function playingStatus(facts: PlayingFacts, now: number): Status {
  const { stream, picture, keyframeAt, playingSince, failures, failure, patienceMs } = facts;
  const codec = codecName(stream.codec);
  if (failures >= FAULT_AFTER)
    return { state: 'fault', message: `its ${codec} pictures cannot be decoded: ${failure}` };
  const isWaiting = now - Math.max(picture?.at ?? 0, keyframeAt ?? 0, playingSince) > patienceMs;
  if (keyframeAt === null) {
    const waited = now - playingSince;
    const long = waited < LONG_WAIT_MS ? '' : ` for ${Math.round(waited / 1000)} s`;
    return { state: 'connecting', message: `waiting for a keyframe${long}`, isAgeing: true };
  }
  if (isWaiting) {
    const age = Math.round((now - keyframeAt) / 1000);
    return { state: 'connecting', message: `waiting for a keyframe, the last was ${age} s ago`, isAgeing: true };
  }
  if (picture === null) return { state: 'connecting', message: 'waiting for the first picture' };
  return { state: 'online', message: receiving(facts, picture.display) };
}

function receiving({ stream, keyframesEveryMs, shortSeconds }: PlayingFacts, { width, height }: Size): string {
  const every =
    keyframesEveryMs === null || stream.codec === 'mjpeg'
      ? ''
      : `, keyframe each ${(Math.round(keyframesEveryMs / 500) / 2).toFixed(1)} s`;
  const udp = stream.transport === 'udp' ? ', over UDP' : '';
  const short =
    shortSeconds === null ? '' : `, only the last ${Math.floor(shortSeconds)} s are kept for want of memory`;
  return `receiving ${width}x${height} ${codecName(stream.codec)}${every}${udp}${short}`;
}

/** A wait that grows is told at most each 10 s. */
const REPEAT_MS = 10_000;

/** Tells a camera's status when it changes. */
export class StatusTeller {
  readonly #clock: Clock;
  readonly #tell: (status: Status) => void;
  #told: (Status & { readonly at: number }) | null = null;
  #muted = false;

  constructor(clock: Clock, tell: (status: Status) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  get state(): StreamState | null {
    return this.#told?.state ?? null;
  }

  set(status: Status): void {
    const now = this.#clock.now();
    const old = this.#told;
    if (old !== null && old.state === status.state) {
      if (old.message === status.message) return;
      if (old.isAgeing === true && status.isAgeing === true && now - old.at < REPEAT_MS) return;
    }
    this.#told = { ...status, at: now };
    if (!this.#muted) this.#tell(status);
  }

  /** Tells an event of a session at once: it will not be told again. */
  now(status: Status): void {
    this.#told = null;
    this.set(status);
  }

  /** Tells the status again, for a registry that may not know it. */
  repeat(): void {
    this.#muted = false;
    if (this.#told !== null) this.#tell({ state: this.#told.state, message: this.#told.message });
  }

  /** Tells nothing until {@link repeat}. */
  mute(): void {
    this.#muted = true;
  }
}
