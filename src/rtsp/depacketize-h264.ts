import { nalUnits } from '../video/nal-units.ts';
import type { Assembled, Depacketizer, PayloadFault } from './depacketizer.ts';
import { NalAssembler } from './nal-assembler.ts';

/** Types of payloads beside single NAL units: RFC 6184 5.2. */
const STAP_A = 24;
const STAP_B = 25;
const MTAP_16 = 26;
const MTAP_24 = 27;
const FU_A = 28;
const FU_B = 29;
const LAST_SINGLE = 23;
/** Bytes of a decoding order number. Packets are used in the order in which they were sent. */
const ORDER_NUMBER = 2;

/** H.264 over RTP: RFC 6184. MTAPs, which no known camera sends, are not taken apart. */
export class H264Depacketizer implements Depacketizer {
  readonly #nals = new NalAssembler('h264');

  /** @param fmtp `sprop-parameter-sets`: Base64, separated by commas */
  constructor(fmtp: ReadonlyMap<string, string>) {
    for (const set of readSprop(fmtp.get('sprop-parameter-sets'))) this.#nals.add(set);
    this.#nals.discard();
  }

  get held(): number {
    return this.#nals.held;
  }

  get isEmpty(): boolean {
    return this.#nals.isEmpty;
  }

  push(payload: Buffer): PayloadFault | null {
    const first = payload[0];
    if (first === undefined) return null; // some cameras send empty packets to keep a path open
    const type = first & 0x1f;
    if (type >= 1 && type <= LAST_SINGLE) {
      this.#nals.add(payload);
      return null;
    }
    if (type === FU_A || type === FU_B) return this.#fragment(payload, first, type === FU_B);
    if (type === STAP_A) return this.#aggregate(payload, 1);
    if (type === STAP_B) return this.#aggregate(payload, 1 + ORDER_NUMBER);
    if (type === MTAP_16 || type === MTAP_24) return 'unsupported';
    return this.#annexB(payload, first);
  }

  gap(): void {
    this.#nals.gap();
  }

  finish(): Assembled | null {
    return this.#nals.finish();
  }

  discard(): void {
    this.#nals.discard();
  }

  /** 5.8. */
  #fragment(payload: Buffer, indicator: number, hasOrder: boolean): PayloadFault | null {
    const header = payload[1];
    if (header === undefined) return 'malformed';
    const isFirst = (header & 0x80) !== 0;
    const isLast = (header & 0x40) !== 0;
    const fragment = payload.subarray(hasOrder ? 2 + ORDER_NUMBER : 2);
    const nalHeader = (indicator & 0xe0) | (header & 0x1f);
    if (!isFirst) return this.#nals.continue(fragment, isLast) ? null : 'orphan';
    if (isLast) this.#nals.add(Buffer.concat([Buffer.from([nalHeader]), fragment]));
    else this.#nals.begin([nalHeader], fragment);
    return null;
  }

  /** 5.7.1: each NAL unit with its length in front. */
  #aggregate(payload: Buffer, from: number): PayloadFault | null {
    let at = from;
    while (at + 2 <= payload.length) {
      const length = payload.readUInt16BE(at);
      at += 2;
      if (at + length > payload.length) return 'malformed';
      if (length > 0) this.#nals.add(payload.subarray(at, at + length));
      at += length;
    }
    return at === payload.length ? null : 'malformed';
  }

  /** Some cameras put a piece of an Annex B stream into a packet. */
  #annexB(payload: Buffer, first: number): PayloadFault | null {
    const found = first === 0 ? nalUnits(payload) : [];
    for (const nal of found) this.#nals.add(nal);
    return found.length === 0 ? 'malformed' : null;
  }
}

/** Parameter sets of a description, without those that are empty. */
export const readSprop = (value: string | undefined): readonly Buffer[] =>
  (value ?? '')
    .split(',')
    .map((part) => Buffer.from(part.trim(), 'base64'))
    .filter((set) => set.length > 0);
