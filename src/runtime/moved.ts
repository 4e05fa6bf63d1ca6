declare const MOVED: unique symbol;

/**
 * A field whose memory moves to the receiver instead of being copied, declared in the message's type:
 * `{ type: 'frame'; pixels: Moved<Uint8Array<ArrayBuffer>> }`. Only {@link move} makes one, so a sender cannot forget.
 * Between actors of one thread nothing moves; the sender must treat it as gone all the same.
 */
export type Moved<T extends Uint8Array<ArrayBuffer> | ArrayBuffer> = T & { readonly [MOVED]?: true };

const marked = new WeakSet<ArrayBuffer>();
/** Buffers given away and not yet collected; most messages carry none, and then nobody looks. */
let outstanding = 0;

/** Gives the memory behind `value` away with the next message that carries it in a field. */
export function move<T extends Uint8Array<ArrayBuffer> | ArrayBuffer>(value: T): Moved<T> {
  marked.add(value instanceof ArrayBuffer ? value : value.buffer);
  outstanding += 1;
  return value;
}

/** The buffers among a message's own fields that were given away; `into` grows by them. */
export function collectMoved(message: object, into: ArrayBuffer[]): void {
  if (outstanding === 0) return;
  for (const value of Object.values(message)) {
    const buffer =
      value instanceof ArrayBuffer
        ? value
        : value instanceof Uint8Array && value.buffer instanceof ArrayBuffer
          ? value.buffer
          : null;
    if (buffer === null || !marked.delete(buffer)) continue;
    into.push(buffer);
    outstanding -= 1;
  }
}
