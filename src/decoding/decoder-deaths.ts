/** A camera that ends a decoder twice within this time gets one of its own, for as long after its last death. */
export const ISOLATION_MS = 600_000;
/** Cameras with a decoder of their own, at most: each costs the memory of a process. */
export const MAX_ISOLATED = 4;
/** Cameras that are remembered, at most; then the oldest death is forgotten. */
const MAX_REMEMBERED = 1_024;

/** Knows the cameras whose pictures ended a decoder, and decides which of them are isolated. */
export class DecoderDeaths {
  /** Time of the last death, the oldest first. */
  readonly #lastAt = new Map<string, number>();
  readonly #isolated = new Set<string>();

  get isolated(): readonly string[] {
    return [...this.#isolated];
  }

  isIsolated(cameraId: string): boolean {
    return this.#isolated.has(cameraId);
  }

  /** `isolated`: from now on. `full`: should be, but too many are. */
  note(cameraId: string, now: number): 'first' | 'isolated' | 'again' | 'full' {
    const before = this.#lastAt.get(cameraId);
    this.#lastAt.delete(cameraId);
    this.#lastAt.set(cameraId, now);
    const [oldest] = this.#lastAt.keys();
    if (this.#lastAt.size > MAX_REMEMBERED && oldest !== undefined) this.#lastAt.delete(oldest);
    if (this.#isolated.has(cameraId)) return 'again';
    if (before === undefined || now - before > ISOLATION_MS) return 'first';
    if (this.#isolated.size >= MAX_ISOLATED) return 'full';
    this.#isolated.add(cameraId);
    return 'isolated';
  }

  /** Ends the isolation of cameras without a death for long; returns them. */
  release(now: number): readonly string[] {
    const released = this.isolated.filter((id) => now - (this.#lastAt.get(id) ?? -Infinity) > ISOLATION_MS);
    for (const id of released) this.#isolated.delete(id);
    return released;
  }

  /** Ends the isolation of a camera; its deaths are remembered. */
  forget(cameraId: string): void {
    this.#isolated.delete(cameraId);
  }
}
