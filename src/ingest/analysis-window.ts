import type { Clock } from '../runtime/clock.ts';

/** A camera that got its picture and does not say within this time that it is done was restarted, or is stuck. */
const HOLD_MS = 3_000;

/**
 * Bounds the regular pictures that are being decoded or analysed, over all cameras: one of each, `most` in all. When
 * the processors are full, cameras wait here, in turn, without a picture. The one that gets a place takes the newest
 * picture there is. So all cameras slow down alike, and the pictures that are analysed stay young.
 */
export class AnalysisWindow {
  readonly #most: number;
  readonly #clock: Clock;
  /** When the camera got its picture; null while that is being decoded, which has a limit of its own. */
  readonly #taken = new Map<string, number | null>();
  /** By camera, in the order of their turns. */
  readonly #waiting = new Map<string, () => void>();

  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
  }

  /** Cameras that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls `begin` once, when the camera has a place: now, or later. A camera that waits already keeps its turn. */
  ask(cameraId: string, begin: () => void): void {
    this.#waiting.set(cameraId, begin);
    this.#pump();
  }

  /** The camera was sent its picture. */
  handed(cameraId: string): void {
    if (this.#taken.has(cameraId)) this.#taken.set(cameraId, this.#clock.now());
  }

  /** The camera's place is free. */
  done(cameraId: string): void {
    if (this.#taken.delete(cameraId)) this.#pump();
  }

  /** The camera is gone. */
  forget(cameraId: string): void {
    this.#waiting.delete(cameraId);
    this.done(cameraId);
  }

  /** Frees places that were held for too long. Call it about once a second. */
  tick(): void {
    const now = this.#clock.now();
    for (const [cameraId, since] of this.#taken)
      if (since !== null && now - since >= HOLD_MS) this.#taken.delete(cameraId);
    this.#pump();
  }

  #pump(): void {
    for (const [cameraId, begin] of this.#waiting) {
      if (this.#taken.size >= this.#most) return;
      if (this.#taken.has(cameraId)) continue;
      this.#waiting.delete(cameraId);
      this.#taken.set(cameraId, null);
      begin();
    }
  }
}
