import type { CameraId } from '../../messages/ids.ts';

/** What an outbox needs of a WebSocket. */
export interface OutgoingSocket {
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedAmount: number;
  /** Sends one text message; `done` is called when its bytes have left, or cannot. */
  send(text: Uint8Array, done: () => void): void;
}

export interface OutboxLimits {
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly alertQueue: number;
}

export interface OutboxCounts {
  droppedFrames: number;
  droppedAlerts: number;
}

interface WaitingFrame {
  readonly order: number;
  readonly text: Uint8Array;
}

/**
 * What one viewer still has to get. While the network keeps up everything goes straight out. Above `softBytes` of
 * unsent data a newer frame of a camera replaces the waiting one, as do statuses, and alerts queue up to
 * `alertQueue`, oldest dropped. Above `hardBytes`, waiting data included, the viewer is too slow to keep.
 */
export class Outbox {
  readonly #socket: OutgoingSocket;
  readonly #limits: OutboxLimits;
  /** Shared by all outboxes of a feed. */
  readonly #counts: OutboxCounts;
  readonly #onTooSlow: () => void;
  readonly #statuses = new Map<CameraId, Uint8Array>();
  readonly #frames = new Map<CameraId, WaitingFrame>();
  readonly #alerts: Uint8Array[] = [];
  #waitingBytes = 0;
  #closed = false;

  constructor(socket: OutgoingSocket, limits: OutboxLimits, counts: OutboxCounts, onTooSlow: () => void) {
    this.#socket = socket;
    this.#limits = limits;
    this.#counts = counts;
    this.#onTooSlow = onTooSlow;
  }

  /** @param order greater for a later frame: of two waiting ones, that one is kept */
  frame(camera: CameraId, order: number, text: Uint8Array): void {
    const waiting = this.#frames.get(camera);
    if (waiting !== undefined) {
      this.#counts.droppedFrames += 1;
      if (waiting.order > order) return;
      this.#waitingBytes -= waiting.text.byteLength;
    }
    this.#frames.set(camera, { order, text });
    this.#waits(text);
  }

  alert(text: Uint8Array): void {
    if (this.#alerts.length >= this.#limits.alertQueue) {
      this.#waitingBytes -= this.#alerts.shift()?.byteLength ?? 0;
      this.#counts.droppedAlerts += 1;
    }
    this.#alerts.push(text);
    this.#waits(text);
  }

  status(camera: CameraId, text: Uint8Array): void {
    this.#waitingBytes -= this.#statuses.get(camera)?.byteLength ?? 0;
    this.#statuses.set(camera, text);
    this.#waits(text);
  }

  /** An answer to the viewer itself: goes out at once, and counts towards the hard bound. */
  reply(text: Uint8Array): void {
    if (this.#closed) return;
    this.#send(text);
    this.#check();
  }

  /** Drops what waits of a camera the viewer no longer follows. */
  forget(camera: CameraId): void {
    this.#waitingBytes -= (this.#frames.get(camera)?.text.byteLength ?? 0) + (this.#statuses.get(camera)?.byteLength ?? 0);
    this.#frames.delete(camera);
    this.#statuses.delete(camera);
  }

  close(): void {
    this.#closed = true;
    this.#frames.clear();
    this.#statuses.clear();
    this.#alerts.length = 0;
    this.#waitingBytes = 0;
  }

  #waits(text: Uint8Array): void {
    this.#waitingBytes += text.byteLength;
    this.#drain();
    this.#check();
  }

  #check(): void {
    if (this.#closed || this.#socket.bufferedAmount + this.#waitingBytes <= this.#limits.hardBytes) return;
    this.close();
    this.#onTooSlow();
  }

  /** Sends what may go; called again by the network whenever something has left. */
  #drain(): void {
    while (!this.#closed && this.#socket.bufferedAmount <= this.#limits.softBytes) {
      const next = this.#next();
      if (next === null) return;
      this.#waitingBytes -= next.byteLength;
      this.#send(next);
    }
  }

  #next(): Uint8Array | null {
    const status = this.#statuses.entries().next().value;
    if (status !== undefined) {
      this.#statuses.delete(status[0]);
      return status[1];
    }
    const alert = this.#alerts.shift();
    if (alert !== undefined) return alert;
    const frame = this.#frames.entries().next().value;
    if (frame === undefined) return null;
    this.#frames.delete(frame[0]);
    return frame[1].text;
  }

  #send(text: Uint8Array): void {
    this.#socket.send(text, () => this.#drain());
  }
}
