import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import { InfraError } from '../infra-error.ts';
import { statusOf } from './headers.ts';

export interface SendOptions {
  readonly headers?: MsgHdrs;
  /** Where an answer goes. */
  readonly reply?: string;
}

interface Outgoing extends SendOptions {
  readonly subject: string;
  readonly payload: Uint8Array | string;
  readonly onError: (error: unknown) => void;
}

interface Asked {
  readonly subject: string;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: unknown) => void;
}

/** Messages that nobody waits for go out after this long at the latest. */
const IDLE_MS = 5;
/** How often it is looked whether an answer is overdue, so a time-out comes at most this much late. */
const LOOK_MS = 250;

/**
 * What Gantry sends over one connection. Messages come in crowds, and a write costs more than a message, so they go out
 * together, in order: those that somebody waits for after the microtasks that are due (a crowd of tasks moves in step, so
 * its requests meet there), with all that waits; others at the end of this turn of the event loop at the latest; and what
 * nobody waits for (acks) with the next of them, or a moment later. All answers come to one inbox, and one timer watches
 * all of them: the client's own `request` makes a timer and an error with its stack for each, four times the work of the
 * message itself.
 */
export class Wire {
  readonly #nc: NatsConnection;
  readonly #inbox = createInbox();
  readonly #asked = new Map<string, Asked>();
  #out: Outgoing[] = [];
  #immediate: NodeJS.Immediate | null = null;
  #idle: NodeJS.Timeout | null = null;
  #due = false;
  #listening = false;
  #looking: NodeJS.Timeout | null = null;
  #lastToken = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /** Requests not answered yet. */
  get open(): number {
    return this.#asked.size;
  }

  /** Sends at the end of this turn, or before. What cannot be sent (too large, the connection is closed) is told to `onError`. */
  send(
    subject: string,
    payload: Uint8Array | string,
    options: SendOptions = {},
    onError: (error: unknown) => void = ignore,
  ): void {
    this.#out.push({ ...options, subject, payload, onError });
    this.#immediate ??= setImmediate(() => this.flush());
  }

  /** As `send`, for what nobody waits for: it may leave a moment later, with others. */
  sendIdly(subject: string, payload: Uint8Array | string): void {
    this.#out.push({ subject, payload, onError: ignore });
    this.#idle ??= setTimeout(() => this.flush(), IDLE_MS);
  }

  /**
   * The answer to a request. Rejects `BUS_DOWN` when none comes in time, when nobody is there to answer, and by `cut`;
   * with what the client says when it cannot be sent.
   */
  ask(subject: string, payload: Uint8Array | string, timeoutMs: number, headers?: MsgHdrs): Promise<Msg> {
    if (!this.#listening) this.#nc.subscribe(`${this.#inbox}.*`, { callback: (_, message) => this.#answered(message) });
    this.#listening = true;
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
    const token = String((this.#lastToken += 1));
    return new Promise((resolve, reject) => {
      this.#asked.set(token, { subject, deadline: performance.now() + timeoutMs, resolve, reject });
      this.send(
        subject,
        payload,
        { reply: `${this.#inbox}.${token}`, ...(headers === undefined ? {} : { headers }) },
        (error) => {
          this.#asked.delete(token);
          reject(error);
        },
      );
      if (this.#due) return;
      this.#due = true;
      queueMicrotask(() => this.flush());
    });
  }

  /** Sends now what waits. */
  flush(): void {
    this.#due = false;
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const out = this.#out;
    this.#out = [];
    for (const { subject, payload, onError, headers, reply } of out) {
      try {
        this.#nc.publish(subject, payload, {
          ...(headers === undefined ? {} : { headers }),
          ...(reply === undefined ? {} : { reply }),
        });
      } catch (thrown) {
        onError(thrown);
      }
    }
  }

  /** The connection is gone: nobody answers any more what was asked on it, and what was not sent yet is not sent. */
  cut(reason: Error): void {
    const out = this.#out;
    this.#out = [];
    for (const { onError } of out) onError(reason);
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(reason);
  }

  #answered(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const asked = this.#asked.get(token);
    if (asked === undefined) return;
    this.#asked.delete(token);
    // The server's own word that nobody listens to the subject.
    if (statusOf(message).code === 503)
      asked.reject(new InfraError('BUS_DOWN', `nobody answers on ${asked.subject}`, { subject: asked.subject }));
    else asked.resolve(message);
  }

  #look(): void {
    if (this.#asked.size === 0 && this.#looking !== null) {
      clearInterval(this.#looking);
      this.#looking = null;
    }
    const now = performance.now();
    for (const [token, { subject, deadline, reject }] of this.#asked) {
      if (deadline > now) continue;
      this.#asked.delete(token);
      reject(new InfraError('BUS_DOWN', `no answer on ${subject} in time`, { subject }));
    }
  }
}

const ignore = (): void => undefined;
