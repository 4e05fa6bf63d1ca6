import type { FeedLag, FeedPlace } from '../../messages/feed.ts';
import { feedOffset } from '../../messages/feed.ts';
import type { CameraId } from '../../messages/ids.ts';

/** The part of a WebSocket that an outbox needs. */
export interface OutgoingSocket {
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedAmount: number;
  /** Sends one text message; `done` is called when its bytes were written, or the socket failed. */
  send(text: Uint8Array, done: () => void): void;
  /** Sends a message that is framed already, shared by all viewers. */
  sendFrame(frame: Uint8Array, done: () => void): void;
}

/** An encoded message; one object for all viewers. */
export interface Outgoing {
  /** A whole WebSocket message, ready for the wire. */
  readonly frame: Uint8Array;
  /** Its place in the feed; null when it has none. */
  readonly place: FeedPlace | null;
}

export interface OutboxLimits {
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly alertQueue: number;
  readonly lagEveryMs: number;
}

export interface OutboxCounts {
  droppedFrames: number;
}

/** The part of a viewer that its outbox needs. */
export interface OutboxHost {
  now(): number;
  /** The message that tells the viewer how far behind it is. */
  lag(lag: FeedLag): Uint8Array;
  /** The outbox went over its bounds and has closed itself. */
  tooSlow(): void;
}

interface QueuedFrame {
  readonly order: number;
  readonly message: Outgoing;
}

/**
 * The messages queued for one viewer. While the network keeps up, every message is sent at once. Above `softBytes` of
 * unsent data messages are queued: of frames and statuses only the newest of each camera, of alerts all, and no frame
 * overtakes an alert. A viewer with more than `alertQueue` alerts queued, or more than `hardBytes` queued and unsent,
 * is too slow and is dropped; it can return with its offset. A viewer that catches up gets a `lag` message.
 */
export class Outbox {
  readonly #socket: OutgoingSocket;
  readonly #limits: OutboxLimits;
  /** Shared by all outboxes of a feed. */
  readonly #counts: OutboxCounts;
  readonly #host: OutboxHost;
  readonly #onSent = (): void => this.#drain();
  readonly #statuses = new Map<CameraId, Uint8Array>();
  readonly #frames = new Map<CameraId, QueuedFrame>();
  readonly #alerts: Outgoing[] = [];
  readonly #idle: (() => void)[] = [];
  #queuedBytes = 0;
  #sent: FeedPlace | null = null;
  #skipped = 0;
  #skippedSince: FeedPlace | null = null;
  #toldAt = -Infinity;
  #closed = false;

  constructor(socket: OutgoingSocket, limits: OutboxLimits, counts: OutboxCounts, host: OutboxHost) {
    this.#socket = socket;
    this.#limits = limits;
    this.#counts = counts;
    this.#host = host;
  }

  /** The greatest place among the messages handed to the network. */
  get sent(): FeedPlace | null {
    return this.#sent;
  }

  /** Bytes queued and unsent. */
  get pendingBytes(): number {
    return this.#closed ? 0 : this.#socket.bufferedAmount + this.#queuedBytes;
  }

  /** True while messages are queued because the socket's buffer is full. */
  get lagging(): boolean {
    return this.#queuedBytes > 0;
  }

