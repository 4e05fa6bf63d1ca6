import { z } from 'zod';
import type { CameraId, ImageId, RequestId } from '../messages/ids.ts';
import type { ClipRecord, StoredClip } from '../messages/wanted.ts';

/** What every message on the way of the data carries in its NATS headers. */
export interface Trace {
  readonly traceId: string;
  readonly cameraId: CameraId;
  readonly requestId: string;
  /** The span that sends the message. Default: that of the whole frame. */
  readonly spanId?: string;
}

/** Where the server put a published message. */
export interface Stored {
  /** Sequence in its stream, from 1; that of the first one when this was a duplicate. */
  readonly seq: number;
  /** The stream had this id already and stored nothing. */
  readonly duplicate: boolean;
}

/** A message as a stream holds it. */
export interface StoredMessage<T> {
  readonly body: T;
  readonly subject: string;
  /** Sequence in its stream, from 1. */
  readonly seq: number;
  /** When the server stored it, epoch ms. */
  readonly storedAt: number;
}

/** A stored message in the hands of one consumer. Exactly one of `ack`, `nak`, `deadLetter` settles it. */
export interface Delivery<T> extends StoredMessage<T> {
  /** 1 for the first delivery. */
  readonly attempt: number;
  /**
   * Call it before the message is handled. A message that ends the process twice while it is handled is put aside.
   * Cheap.
   */
  begin(): void;
  /** Never deliver it again. */
  ack(): void;
  /** Deliver it again after `delayMs`; 0: at once. */
  nak(delayMs: number): void;
  /**
   * Stores it among the dead letters with this reason; it is never delivered again. Never rejects: when the dead letter
   * cannot be stored, the message is delivered again.
   */
  deadLetter(reason: string): Promise<void>;
  /** Restarts the ack wait: the message is still being handled. */
  working(): void;
}

/** The backlog of a consumer. */
export interface QueueLag {
  /** Not delivered yet. */
  readonly waiting: number;
  /** Delivered and not settled. */
  readonly unsettled: number;
}

/**
 * A durable pull consumer. A message that does not parse, or was delivered too often already, becomes a dead letter,
 * counted and logged; the caller never sees it. A message that was not requested stays available to other nodes.
 */
