/** The payload of a packet that could not be used, or not wholly. */
export type PayloadFault =
  /** It breaks its format. */
  | 'malformed'
  /** A form of packet that is allowed but that no known camera sends. */
  | 'unsupported'
  /** A fragment whose beginning did not come. */
  | 'orphan';

/** One coded picture, put together from packets. */
export interface Assembled {
  readonly data: Buffer;
  readonly isKey: boolean;
  /** A keyframe after which no picture needs one before it (IDR, or a JPEG). */
  readonly isClosed: boolean;
  /** Its first part is there. False when packets before those that came belong to it. */
  readonly hasStart: boolean;
}

/** Puts the payloads of one track together. It keeps views of them until the picture is complete. */
export interface Depacketizer {
  /** Bytes held for the picture that is not complete. */
  readonly held: number;
  /** Nothing that could be shown came yet: what did come belongs to the next picture. */
  readonly isEmpty: boolean;
  push(payload: Buffer): PayloadFault | null;
  /** Packets are missing before the next one. */
  gap(): void;
  /** Ends the picture; null for one that cannot be decoded: a keyframe without its parameter sets, half a JPEG. */
  finish(): Assembled | null;
  /** Forgets the picture that is not complete. */
  discard(): void;
}
