import type { CameraId } from '../../messages/ids.ts';

/** Cameras that one viewer may name, included or excluded. */
export const MAX_NAMED = 10_000;

/** The cameras a viewer follows: named ones, or all but named ones. */
export class Subscription {
  #all = false;
  readonly #included = new Set<CameraId>();
  readonly #excluded = new Set<CameraId>();

  has(camera: CameraId): boolean {
    return this.#all ? !this.#excluded.has(camera) : this.#included.has(camera);
  }

  /** Follows every camera, including those added later. */
  addAll(): void {
    this.#all = true;
    this.#excluded.clear();
  }

  /** False, and nothing changed, when that would be more than {@link MAX_NAMED}. */
  add(cameras: readonly CameraId[]): boolean {
    if (!this.#all) return grow(this.#included, cameras);
    for (const camera of cameras) this.#excluded.delete(camera);
    return true;
  }

  /** False, and nothing changed, when that would be more than {@link MAX_NAMED}. */
  remove(cameras: readonly CameraId[]): boolean {
    if (this.#all) return grow(this.#excluded, cameras);
    for (const camera of cameras) this.#included.delete(camera);
    return true;
  }

  clear(): void {
    this.#all = false;
    this.#included.clear();
    this.#excluded.clear();
  }
}

function grow(set: Set<CameraId>, cameras: readonly CameraId[]): boolean {
  if (set.size + cameras.filter((camera) => !set.has(camera)).length > MAX_NAMED) return false;
  for (const camera of cameras) set.add(camera);
  return true;
}
