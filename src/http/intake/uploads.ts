/** Uploads read and assessed at a time, in all and from one address. */
export interface UploadLimits {
  readonly maxUploads: number;
  readonly maxUploadsPerAddress: number;
  /** Bytes of all of them together. */
  readonly uploadBytes: number;
}

/** Places for uploads. An upload takes one before its first byte is read, with the most bytes that may arrive. Pure. */
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

  /** Returns a function that gives the place back, once; null when no place is free. */
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
