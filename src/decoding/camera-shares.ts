import type { DecodeTask } from './decode-task.ts';

/** Cameras that are remembered, at most; then the one that asked longest ago is forgotten. */
const MAX_CAMERAS = 4_096;
/** A part of a job of many units is meant to take this long: a due picture waits for one part of a burst at most. */
const PART_MS = 50;
const MAX_PART_UNITS = 64;
/** Streams of a camera and kind that are remembered: several look-backs may run at once. */
const MAX_STREAMS = 4;
/** Until it is measured. */
const FIRST_GUESS_MS = 10;
/** Weight of the newest part in the mean. */
const WEIGHT = 0.3;

/** Jobs that continue each other: those of one camera and kind. */
export type Chain = 'picture' | 'burst';

/** What the pool knows of one camera. `S`: its decoder. */
export interface CameraShare<S> {
  /** The decoder that has its state and its newest pictures. */
  home: S | null;
  /** Tasks that have begun and are not over: they stay at their decoder. */
  begun: number;
  /** Mean time for a unit, ms. */
  unitMs: number;
  /** Streams whose state the decoder should have, so that a job may continue it; the newest last. */
  readonly streams: Readonly<Record<Chain, number[]>>;
  /** A picture of this camera was to continue an earlier one, so the state of pictures is kept. */
  keepsPictures: boolean;
}

export class CameraShares<S> {
  /** The camera that asked longest ago first. */
  readonly #byCamera = new Map<string, CameraShare<S>>();

  /** Of a camera that asks now. */
  used(cameraId: string): CameraShare<S> {
    const share = this.#byCamera.get(cameraId) ?? {
      home: null,
      begun: 0,
      unitMs: FIRST_GUESS_MS,
      streams: { picture: [], burst: [] },
      keepsPictures: false,
    };
    this.#byCamera.delete(cameraId);
    this.#byCamera.set(cameraId, share);
    const [oldest] = this.#byCamera.keys();
    if (this.#byCamera.size > MAX_CAMERAS && oldest !== undefined) this.#byCamera.delete(oldest);
    return share;
  }

  get(cameraId: string): CameraShare<S> | null {
    return this.#byCamera.get(cameraId) ?? null;
  }

  forget(cameraId: string): void {
    this.#byCamera.delete(cameraId);
  }

  /** The decoder lost its state. */
  leave(home: S): void {
    for (const share of this.#byCamera.values()) if (share.home === home) share.home = null;
  }
}

/** A job of this stream leaves state that others may continue. */
export function remember({ streams }: Pick<CameraShare<unknown>, 'streams'>, chain: Chain, stream: number): void {
  lose({ streams }, chain, stream);
  streams[chain].push(stream);
  if (streams[chain].length > MAX_STREAMS) streams[chain].shift();
}

/** The state of this stream is lost. */
export function lose({ streams }: Pick<CameraShare<unknown>, 'streams'>, chain: Chain, stream: number): void {
  const at = streams[chain].indexOf(stream);
  if (at !== -1) streams[chain].splice(at, 1);
}

/** Units for the next part. */
export const unitsOfPart = (share: CameraShare<unknown> | null): number =>
  Math.min(MAX_PART_UNITS, Math.max(1, Math.floor(PART_MS / (share?.unitMs ?? FIRST_GUESS_MS))));

/** Learns from a part of `units` units that took `ms`. */
export function learn(share: CameraShare<unknown>, units: number, ms: number): void {
  if (units > 0) share.unitMs += WEIGHT * (ms / units - share.unitMs);
}

/**
 * True when `slot` may take this waiting task: that of a camera of its own, or one that no decoder has state for while
 * the camera's own decoder is busy.
 */
export function mayTake<S extends { readonly hasRoom: boolean; readonly inFlight: readonly unknown[] }>(
  slot: S,
  share: CameraShare<S> | null,
  task: DecodeTask,
): boolean {
  const home = share?.home ?? null;
  if (home === null || home === slot) return true;
  return !task.needsState && (share?.begun ?? 0) === 0 && !home.hasRoom && slot.inFlight.length === 0;
}
