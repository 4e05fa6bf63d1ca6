import type { OnReadOpts } from 'node:net';

const SLAB_BYTES = 64 * 1024;
/** A read of fewer bytes costs more than the rest of a slab is worth. */
const LEAST_READ = 16 * 1024;

/**
 * Memory that a socket reads into. Node takes 64 KiB for each read by default, however few bytes come; at a hundred
 * cameras the garbage collector then costs more than everything else. Here reads follow each other in one slab, which
 * is used again as soon as nobody holds views of it.
 */
export class ReceiveSlab {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;
  readonly #isHeld: () => boolean;
  /** Called with the bytes of each read. Bytes that come before it is set are dropped. */
  onChunk: ((chunk: Buffer) => void) | null = null;

  /** @param isHeld whether somebody holds views of chunks that `onChunk` got; those bytes stay as they are then */
  constructor(isHeld: () => boolean) {
    this.#isHeld = isHeld;
  }

  /** For `onread` of a new socket. */
  get onread(): OnReadOpts {
    return {
      buffer: () => this.#free(),
      callback: (size) => {
        const chunk = this.#slab.subarray(this.#used, this.#used + size);
        this.#used += size;
        this.onChunk?.(chunk);
        return true;
      },
    };
  }

  #free(): Buffer {
    if (!this.#isHeld()) this.#used = 0;
    else if (SLAB_BYTES - this.#used < LEAST_READ) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    return this.#used === 0 ? this.#slab : this.#slab.subarray(this.#used);
  }
}
