/** Kept of each camera: a cut is asked for soon after its picture, and the next one may be decoded by then. */
const PER_CAMERA = 2;

interface Kept<P> {
  readonly at: number;
  readonly picture: P;
  readonly bytes: number;
}

/**
 * The newest pictures of each camera, bounded in bytes: then the camera that decoded longest ago loses its pictures
 * first. `free` is called once for each picture that leaves.
 */
export class PictureCache<P> {
  readonly #maxBytes: number;
  readonly #free: (picture: P) => void;
  /** Cameras, the one that decoded longest ago first. */
  readonly #byCamera = new Map<string, Kept<P>[]>();
  #bytes = 0;

  constructor(maxBytes: number, free: (picture: P) => void) {
    this.#maxBytes = maxBytes;
    this.#free = free;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes over the picture, which may leave at once when it is larger than the cache. */
  put(cameraId: string, at: number, picture: P, bytes: number): void {
    const kept = this.#byCamera.get(cameraId) ?? [];
    this.#byCamera.delete(cameraId);
    this.#byCamera.set(cameraId, kept);
    const same = kept.findIndex((one) => one.at === at);
    if (same !== -1) this.#drop(kept.splice(same, 1));
    kept.push({ at, picture, bytes });
    this.#bytes += bytes;
    this.#drop(kept.splice(0, kept.length - PER_CAMERA));
    for (const [camera, pictures] of this.#byCamera) {
      while (this.#bytes > this.#maxBytes && pictures.length > 0) this.#drop(pictures.splice(0, 1));
      if (pictures.length === 0) this.#byCamera.delete(camera);
      if (this.#bytes <= this.#maxBytes) break;
    }
  }

  get(cameraId: string, at: number): P | null {
    return this.#byCamera.get(cameraId)?.find((kept) => kept.at === at)?.picture ?? null;
  }

  forget(cameraId: string): void {
    this.#drop(this.#byCamera.get(cameraId) ?? []);
    this.#byCamera.delete(cameraId);
  }

  clear(): void {
    for (const kept of this.#byCamera.values()) this.#drop(kept);
    this.#byCamera.clear();
  }

  #drop(kept: readonly Kept<P>[]): void {
    for (const { picture, bytes } of kept) {
      this.#bytes -= bytes;
      this.#free(picture);
    }
  }
}