export interface PullConsumer<T> {
  /**
   * Yields messages as they arrive, at most `max`, for at most `waitMs`. Ends when `max` arrived, the time is over or
   * `signal` aborts; no message is on its way to us once it has ended. Throws `BUS_DOWN` while NATS is down.
   */
  receive(max: number, waitMs: number, signal?: AbortSignal): AsyncIterable<Delivery<T>>;
  /**
   * Resolves to the messages that are ready now, up to `max`; when none is, to those that are ready when the first
   * arrives within `waitMs`, or to an empty list. Rejects `BUS_DOWN` while NATS is down, unless messages had arrived
   * before. `signal` ends the wait; messages already on their way are still returned.
   */
  fetch(max: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery<T>[]>;
  /** Rejects `BUS_DOWN`. */
  lag(): Promise<QueueLag>;
  /** Ends pending calls. Messages that arrived and were not returned are handed back. Never rejects. */
  close(): Promise<void>;
}

export interface PullOptions<T> {
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
}

/** The schema of a body. Every body that is read is checked against it, see `readBody`. */
export type Parser<T> = z.ZodType<T>;

/** For callers that need only the position of a message in its stream. */
export const ANY_BODY: Parser<unknown> = z.unknown();

export interface ReadOptions<T> {
  readonly stream: string;
  /** Subject with wildcards; default all of the stream. */
  readonly filter?: string;
  readonly parser: Parser<T>;
  /** The first one wanted: by sequence, or stored at or after `time` (epoch ms). */
  readonly from: { readonly seq: number } | { readonly time: number };
  /** Most messages returned. */
  readonly limit: number;
}

export interface FollowOptions<T> {
  readonly stream: string;
  /** Subject with wildcards; default all of the stream. */
  readonly filter?: string;
  readonly parser: Parser<T>;
  /** `new`: messages stored from now on; a sequence: from that message on. */
  readonly from: 'new' | { readonly seq: number };
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called with each message once, in order. Its errors are logged. */
  readonly onMessage: (message: StoredMessage<T>) => void;
  /**
   * The stream is another one (its sequences began anew), or messages were gone before they could be read; `why` says
   * which.
   */
  readonly onReset?: ((why: string) => void) | undefined;
}

export type BusState = 'connected' | 'reconnecting' | 'closed';

/** NATS as the system uses it. Bodies are JSON; images never travel here. */
export interface Bus {
  state(): BusState;
  /**
   * Stores `body`, an object or its JSON text, in the stream behind `subject`; resolves when the server has it. `id`
   * de-duplicates. Rejects `BUS_DOWN` when a retry may help (also for a full disk), `BUS_REFUSED` when not. After a
   * rejection the message may be stored all the same.
   */
  publish(subject: string, body: object | string, trace: Trace, id: string): Promise<Stored>;
  /** Sends over plain NATS, at most once, to the present subscribers. Never throws; a failure is counted. */
  broadcast(subject: string, body: object, trace?: Trace): void;
  /** Follows plain NATS messages. Bodies that do not parse are counted and logged. Returns the unsubscribe. */
  subscribe<T>(subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void): () => void;
  /** Opens (or re-opens) a durable consumer. */
  pull<T>(options: PullOptions<T>): Promise<PullConsumer<T>>;
  /**
   * The messages stored now, oldest first. Bodies that do not parse are counted, logged and skipped. Rejects
   * `BUS_DOWN`.
   */
  read<T>(options: ReadOptions<T>): Promise<readonly StoredMessage<T>[]>;
  /** The newest message on `subject`; null when there is none. Rejects `BUS_DOWN`. */
  last<T>(options: {
    readonly stream: string;
    readonly subject: string;
    readonly parser: Parser<T>;
  }): Promise<StoredMessage<T> | null>;
  /**
   * Follows a stream from now on until `signal` is aborted, over reconnects and restarts of the server. Nothing is
   * acked: every follower gets all.
   */
  follow<T>(options: FollowOptions<T>): void;
  /** Identifies one incarnation of a stream; one that was lost and made anew has another. Rejects `BUS_DOWN`. */
  streamEpoch(stream: string): Promise<string>;
}

/** How a request ended: answered, with nobody listening, or without an answer in time. */
export type Answered<T> =
  | { readonly outcome: 'answered'; readonly body: T }
  | { readonly outcome: 'nobody' }
  | { readonly outcome: 'silent' };

/** Requests and their answers over plain NATS, at most once each. */
export interface Requests {
  /**
   * The first answer within `timeoutMs`. Rejects `BUS_DOWN` while there is no connection and when it is lost,
   * `BUS_REFUSED` for an answer that does not parse.
   */
  ask<T>(subject: string, body: object, parser: Parser<T>, timeoutMs: number): Promise<Answered<T>>;
  /**
   * Answers requests, also over reconnects; null leaves a request to others. Requests that do not parse and failures of
   * `handler` are logged. Returns the unsubscribe.
   */
  answer<T>(subject: string, parser: Parser<T>, handler: (body: T) => Promise<object | null>): () => void;
}

/** Clips of alerts, kept as long as the alerts or until there is no room. All methods reject `BUS_DOWN`. */
export interface ClipStore {
  /** What the clip of this alert is like, or why there is none; null while nothing is known. */
  find(id: RequestId): Promise<ClipRecord | null>;
  /** Rejects `CLIP_TOO_LARGE`, over 34 MB. */
  put(id: RequestId, mp4: Uint8Array, span: Pick<StoredClip, 'from' | 'to'>): Promise<void>;
  putNone(id: RequestId, reason: string): Promise<void>;
  /**
   * The bytes from `first` to `last`, which are within the clip, in pieces; one piece at a time is in memory. Rejects
   * `CLIP_GONE` when a piece was removed.
   */
  read(id: RequestId, clip: StoredClip, first: number, last: number): AsyncGenerator<Uint8Array, void, undefined>;
  /** Bytes of all clips. */
  bytes(): Promise<number>;
}

export interface StoredImage {
  readonly jpeg: Uint8Array;
  /** The camera it is of; null when it does not say, as those of earlier versions. */
  readonly cameraId: CameraId | null;
}

/** Claim checks: JPEGs stored once and read by id. They are gone after 300 s; those of alerts live on, smaller. */
export interface ImageStore {
  /**
   * Rejects `BUS_DOWN` or `IMAGE_TOO_LARGE`, over 900 kB or what NATS takes, whose field `most` says how many bytes
   * that is.
   */
  put(id: ImageId, jpeg: Uint8Array, cameraId: CameraId): Promise<void>;
  /** The image as stored now; null when it is not stored yet, or no longer. Rejects `BUS_DOWN`. */
  find(id: ImageId): Promise<Uint8Array | null>;
  /** As `find`, with the camera. */
  findStored(id: ImageId): Promise<StoredImage | null>;
  /**
   * As `find`, but an image that is not stored is asked for and waited for, up to 5 s: the JPEGs of an analysed frame
   * are made when they are wanted, and can be for 12 s. Rejects `BUS_DOWN`, and with the reason of `signal`, which ends
   * the wait.
   */
  get(id: ImageId, signal?: AbortSignal): Promise<Uint8Array | null>;
  /** As `get` for each of these, asked for in one message. The first is made first. */
  getAll(ids: readonly ImageId[], signal?: AbortSignal): readonly Promise<Uint8Array | null>[];
}

/** Pictures of alerts, 50 kB each or less, kept as long as the alerts; {@link ImageStore.get} finds them too. */
export interface AlertImageStore {
  /** Rejects `BUS_DOWN`. */
  has(id: ImageId): Promise<boolean>;
  /** Rejects `BUS_DOWN` or `IMAGE_TOO_LARGE`. */
  put(id: ImageId, jpeg: Uint8Array, cameraId: CameraId): Promise<void>;
}
