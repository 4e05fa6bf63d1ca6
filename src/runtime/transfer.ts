declare const TRANSFERRED: unique symbol;

/**
 * A field whose memory is transferred to the receiver instead of copied, declared in the message's type:
 * `{ type: 'frame'; pixels: Transferred<Uint8Array<ArrayBuffer>> }`. The sender wraps its value in {@link transfer}.
 * Between actors of one thread no memory changes hands; the sender must treat it as gone all the same.
 */
export type Transferred<T extends Uint8Array<ArrayBuffer> | ArrayBuffer> = T & { readonly [TRANSFERRED]?: true };

const marked = new WeakSet<ArrayBuffer>();
/** Marked buffers that no message has carried yet. While it is 0, messages need not be searched for buffers. */
let outstanding = 0;

/** Gives the memory behind `value` away with the next message that carries it in a field. */
export function transfer<T extends Uint8Array<ArrayBuffer> | ArrayBuffer>(value: T): Transferred<T> {
  marked.add(value instanceof ArrayBuffer ? value : value.buffer);
  outstanding += 1;
  return value;
}

/** Adds the marked buffers among a message's own fields to `into`: the transfer list of the frame that carries it. */
export function collectTransfers(message: object, into: ArrayBuffer[]): void {
  if (outstanding === 0) return;
  for (const value of Object.values(message)) {
    const buffer = bufferOf(value);
    if (buffer === null || !marked.delete(buffer)) continue;
    into.push(buffer);
    outstanding -= 1;
  }
}

/** True when the memory of one of the message's own fields was transferred: it cannot be delivered again. */
export const hasTransferred = (message: object): boolean =>
  Object.values(message).some((value) => bufferOf(value)?.detached === true);

function bufferOf(value: unknown): ArrayBuffer | null {
  if (value instanceof ArrayBuffer) return value;
  return ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? value.buffer : null;
}
