/** `keyframe`: decode this one alone. `continues`: decode all units up to this one. */
export type Take = 'skip' | 'keyframe' | 'continues';

/** Keyframes this many intervals apart are near enough: decoding every frame costs five times as much. */
const RARE = 1.25;
/** Below this many intervals they are frequent again. */
const FREQUENT = 1.1;
/** Distances that their mean is taken of. */
const DISTANCES = 4;

/** How far apart the last keyframes of a camera came. */
export class KeyframeDistances {
  readonly #distances: number[] = [];
  #lastAt: number | null = null;

  /** When the newest keyframe of the session came, epoch ms. */
  get lastAt(): number | null {
    return this.#lastAt;
  }

  /** Mean of the last ones, in ms; null before the second keyframe. */
  get meanMs(): number | null {
    const { length } = this.#distances;
    return length === 0 ? null : this.#distances.reduce((sum, each) => sum + each, 0) / length;
  }

  get count(): number {
    return this.#distances.length;
  }

  add(at: number): void {
    if (this.#lastAt !== null) this.#distances.push(at - this.#lastAt);
    if (this.#distances.length > DISTANCES) this.#distances.shift();
    this.#lastAt = at;
  }

  /** The next keyframe belongs to another session: its distance says nothing. */
  restart(): void {
    this.#lastAt = null;
  }
}

/**
 * Chooses the pictures of a camera that are decoded, so that on average one comes per interval. Of frequent keyframes
 * it takes those nearest to the due times; between rare ones it has all frames decoded. A due time is used once, and
 * those missed in a pause are not made up for. Pure: `at` is the only time it knows.
 */
export class Sampler {
  readonly keyframes = new KeyframeDistances();
  readonly #phase: number;
  #intervalMs: number;
  #nextDue: number | null = null;
  #allFrames = false;

  /** `phase`: 0 to 1, another one for each camera, so that cameras that start together are not all due together. */
  constructor(intervalMs: number, phase: number) {
    this.#intervalMs = intervalMs;
    this.#phase = phase;
  }

  get intervalMs(): number {
    return this.#intervalMs;
  }

  set intervalMs(intervalMs: number) {
    if (intervalMs === this.#intervalMs) return;
    if (this.#nextDue !== null) this.#nextDue += intervalMs - this.#intervalMs;
    this.#intervalMs = intervalMs;
  }

  /** True while all frames are decoded. */
  get allFrames(): boolean {
    return this.#allFrames;
  }

  /** Another session follows: its first keyframe is taken at once. */
  restart(): void {
    this.#nextDue = null;
    this.keyframes.restart();
  }

  /** The last picture was lost: the next one is due at once. */
  hurry(): void {
    if (this.#nextDue !== null) this.#nextDue = -Infinity;
  }

  offer({ at, isKey }: { readonly at: number; readonly isKey: boolean }): Take {
    if (isKey) this.#addKeyframe(at);
    const keyframeAt = this.keyframes.lastAt;
    if (keyframeAt === null) return 'skip';
    if (this.#nextDue === null) {
      this.#nextDue = at + this.#intervalMs * (1 + this.#phase) * 0.5;
      return isKey ? 'keyframe' : 'continues';
    }
    if (at < this.#nextDue - (isKey ? this.#earlyMs() : 0)) return 'skip';
    if (!isKey && !this.#allFrames && at - keyframeAt <= RARE * this.#intervalMs) return 'skip';
    const next = this.#nextDue + this.#intervalMs;
    this.#nextDue = next > at ? next : at + this.#intervalMs;
    return isKey ? 'keyframe' : 'continues';
  }

  #addKeyframe(at: number): void {
    this.keyframes.add(at);
    const { meanMs } = this.keyframes;
    if (meanMs === null) return;
    this.#allFrames = meanMs > (this.#allFrames ? FREQUENT : RARE) * this.#intervalMs;
  }

  /** How early a keyframe may come: the one before or after the due time is taken, whichever is nearer. */
  #earlyMs(): number {
    return this.#allFrames ? 0 : Math.min(this.keyframes.meanMs ?? 0, this.#intervalMs) / 2;
  }
}

/** 0 to 1, the same for a camera at each start (FNV-1a, 32 bits). */
export function phaseOf(cameraId: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const character of cameraId) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93);
  return (hash >>> 0) / 2 ** 32;
}
