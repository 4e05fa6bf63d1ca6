import type { FeedLag, FeedPlace } from '../../messages/feed.ts';
import { feedOffset } from '../../messages/feed.ts';
import type { CameraId } from '../../messages/ids.ts';

/** What an outbox needs of a WebSocket. */
export interface OutgoingSocket {
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedAmount: number;
  /** Sends one text message; `done` is called when its bytes have left, or cannot. */
  send(text: Uint8Array, done: () => void): void;
  /** The same for a message that other viewers get too, framed already. */
  sendFrame(frame: Uint8Array, done: () => void): void;
}

/** An encoded message; one object for all viewers. */
export interface Outgoing {
  /** A whole WebSocket message, ready for the wire: made once, written to every connection as it is. */
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

/** What an outbox asks of its viewer. */
export interface OutboxHost {
  now(): number;
  /** The message that tells the viewer how far behind it is. */
  lag(lag: FeedLag): Uint8Array;
  /** More waits than may: the outbox is closed already. */
  tooSlow(): void;
}

interface WaitingFrame {
  readonly order: number;
  readonly message: Outgoing;
}

/**
 * What one viewer still has to get. While the network keeps up everything goes straight out. Above `softBytes` of
 * unsent data a newer frame of a camera replaces the waiting one, as do statuses, and alerts queue up: none is ever left
 * out, and no frame overtakes one. Over `alertQueue` of them, or above `hardBytes` with the unsent data included, the
 * viewer is too slow to keep; it can come back and go on where it was. Once it takes data again it is told its lag.
 */
export class Outbox {
  readonly #socket: OutgoingSocket;
  readonly #limits: OutboxLimits;
  /** Shared by all outboxes of a feed. */
  readonly #counts: OutboxCounts;
  readonly #host: OutboxHost;
  readonly #onSent = (): void => this.#drain();
  readonly #statuses = new Map<CameraId, Uint8Array>();
  readonly #frames = new Map<CameraId, WaitingFrame>();
  readonly #alerts: Outgoing[] = [];
  readonly #idle: (() => void)[] = [];
  #waitingBytes = 0;
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

  /** The greatest place of what was handed to the network. */
  get sent(): FeedPlace | null {
    return this.#sent;
  }

  /** Bytes the viewer has not taken yet. */
  get behind(): number {
    return this.#closed ? 0 : this.#socket.bufferedAmount + this.#waitingBytes;
  }

  /** Something waits because the network takes no more. */
  get lagging(): boolean {
    return this.#waitingBytes > 0;
  }

  /** @param order greater for a later frame: of two waiting ones, that one is kept */
  frame(camera: CameraId, order: number, message: Outgoing): void {
    if (this.#closed) return;
    if (this.#sendsAtOnce()) {
      this.#send(message);
      return;
    }
    const waiting = this.#frames.get(camera);
    if (waiting !== undefined) {
      this.#counts.droppedFrames += 1;
      if (this.#skipped === 0) this.#skippedSince = this.#sent;
      this.#skipped += 1;
      if (waiting.order > order) return;
      this.#waitingBytes -= waiting.message.frame.byteLength;
    }
    this.#frames.set(camera, { order, message });
    this.#waits(message.frame);
  }

  /** An alert, or something else that is not left out and that no frame may overtake. */
  alert(message: Outgoing): void {
    if (this.#closed) return;
    if (this.#sendsAtOnce()) {
      this.#send(message);
      return;
    }
    this.#alerts.push(message);
    this.#waits(message.frame);
  }

  status(camera: CameraId, text: Uint8Array): void {
    if (this.#closed) return;
    this.#waitingBytes -= this.#statuses.get(camera)?.byteLength ?? 0;
    this.#statuses.set(camera, text);
    this.#waits(text);
  }

  /** An answer to the viewer itself: goes out at once, and counts towards the hard bound. */
  reply(text: Uint8Array): void {
    if (this.#closed) return;
    this.#socket.send(text, this.#onSent);
    this.#check();
  }

  /** Drops what waits of a camera the viewer no longer follows. */
  forget(camera: CameraId): void {
    this.#waitingBytes -=
      (this.#frames.get(camera)?.message.frame.byteLength ?? 0) + (this.#statuses.get(camera)?.byteLength ?? 0);
    this.#frames.delete(camera);
    this.#statuses.delete(camera);
  }

  /** Resolves when nothing waits any more, also because it was closed. */
  drained(): Promise<void> {
    if (this.#waitingBytes === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#frames.clear();
    this.#statuses.clear();
    this.#alerts.length = 0;
    this.#waitingBytes = 0;
    this.#wake();
  }

  /** The common case, without a look at what waits. */
  #sendsAtOnce(): boolean {
    return this.#waitingBytes === 0 && this.#skipped === 0 && this.#socket.bufferedAmount <= this.#limits.softBytes;
  }

  #waits(text: Uint8Array): void {
    this.#waitingBytes += text.byteLength;
    this.#drain();
    this.#check();
  }

  #check(): void {
    if (
      this.#closed ||
      (this.#socket.bufferedAmount + this.#waitingBytes <= this.#limits.hardBytes &&
        this.#alerts.length <= this.#limits.alertQueue)
    )
      return;
    this.close();
    this.#host.tooSlow();
  }

  /** Sends what may go; called again by the network whenever something has left. */
  #drain(): void {
    while (!this.#closed && this.#waitingBytes > 0 && this.#socket.bufferedAmount <= this.#limits.softBytes) {
      this.#tellLag();
      this.#sendNext();
    }
    if (this.#waitingBytes > 0) return;
    this.#tellLag();
    this.#wake();
  }

  #sendNext(): void {
    const status = this.#statuses.entries().next().value;
    if (status !== undefined) {
      this.#statuses.delete(status[0]);
      this.#waitingBytes -= status[1].byteLength;
      this.#socket.send(status[1], this.#onSent);
      return;
    }
    const frame = this.#alerts.length > 0 ? undefined : this.#frames.entries().next().value;
    if (frame !== undefined) this.#frames.delete(frame[0]);
    const message = frame === undefined ? this.#alerts.shift() : frame[1].message;
    if (message === undefined) {
      this.#waitingBytes = 0;
      return;
    }
    this.#waitingBytes -= message.frame.byteLength;
    this.#send(message);
  }

  #send({ frame, place }: Outgoing): void {
    if (place !== null && (this.#sent === null || place.epoch !== this.#sent.epoch || place.seq > this.#sent.seq))
      this.#sent = place;
    this.#socket.sendFrame(frame, this.#onSent);
  }

  /** At most one message per interval; what was skipped meanwhile is in the next. */
  #tellLag(): void {
    if (this.#skipped === 0 || this.#closed || this.#socket.bufferedAmount > this.#limits.softBytes) return;
    const now = this.#host.now();
    if (now - this.#toldAt < this.#limits.lagEveryMs) return;
    this.#toldAt = now;
    const lag = {
      framesSkipped: this.#skipped,
      bytesWaiting: this.behind,
      since: this.#skippedSince === null ? null : feedOffset(this.#skippedSince),
    };
    this.#skipped = 0;
    this.#socket.send(this.#host.lag(lag), this.#onSent);
  }

  #wake(): void {
    if (this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
