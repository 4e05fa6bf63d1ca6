import { BitReader, OutOfBits, withoutEmulation } from '../video/bit-reader.ts';
import { H264_NAL, H265_NAL, nalHeaderBytes, type NalCodec } from '../video/nal-units.ts';

/** Sets of cameras have less than 100 bytes, with scaling lists less than 1,000. */
const MOST_BYTES = 4096;
/** Of each type; cameras send one of each, some two picture sets. */
const MOST_SETS = 8;

const TYPES: Readonly<Record<NalCodec, readonly number[]>> = {
  h264: [H264_NAL.sps, H264_NAL.pps],
  h265: [H265_NAL.vps, H265_NAL.sps, H265_NAL.pps],
};

/** The newest parameter sets of a stream, by type and id. */
export class ParameterSets {
  readonly #codec: NalCodec;
  /** Of each type in the order in which a decoder needs the types. */
  readonly #byType: ReadonlyMap<number, Map<number, Buffer>>;

  constructor(codec: NalCodec) {
    this.#codec = codec;
    this.#byType = new Map(TYPES[codec].map((type) => [type, new Map()]));
  }

  isSet(type: number): boolean {
    return this.#byType.has(type);
  }

  /** There is one of each type. */
  get isComplete(): boolean {
    return [...this.#byType.values()].every((sets) => sets.size > 0);
  }

  /** All of them, in the order in which a decoder needs them. */
  get all(): readonly Buffer[] {
    return [...this.#byType.values()].flatMap((sets) => [...sets.values()]);
  }

  /** Keeps a copy in place of one with the same id. False for one that is too long or has no id. */
  keep(type: number, nal: Buffer): boolean {
    const sets = this.#byType.get(type);
    if (sets === undefined || nal.length > MOST_BYTES) return false;
    const id = idOf(this.#codec, type, nal);
    if (id === null) return false;
    if (sets.get(id)?.equals(nal) === true) return true;
    sets.delete(id);
    sets.set(id, Buffer.from(nal));
    const [oldest] = sets.keys();
    if (sets.size > MOST_SETS && oldest !== undefined) sets.delete(oldest);
    return true;
  }
}

function idOf(codec: NalCodec, type: number, nal: Buffer): number | null {
  const bits = new BitReader(withoutEmulation(nal.subarray(nalHeaderBytes(codec)), 16));
  try {
    if (codec === 'h264' && type === H264_NAL.sps) bits.skip(24);
    if (type === H265_NAL.vps) return bits.bits(4);
    // Its id comes after levels of all layers. Cameras have one, so the newest counts.
    if (type === H265_NAL.sps) return 0;
    return bits.ue();
  } catch (error) {
    if (error instanceof OutOfBits) return null;
    throw error;
  }
}
