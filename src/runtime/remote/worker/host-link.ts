import type { Clock, TimerHandle } from '../../clock.ts';
import { deserializeError, RuntimeError } from '../../errors.ts';
import type { Message } from '../../message.ts';
import { collectTransfers } from '../../transfer.ts';
import type { ActorRef, AskOptions, OfferOptions, TellOutcome } from '../../ref.ts';
import type { Reply } from '../to-worker.ts';
import type { WorkerOutbox } from './worker-outbox.ts';

interface PendingRequest {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: TimerHandle | null;
}

/** The host enforces the time-outs. Ours is this much longer, in case the host does not answer at all. */
const GRACE_MS = 250;

/** A worker's way to all other actors: its refs, its credit for tells, its pending asks. */
export class HostLink {
  readonly #outbox: WorkerOutbox;
  readonly #clock: Clock;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #creditWaiters: PendingRequest[] = [];
  #credit: number;
  #nextId = 1;

  constructor(outbox: WorkerOutbox, clock: Clock, credit: number) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#credit = credit;
  }

  ref<M extends Message>(path: string): ActorRef<M> {
    const ref = {
      path,
      tell: (message: Message): TellOutcome => this.#tell(path, message),
      offer: (message: Message, options: OfferOptions): Promise<void> => this.#offer(path, message, options.timeoutMs),
      ask: (message: Message, options: AskOptions): Promise<unknown> =>
        this.#request('ask', path, message, options.timeoutMs),
    };
    // The protocol was checked where the ref is used; on the wire every message is just a Message.
    return ref as unknown as ActorRef<M>;
  }

  toSelf(message: Message, onLeave: (() => void) | null): void {
    const id = this.#nextId++;
    if (onLeave !== null) this.#pending.set(id, { resolve: onLeave, reject: onLeave, timer: null });
    this.#outbox.add({ type: 'self', id, message });
  }

  settle(id: number, reply: Reply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#cancelTimer(pending);
    if (reply.ok) pending.resolve(reply.value);
    else pending.reject(deserializeError(reply.error));
  }

  grant(count: number): void {
    this.#credit += count;
    while (this.#credit > 0) {
      const waiter = this.#creditWaiters.shift();
      if (waiter === undefined) return;
      this.#cancelTimer(waiter);
      waiter.resolve(null);
    }
  }

  /** Rejects every pending request. */
  close(): void {
    for (const pending of [...this.#pending.values(), ...this.#creditWaiters.splice(0)]) {
      this.#cancelTimer(pending);
      pending.reject(new RuntimeError('STOPPING', 'the asking actor is being stopped'));
    }
    this.#pending.clear();
  }

  #cancelTimer({ timer }: PendingRequest): void {
    if (timer !== null) this.#clock.clearTimeout(timer);
  }

  #tell(path: string, message: Message): TellOutcome {
    if (this.#credit <= 0) {
      const { last } = this.#outbox;
      if (last?.type === 'refused' && last.path === path && last.messageType === message.type)
        Object.assign(last, { count: last.count + 1 });
      else this.#outbox.add({ type: 'refused', path, messageType: message.type, count: 1 });
      return 'refused';
    }
    this.#credit -= 1;
    collectTransfers(message, this.#outbox.transfer);
    const { last } = this.#outbox;
    if (last?.type === 'tells' && last.path === path) last.messages.push(message);
    else this.#outbox.add({ type: 'tells', path, messages: [message] });
    return 'accepted';
  }

  async #offer(path: string, message: Message, timeoutMs: number): Promise<void> {
    const deadline = this.#clock.now() + timeoutMs;
    if (this.#credit <= 0) {
      const text = `no room on the way to ${path} for "${message.type}" within ${timeoutMs} ms`;
      await this.#creditWithin(timeoutMs, new RuntimeError('MAILBOX_FULL', text, { path, messageType: message.type }));
    }
    await this.#request('offer', path, message, Math.max(0, deadline - this.#clock.now()));
  }

  /** Waits for credit at most `ms`, then rejects with `late`. */
  #creditWithin(ms: number, late: RuntimeError): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        this.#creditWaiters.splice(this.#creditWaiters.indexOf(waiter), 1);
        reject(late);
      }, ms);
      const waiter: PendingRequest = { resolve: () => resolve(), reject, timer };
      this.#creditWaiters.push(waiter);
    });
  }

  #request(type: 'ask' | 'offer', path: string, message: Message, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const timer = this.#clock.setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new RuntimeError('ASK_TIMEOUT', `${path} did not answer "${message.type}" within ${timeoutMs} ms`, {
            path,
            messageType: message.type,
            timeoutMs,
          }),
        );
      }, timeoutMs + GRACE_MS);
      this.#pending.set(id, { resolve, reject, timer });
      collectTransfers(message, this.#outbox.transfer);
      this.#outbox.add({ type, id, path, message, timeoutMs });
    });
  }
}
