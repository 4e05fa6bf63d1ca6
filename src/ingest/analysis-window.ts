import type { Clock } from '../runtime/clock.ts';

/** A camera that got its picture and does not say within this time that it is done was restarted, or is stuck. */
const HOLD_MS = 3_000;
/** Of all places, those that pictures of look-backs may have. */
const BURST_SHARE = 1 / 4;
/** Of all places, those that may be taken while there is still time to spare. */
const SPARE_SHARE = 1 / 4;
/** Pictures of look-backs that wait, of one camera and in all: a picture has some 340 kB. */
const MOST_OF_CAMERA = 24;
const MOST_IN_ALL = 128;
/** The pictures of a look-back are of little use after this time, in ms. */
const BURST_WAIT_MS = 3_000;

/** A picture of a look-back that waits. */
interface WaitingBurst {
  readonly cameraId: string;
  readonly since: number;
  readonly settle: (begun: boolean) => void;
}

/**
 * Bounds the pictures that are being decoded or analysed, over all cameras: `most` in all, of a camera one of the
 * regular pictures and one of a look-back. When the processors are full, cameras wait here, in turn, without a regular
 * picture. The one that gets a place takes the newest picture there is. So all cameras slow down alike, and the
 * pictures that are analysed stay young. Pictures of look-backs get a quarter of the places, while no regular picture
 * waits for one.
 */
export class AnalysisWindow {
  readonly #most: number;
  readonly #mostBursts: number;
  readonly #clock: Clock;
  /** When the camera got its picture; null while that is being decoded, which has a limit of its own. */
  readonly #taken = new Map<string, number | null>();
  /** By camera, in the order of their turns. */
  readonly #waiting = new Map<string, () => void>();
  /** When the camera got its picture of a look-back. */
  readonly #takenByBurst = new Map<string, number>();
  /** In the order in which they came. */
  #waitingBursts: WaitingBurst[] = [];

  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#mostBursts = Math.max(1, Math.floor(most * BURST_SHARE));
    this.#clock = clock;
  }

  /** Cameras that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** No picture waits, and at most a quarter of the places is taken: about one picture a core is under way. */
  get hasSpareTime(): boolean {
    const taken = this.#taken.size + this.#takenByBurst.size;
    return this.#waiting.size === 0 && this.#waitingBursts.length === 0 && taken <= this.#most * SPARE_SHARE;
  }

  /** Calls `begin` once, when the camera has a place: now, or later. A camera that waits already keeps its turn. */
  ask(cameraId: string, begin: () => void): void {
    this.#waiting.set(cameraId, begin);
    this.#pump();
  }

  /**
   * Resolves true when a decoded picture of a look-back has a place, so that it is to be sent; false when none was free
   * within three seconds, too many wait, or the camera is gone.
   */
  askForBurst(cameraId: string): Promise<boolean> {
    const ofCamera = this.#waitingBursts.filter((waiting) => waiting.cameraId === cameraId).length;
    if (ofCamera >= MOST_OF_CAMERA || this.#waitingBursts.length >= MOST_IN_ALL) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waitingBursts.push({ cameraId, since: this.#clock.now(), settle: resolve });
    this.#pump();
    return promise;
  }

  /** The camera was sent its picture. */
  handed(cameraId: string): void {
    if (this.#taken.has(cameraId)) this.#taken.set(cameraId, this.#clock.now());
  }

  /** The camera's place is free. */
  done(cameraId: string): void {
    if (this.#taken.delete(cameraId)) this.#pump();
  }

  /** The camera's place for look-backs is free. */
  doneWithBurst(cameraId: string): void {
    if (this.#takenByBurst.delete(cameraId)) this.#pump();
  }

  /** The camera is gone. */
  forget(cameraId: string): void {
    this.#waiting.delete(cameraId);
    this.#dropBursts((waiting) => waiting.cameraId === cameraId);
    this.#takenByBurst.delete(cameraId);
    this.#taken.delete(cameraId);
    this.#pump();
  }

  /** Frees places that were held for too long, and drops pictures that waited too long. Call it about once a second. */
  tick(): void {
    const now = this.#clock.now();
    for (const [cameraId, since] of this.#taken)
      if (since !== null && now - since >= HOLD_MS) this.#taken.delete(cameraId);
    for (const [cameraId, since] of this.#takenByBurst) if (now - since >= HOLD_MS) this.#takenByBurst.delete(cameraId);
    this.#dropBursts(({ since }) => now - since >= BURST_WAIT_MS);
    this.#pump();
  }

  get #isFull(): boolean {
    return this.#taken.size + this.#takenByBurst.size >= this.#most;
  }

  #pump(): void {
    for (const [cameraId, begin] of this.#waiting) {
      if (this.#isFull) return;
      if (this.#taken.has(cameraId)) continue;
      this.#waiting.delete(cameraId);
      this.#taken.set(cameraId, null);
      begin();
    }
    this.#pumpBursts();
  }

  /** Regular pictures that still wait do so for their own camera. */
  #pumpBursts(): void {
    const now = this.#clock.now();
    const left: WaitingBurst[] = [];
    for (const waiting of this.#waitingBursts) {
      const { cameraId, settle } = waiting;
      const hasPlace = !this.#isFull && this.#takenByBurst.size < this.#mostBursts && !this.#takenByBurst.has(cameraId);
      if (!hasPlace) {
        left.push(waiting);
        continue;
      }
      this.#takenByBurst.set(cameraId, now);
      settle(true);
    }
    this.#waitingBursts = left;
  }

  #dropBursts(isOver: (waiting: WaitingBurst) => boolean): void {
    const over = this.#waitingBursts.filter(isOver);
    if (over.length === 0) return;
    this.#waitingBursts = this.#waitingBursts.filter((waiting) => !isOver(waiting));
    for (const { settle } of over) settle(false);
  }
}
