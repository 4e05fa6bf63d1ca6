/** Exp-Golomb codes of at most 32 leading zeros: ITU-T H.264 9.1. */
const MOST_LEADING_ZEROS = 32;

/** Thrown by a {@link BitReader} that is asked for more than there is. */
export class OutOfBits extends Error {
  override readonly name = 'OutOfBits';
}

/**
 * Reads bits of a NAL unit's content, most significant first. It throws {@link OutOfBits} at the end, so that a loop
 * over hostile bytes ends with them.
 */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** @param content as {@link withoutEmulation} gives it */
  constructor(content: Uint8Array) {
    this.#bytes = content;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new OutOfBits('a NAL unit ends early');
    const bit = (byte >> (7 - (this.#at & 7))) & 1;
    this.#at++;
    return bit;
  }

  flag(): boolean {
    return this.bit() === 1;
  }

  /** @param count 0 to 32 */
  bits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length * 8) throw new OutOfBits('a NAL unit ends early');
  }

  /** Unsigned Exp-Golomb code. */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros++;
      if (zeros > MOST_LEADING_ZEROS) throw new OutOfBits('a number of more than 32 bits');
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Signed Exp-Golomb code. */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** The first `most` bytes without the 3 that encoders put into 0 0 3, so that no start code appears: H.264 7.4.1. */
export function withoutEmulation(nal: Uint8Array, most: number): Uint8Array {
  const out = new Uint8Array(Math.min(nal.length, most));
  let length = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (length === out.length) break;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.subarray(0, length);
}
