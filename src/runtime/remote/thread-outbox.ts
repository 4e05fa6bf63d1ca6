import type { Message } from '../message.ts';
import {
  ASKED_ALL,
  ASKED_NONE,
  type Asked,
  type FrameFromRemote,
  type FrameToRemote,
  type FromRemote,
  type ToRemote,
} from './thread-protocol.ts';

/** Gathers what is to be said in this turn and sends it as one frame: at the end of the turn, or when told to. */
abstract class Outbox<Item, Frame> {
  readonly #send: (frame: Frame, transfer: readonly ArrayBuffer[]) => void;
  protected items: Item[] | 0 = 0;
  #transfer: ArrayBuffer[] = [];
  #scheduled = false;
  #empty = true;

  constructor(send: (frame: Frame, transfer: readonly ArrayBuffer[]) => void) {
    this.#send = send;
  }

  /** The newest item, to be added to while it has not gone. */
  get last(): Item | undefined {
    return this.items === 0 ? undefined : this.items.at(-1);
  }

  /** Buffers that move with the frame. */
  get transfer(): ArrayBuffer[] {
    return this.#transfer;
  }

  add(item: Item): void {
    if (this.items === 0) this.items = [item];
    else this.items.push(item);
    this.wake();
  }

  protected wake(): void {
    this.#empty = false;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#turnEnds);
  }

  /** Throws when something in it cannot be cloned. */
  flush(): void {
    if (this.#empty) return;
    this.#empty = true;
    const transfer = this.#transfer;
    if (transfer.length > 0) this.#transfer = [];
    const frame = this.takeFrame();
    this.items = 0;
    this.#send(frame, transfer);
  }

  protected abstract takeFrame(): Frame;

  readonly #turnEnds = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}

/** The host's side: messages in order of their numbers. */
export class HostOutbox extends Outbox<ToRemote, FrameToRemote> {
  readonly #asJson: boolean;
  #seq = 0;
  #asked: Asked = ASKED_NONE;
  #messages: Message[] = [];

  constructor(asJson: boolean, send: (frame: FrameToRemote, transfer: readonly ArrayBuffer[]) => void) {
    super(send);
    this.#asJson = asJson;
  }

  /** Items go before the messages of a frame, so one that must come after them starts the next. */
  addInOrder(item: ToRemote): void {
    if (this.#messages.length > 0) this.flush();
    this.add(item);
  }

  message(seq: number, message: Message, asked: boolean): void {
    const messages = this.#messages;
    if (messages.length === 0) {
      this.#seq = seq;
      this.#asked = asked ? ASKED_ALL : ASKED_NONE;
      this.wake();
    } else if (this.#asked !== (asked ? ASKED_ALL : ASKED_NONE)) {
      if (typeof this.#asked === 'number')
        this.#asked = this.#asked === ASKED_ALL ? messages.map((_, offset) => offset) : [];
      if (asked) this.#asked.push(messages.length);
    }
    messages.push(message);
  }

  protected takeFrame(): FrameToRemote {
    const messages = this.#messages;
    if (messages.length === 0) return [this.items, 0, ASKED_NONE, 0];
    this.#messages = [];
    return [this.items, this.#seq, this.#asked, this.#asJson ? JSON.stringify(messages) : messages];
  }
}

/** The actor's side: answers and the count of what was handled. */
export class RemoteOutbox extends Outbox<FromRemote, FrameFromRemote> {
  #replies: unknown[] | 0 = 0;
  #processed = 0;
  #busyMs = 0;

  reply(seq: number, value: unknown): void {
    if (this.#replies === 0) this.#replies = [seq, value];
    else this.#replies.push(seq, value);
    this.wake();
  }

  processed(count: number, busyMs: number): void {
    this.#processed += count;
    this.#busyMs = busyMs;
    this.wake();
  }

  protected takeFrame(): FrameFromRemote {
    const frame: FrameFromRemote = [this.items, this.#processed, this.#busyMs, this.#replies];
    this.#replies = 0;
    this.#processed = 0;
    return frame;
  }
}