  /** @param order greater for a later frame: of two queued ones, that one is kept */
  frame(camera: CameraId, order: number, message: Outgoing): void {
    if (this.#closed) return;
    if (this.#sendsAtOnce()) {
      this.#send(message);
      return;
    }
    const queued = this.#frames.get(camera);
    if (queued !== undefined) {
      this.#counts.droppedFrames += 1;
      if (this.#skipped === 0) this.#skippedSince = this.#sent;
      this.#skipped += 1;
      if (queued.order > order) return;
      this.#queuedBytes -= queued.message.frame.byteLength;
    }
    this.#frames.set(camera, { order, message });
    this.#queued(message.frame);
  }

  /** An alert, or another message that is never dropped and that no frame may overtake. */
  alert(message: Outgoing): void {
    if (this.#closed) return;
    if (this.#sendsAtOnce()) {
      this.#send(message);
      return;
    }
    this.#alerts.push(message);
    this.#queued(message.frame);
  }

  status(camera: CameraId, text: Uint8Array): void {
    if (this.#closed) return;
    this.#queuedBytes -= this.#statuses.get(camera)?.byteLength ?? 0;
    this.#statuses.set(camera, text);
    this.#queued(text);
  }

  /** An answer to the viewer's own message: sent at once, and counted towards `hardBytes`. */
  reply(text: Uint8Array): void {
    if (this.#closed) return;
    this.#socket.send(text, this.#onSent);
    this.#check();
  }

  /** Drops the queued frame and status of a camera. */
  forget(camera: CameraId): void {
    this.#queuedBytes -=
      (this.#frames.get(camera)?.message.frame.byteLength ?? 0) + (this.#statuses.get(camera)?.byteLength ?? 0);
    this.#frames.delete(camera);
    this.#statuses.delete(camera);
  }

  /** Resolves when the queue is empty, or the outbox closed. */
  drained(): Promise<void> {
    if (this.#queuedBytes === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#frames.clear();
    this.#statuses.clear();
    this.#alerts.length = 0;
    this.#queuedBytes = 0;
    this.#wake();
  }

  /** The common case, without a look into the queues. */
  #sendsAtOnce(): boolean {
    return this.#queuedBytes === 0 && this.#skipped === 0 && this.#socket.bufferedAmount <= this.#limits.softBytes;
  }

  #queued(text: Uint8Array): void {
    this.#queuedBytes += text.byteLength;
    this.#drain();
    this.#check();
  }

  #check(): void {
    if (
      this.#closed ||
      (this.#socket.bufferedAmount + this.#queuedBytes <= this.#limits.hardBytes &&
        this.#alerts.length <= this.#limits.alertQueue)
    )
      return;
    this.close();
    this.#host.tooSlow();
  }

  /** Sends queued messages until the socket's buffer is full; called again whenever it has drained some. */
  #drain(): void {
    while (!this.#closed && this.#queuedBytes > 0 && this.#socket.bufferedAmount <= this.#limits.softBytes) {
      this.#tellLag();
      this.#sendNext();
    }
    if (this.#queuedBytes > 0) return;
    this.#tellLag();
    this.#wake();
  }

  #sendNext(): void {
    const status = this.#statuses.entries().next().value;
    if (status !== undefined) {
      this.#statuses.delete(status[0]);
      this.#queuedBytes -= status[1].byteLength;
      this.#socket.send(status[1], this.#onSent);
      return;
    }
    const frame = this.#alerts.length > 0 ? undefined : this.#frames.entries().next().value;
    if (frame !== undefined) this.#frames.delete(frame[0]);
    const message = frame === undefined ? this.#alerts.shift() : frame[1].message;
    if (message === undefined) {
      this.#queuedBytes = 0;
      return;
    }
    this.#queuedBytes -= message.frame.byteLength;
    this.#send(message);
  }

  #send({ frame, place }: Outgoing): void {
    if (place !== null && (this.#sent === null || place.epoch !== this.#sent.epoch || place.seq > this.#sent.seq))
      this.#sent = place;
    this.#socket.sendFrame(frame, this.#onSent);
  }

  /** At most one message per interval; the next one counts the frames skipped meanwhile. */
  #tellLag(): void {
    if (this.#skipped === 0 || this.#closed || this.#socket.bufferedAmount > this.#limits.softBytes) return;
    const now = this.#host.now();
    if (now - this.#toldAt < this.#limits.lagEveryMs) return;
    this.#toldAt = now;
    const lag = {
      framesSkipped: this.#skipped,
      bytesWaiting: this.pendingBytes,
      since: this.#skippedSince === null ? null : feedOffset(this.#skippedSince),
    };
    this.#skipped = 0;
    this.#socket.send(this.#host.lag(lag), this.#onSent);
  }

  #wake(): void {
    if (this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
