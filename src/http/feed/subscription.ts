import type { CameraId } from '../../messages/ids.ts';

/** Cameras that may be named by one viewer, followed or left out. */
export const MAX_NAMED = 10_000;

/** Which cameras a viewer follows: some by name, or all but some. */
export class Following {
  #all = false;
  readonly #named = new Set<CameraId>();
  readonly #without = new Set<CameraId>();

  has(camera: CameraId): boolean {
    return this.#all ? !this.#without.has(camera) : this.#named.has(camera);
  }

  /** Follows every camera, also those added later. */
  everything(): void {
    this.#all = true;
    this.#without.clear();
  }

  /** False when the bound does not allow that many. */
  add(cameras: readonly CameraId[]): boolean {
    if (this.#all) {
      for (const camera of cameras) this.#without.delete(camera);
      return true;
    }
    return grow(this.#named, cameras);
  }

  /** False when the bound does not allow that many. */
  remove(cameras: readonly CameraId[]): boolean {
    if (this.#all) return grow(this.#without, cameras);
    for (const camera of cameras) this.#named.delete(camera);
    return true;
  }

  nothing(): void {
    this.#all = false;
    this.#named.clear();
    this.#without.clear();
  }
}

function grow(set: Set<CameraId>, cameras: readonly CameraId[]): boolean {
  if (set.size + cameras.filter((camera) => !set.has(camera)).length > MAX_NAMED) return false;
  for (const camera of cameras) set.add(camera);
  return true;
}
