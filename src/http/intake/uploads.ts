/** Uploads that are read and judged at a time, and of one address. */
export interface UploadLimits {
  readonly maxUploads: number;
  readonly maxUploadsPerAddress: number;
  /** Bytes that all of them may hold together. */
  readonly uploadBytes: number;
}

/** Places of uploads: one is taken before the first byte is read, for as many bytes as may come. Pure. */
export class Uploads {
  readonly #limits: UploadLimits;
  readonly #byAddress = new Map<string, number>();
  #open = 0;
  #bytes = 0;

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Returns what gives the place back, any number of times; null when there is none. */
  take(address: string, bytes: number): (() => void) | null {
    const { maxUploads, maxUploadsPerAddress, uploadBytes } = this.#limits;
    const own = this.#byAddress.get(address) ?? 0;
    if (this.#open >= maxUploads || own >= maxUploadsPerAddress || this.#bytes + bytes > uploadBytes) return null;
    this.#open += 1;
    this.#bytes += bytes;
    this.#byAddress.set(address, own + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#open -= 1;
      this.#bytes -= bytes;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}
