import type { Message } from '../../message.ts';
import { Outbox } from '../outbox.ts';
import { ASKED_ALL, ASKED_NONE, type Asked, type FrameToWorker, type ToWorker } from '../to-worker.ts';

/** The host's side: messages in order of their numbers. */
export class HostOutbox extends Outbox<ToWorker, FrameToWorker> {
  readonly #asJson: boolean;
  #seq = 0;
  #asked: Asked = ASKED_NONE;
  #messages: Message[] = [];

  constructor(asJson: boolean, send: (frame: FrameToWorker, transfer: readonly ArrayBuffer[]) => void) {
    super(send);
    this.#asJson = asJson;
  }

  /** The items of a frame precede its messages, so an item that must follow pending messages starts a new frame. */
  addInOrder(item: ToWorker): void {
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

  protected takeFrame(): FrameToWorker {
    const messages = this.#messages;
    if (messages.length === 0) return [this.items, 0, ASKED_NONE, 0];
    this.#messages = [];
    return [this.items, this.#seq, this.#asked, this.#asJson ? JSON.stringify(messages) : messages];
  }
}
