/** Buffers the items of this turn and sends them as one frame, at the end of the turn or by `flush`. */
export abstract class Outbox<Item, Frame> {
  readonly #send: (frame: Frame, transfer: readonly ArrayBuffer[]) => void;
  protected items: Item[] | 0 = 0;
  #transfer: ArrayBuffer[] = [];
  #scheduled = false;
  #empty = true;

  constructor(send: (frame: Frame, transfer: readonly ArrayBuffer[]) => void) {
    this.#send = send;
  }

  /** The newest unsent item, which may still be changed. */
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
