import {
  H264_NAL,
  H265_NAL,
  nalHeaderBytes,
  nalType,
  nalUnits,
  START_CODE,
  type NalCodec,
} from '../video/nal-units.ts';
import type { Assembled } from './depacketizer.ts';
import { hasRecoveryPoint, isFirstSlice, isIntraSlice } from './h264-key.ts';
import { ParameterSets } from './parameter-sets.ts';

/** A NAL unit as it came: whole, or in fragments. */
interface Nal {
  readonly type: number;
  /** With the start code in front. */
  readonly parts: Buffer[];
  /** Its first bytes after the header. */
  readonly content: Buffer;
}

/** Counted for each part beside its bytes, so that many small ones are bounded too. */
const PART_OVERHEAD = 64;

/** Kinds of keyframes: none, one that pictures after it may look past, one that closes the past. */
type Key = 'none' | 'open' | 'closed';

/**
 * Collects the NAL units of one picture of H.264 or H.265 and joins them once. Parameter sets are kept, and stand in
 * front of each keyframe once; delimiters and filler are left out.
 */
export class NalAssembler {
  readonly sets: ParameterSets;
  readonly #codec: NalCodec;
  #nals: Nal[] = [];
  #held = 0;
  /** The NAL unit whose further fragments may come. */
  #open: Nal | null = null;
  #hasNewSequence = false;

  constructor(codec: NalCodec) {
    this.#codec = codec;
    this.sets = new ParameterSets(codec);
  }

  get held(): number {
    return this.#held;
  }

  /** A whole NAL unit. */
  add(nal: Buffer): void {
    this.#open = null;
    const first = nal[0];
    if (first === undefined) return;
    const type = nalType(this.#codec, first);
    if (this.sets.isSet(type)) this.#addSets(nal);
    else this.#append({ type, parts: [START_CODE, nal], content: nal.subarray(nalHeaderBytes(this.#codec)) });
  }

  /** The first fragment of a NAL unit. */
  begin(header: readonly number[], fragment: Buffer): void {
    const type = nalType(this.#codec, header[0] ?? 0);
    this.#open = { type, parts: [Buffer.from([...START_CODE, ...header]), fragment], content: fragment };
    // A parameter set is read when it is whole.
    if (!this.sets.isSet(type)) this.#append(this.#open);
  }

  /** A further fragment of it; false when there is none that it could belong to. */
  continue(fragment: Buffer, isLast: boolean): boolean {
    const open = this.#open;
    if (open === null) return false;
    open.parts.push(fragment);
    this.#held += fragment.length + PART_OVERHEAD;
    if (!isLast) return true;
    this.#open = null;
    if (this.sets.isSet(open.type)) this.#addSets(Buffer.concat(open.parts).subarray(START_CODE.length));
    return true;
  }

  gap(): void {
    this.#open = null;
  }

  discard(): void {
    this.#nals = [];
    this.#held = 0;
    this.#open = null;
    this.#hasNewSequence = false;
  }

  /** Nothing that could be shown came yet. */
  get isEmpty(): boolean {
    return !this.#nals.some(({ type }) => this.#isSlice(type));
  }

  /** The picture; null for a keyframe without its parameter sets, and when there is no slice. */
  finish(): Assembled | null {
    const slices = this.#nals.filter(({ type }) => this.#isSlice(type));
    const [first] = slices;
    const key = this.#keyOf(slices);
    const nals = this.#nals;
    this.discard();
    if (first === undefined) return null;
    if (key !== 'none' && !this.sets.isComplete) return null;
    const sets = key === 'none' ? [] : this.sets.all.flatMap((set) => [START_CODE, set]);
    const parts = nals.flatMap((nal) => (key !== 'none' && this.sets.isSet(nal.type) ? [] : nal.parts));
    return {
      data: Buffer.concat([...sets, ...parts]),
      isKey: key !== 'none',
      isClosed: key === 'closed',
      hasStart: isFirstSlice(first.content),
    };
  }

  /** Some cameras put several sets into one NAL unit, with start codes between them. */
  #addSets(bytes: Buffer): void {
    for (const nal of nalUnits(Buffer.concat([START_CODE, bytes]))) {
      const type = nalType(this.#codec, nal[0] ?? 0);
      if (!this.sets.keep(type, nal)) continue;
      if (type === H264_NAL.sps) this.#hasNewSequence = true;
      this.#append({ type, parts: [START_CODE, nal], content: nal });
    }
  }

  #append(nal: Nal): void {
    if (this.#isLeftOut(nal.type)) return;
    this.#nals.push(nal);
    for (const part of nal.parts) this.#held += part.length + PART_OVERHEAD;
  }

  #isLeftOut(type: number): boolean {
    const names = this.#codec === 'h264' ? H264_NAL : H265_NAL;
    return type === names.delimiter || type === names.filler;
  }

  #isSlice(type: number): boolean {
    return this.#codec === 'h264' ? type >= H264_NAL.slice && type <= H264_NAL.idr : type <= H265_NAL.lastSlice;
  }

  #keyOf(slices: readonly Nal[]): Key {
    if (this.#codec === 'h265') {
      const isKey = slices.some(({ type }) => type >= H265_NAL.firstKey && type <= H265_NAL.lastKey);
      const isClosed = slices.some(({ type }) => type === H265_NAL.idr || type === H265_NAL.idrWithLeading);
      if (!isKey) return 'none';
      return isClosed ? 'closed' : 'open';
    }
    if (slices.some(({ type }) => type === H264_NAL.idr)) return 'closed';
    const isIntra = (): boolean => slices.length > 0 && slices.every(({ content }) => isIntraSlice(content));
    const isRecovery = this.#nals.some(({ type, content }) => type === H264_NAL.sei && hasRecoveryPoint(content));
    return (isRecovery || this.#hasNewSequence) && isIntra() ? 'open' : 'none';
  }
}
