import type { CameraId, ImageId } from '../messages/ids.ts';

/** What every message on the way of the data carries in its NATS headers. */
export interface Trace {
  readonly traceId: string;
  readonly cameraId: CameraId;
  readonly requestId: string;
}

/** A stored message in the hands of one consumer. Exactly one of `ack`, `nak`, `term` settles it. */
export interface Delivery<T> {
  readonly body: T;
  readonly subject: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Done with: never delivered again. */
  ack(): void;
  /** Deliver again after `delayMs`. */
  nak(delayMs: number): void;
  /** Never deliver again, and say why. */
  term(reason: string): void;
  /** Still at it: the ack wait starts again. */
  working(): void;
}

/** A durable pull consumer: the caller says how many it can take, so nothing is queued here. */
export interface PullConsumer<T> {
  /**
   * Up to `max` messages, waiting at most `waitMs` for the first. Messages that do not parse are terminated, counted
   * and logged, never returned. Resolves to an empty list when there is nothing; rejects `BUS_DOWN` while NATS is away.
   */
  fetch(max: number, waitMs: number): Promise<readonly Delivery<T>[]>;
  /** Messages not yet delivered, and delivered but not settled. Rejects `BUS_DOWN`. */
  lag(): Promise<{ readonly waiting: number; readonly unsettled: number }>;
}

/** Validates a body; throws on a bad one. A zod schema has this shape. */
export interface Parser<T> {
  parse(body: unknown): T;
}

export type BusState = 'connected' | 'reconnecting' | 'closed';

/** NATS as the system uses it. Bodies are JSON; images never travel here. */
export interface Bus {
  state(): BusState;
  /** Stores `body` in the stream behind `subject`; resolves when the server has it. `id` de-duplicates. Rejects `BUS_DOWN`, `BUS_REFUSED`. */
  publish(subject: string, body: object, trace: Trace, id: string): Promise<void>;
  /** Plain NATS, at most once, to whoever listens now. Never throws; a failed one is counted. */
  broadcast(subject: string, body: object, trace?: Trace): void;
  /** Follows plain NATS messages. Bodies that do not parse are counted and logged. Returns the unsubscribe. */
  subscribe<T>(subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void): () => void;
  /** Opens (or re-opens) a durable consumer. */
  pull<T>(options: { readonly stream: string; readonly durable: string; readonly parser: Parser<T> }): Promise<PullConsumer<T>>;
}

/** Claim checks: JPEGs stored once, read by id, gone after their life (300 s). */
export interface ImageStore {
  /** Rejects `BUS_DOWN` or `IMAGE_TOO_LARGE` (over 900 kB). */
  put(id: ImageId, jpeg: Uint8Array): Promise<void>;
  /** Null when there is no such image (any more). Rejects `BUS_DOWN`. */
  get(id: ImageId): Promise<Uint8Array | null>;
}
