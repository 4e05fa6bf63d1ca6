import type { Assembled, Depacketizer, PayloadFault } from './depacketizer.ts';
import { readSprop } from './depacketize-h264.ts';
import { NalAssembler } from './nal-assembler.ts';

/** Types of payloads beside single NAL units: RFC 7798 4.4. */
const AGGREGATION = 48;
const FRAGMENT = 49;
const HEADER = 2;

/** H.265 over RTP: RFC 7798. Only the base layer; PACI packets, which no known camera sends, are not taken apart. */
export class H265Depacketizer implements Depacketizer {
  readonly #nals = new NalAssembler('h265');
  /** Bytes of the decoding order numbers of the first NAL unit of a packet, and of the others. */
  readonly #order: { readonly first: number; readonly next: number };

  /** @param fmtp `sprop-vps`, `sprop-sps`, `sprop-pps`: Base64, separated by commas; `sprop-max-don-diff` */
  constructor(fmtp: ReadonlyMap<string, string>) {
    const hasOrder = Number(fmtp.get('sprop-max-don-diff') ?? 0) > 0;
    this.#order = hasOrder ? { first: 2, next: 1 } : { first: 0, next: 0 };
    for (const name of ['sprop-vps', 'sprop-sps', 'sprop-pps'])
      for (const set of readSprop(fmtp.get(name))) this.#nals.add(set);
    this.#nals.discard();
  }

  get held(): number {
    return this.#nals.held;
  }

  get isEmpty(): boolean {
    return this.#nals.isEmpty;
  }

  push(payload: Buffer): PayloadFault | null {
    if (payload.length === 0) return null; // some cameras send empty packets to keep a path open
    const first = payload[0] ?? 0;
    const second = payload[1];
    if (second === undefined) return 'malformed';
    const type = (first >> 1) & 0x3f;
    if (((first & 1) << 5) + (second >> 3) > 0) return 'unsupported'; // a layer above the base
    if (type === FRAGMENT) return this.#fragment(payload, first, second);
    if (type === AGGREGATION) return this.#aggregate(payload);
    if (type > FRAGMENT) return 'unsupported';
    this.#nals.add(this.#order.first === 0 ? payload : withoutOrder(payload, this.#order.first));
    return null;
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

  /** 4.4.3. */
  #fragment(payload: Buffer, first: number, second: number): PayloadFault | null {
    const header = payload[HEADER];
    if (header === undefined) return 'malformed';
    const isFirst = (header & 0x80) !== 0;
    const isLast = (header & 0x40) !== 0;
    if (!isFirst) return this.#nals.continue(payload.subarray(HEADER + 1), isLast) ? null : 'orphan';
    const fragment = payload.subarray(HEADER + 1 + this.#order.first);
    const nalHeader = [(first & 0x81) | ((header & 0x3f) << 1), second];
    if (isLast) this.#nals.add(Buffer.concat([Buffer.from(nalHeader), fragment]));
    else this.#nals.begin(nalHeader, fragment);
    return null;
  }

  /** 4.4.2: each NAL unit with its length in front. */
  #aggregate(payload: Buffer): PayloadFault | null {
    let at = HEADER + this.#order.first;
    while (at + 2 <= payload.length) {
      const length = payload.readUInt16BE(at);
      at += 2;
      if (at + length > payload.length) return 'malformed';
      if (length > HEADER) this.#nals.add(payload.subarray(at, at + length));
      at += length;
      if (at < payload.length) at += this.#order.next;
    }
    return at === payload.length ? null : 'malformed';
  }
}

const withoutOrder = (payload: Buffer, bytes: number): Buffer =>
  Buffer.concat([payload.subarray(0, HEADER), payload.subarray(HEADER + bytes)]);
