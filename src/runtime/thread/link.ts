import type { Clock, TimerHandle } from '../clock.ts';
import { deserializeError, RuntimeError } from '../errors.ts';
import type { Message } from '../message.ts';
import type { ActorRef, AskOptions, OfferOptions, TellOutcome } from '../ref.ts';
import type { FromThread, Reply } from './protocol.ts';

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: TimerHandle | null;
}

/** A thread's connection to the actor system on the main thread: refs, asks that wait for their answer. */
export class HostLink {
  readonly #send: (message: FromThread, transfer?: readonly ArrayBuffer[]) => void;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(send: (message: FromThread, transfer?: readonly ArrayBuffer[]) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  ref<M extends Message>(path: string): ActorRef<M> {
    const request = (type: 'ask' | 'offer', message: Message, timeoutMs: number, transfer: readonly ArrayBuffer[] = []): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = this.#nextId++;
        // The host keeps the time-out; this one, a little later, covers a host that does not answer at all.
        const timer = this.#clock.setTimeout(() => {
          this.#pending.delete(id);
          reject(new RuntimeError('ASK_TIMEOUT', `${path} did not answer "${message.type}" within ${timeoutMs} ms`, { path, messageType: message.type, timeoutMs }));
        }, timeoutMs + 250);
        this.#pending.set(id, { resolve, reject, timer });
        this.#send({ type, id, path, message, timeoutMs }, transfer);
      });
    const ref = {
      path,
      tell: (message: Message): TellOutcome => {
        this.#send({ type: 'tell', path, message });
        return 'accepted';
      },
      offer: async (message: Message, options: OfferOptions): Promise<void> => {
        await request('offer', message, options.timeoutMs);
      },
      ask: (message: Message, options: AskOptions): Promise<unknown> => request('ask', message, options.timeoutMs, options.transfer),
    };
    // The protocol was checked where the ref is used; on the wire every message is just a Message.
    return ref as unknown as ActorRef<M>;
  }

  toSelf(message: Message, onLeave: (() => void) | null): void {
    const id = this.#nextId++;
    if (onLeave !== null) this.#pending.set(id, { resolve: onLeave, reject: onLeave, timer: null });
    this.#send({ type: 'self', id, message });
  }

  settle(id: number, reply: Reply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    if (pending.timer !== null) this.#clock.clearTimeout(pending.timer);
    if (reply.ok) pending.resolve(reply.value);
    else pending.reject(deserializeError(reply.error));
  }

  /** Rejects whatever still waits; nothing will answer any more. */
  close(): void {
    for (const pending of this.#pending.values()) {
      if (pending.timer !== null) this.#clock.clearTimeout(pending.timer);
      pending.reject(new RuntimeError('STOPPING', 'the asking actor is being stopped'));
    }
    this.#pending.clear();
  }
}
