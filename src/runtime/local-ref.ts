import type { ActorCell } from './cell.ts';
import { RuntimeError } from './errors.ts';
import type { PendingAsk } from './ask-deadlines.ts';
import { Envelope, type ReplySink } from './mailbox.ts';
import type { Message } from './message.ts';
import type { AskOptions, OfferOptions, TellOutcome } from './ref.ts';
import type { CellServices } from './supervised.ts';

/** A ref that takes any message. `ActorSystem.ref` gives it the type of its address's protocol. */
export class LocalRef {
  readonly path: string;
  readonly #services: CellServices;
  readonly #find: (path: string) => ActorCell | undefined;
  /** Looked up again once it has stopped: a new dynamic child may have its path. */
  #cell: ActorCell | undefined;

  constructor(path: string, services: CellServices, find: (path: string) => ActorCell | undefined) {
    this.path = path;
    this.#services = services;
    this.#find = find;
  }

  tell(message: Message): TellOutcome {
    const cell = this.#target();
    if (cell !== undefined) return cell.push(new Envelope(message, null, this.#services.stamps.now(), null));
    this.#noActor(message);
    return 'dead';
  }

  ask(message: Message, options: AskOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cell = this.#target();
      if (cell === undefined) {
        reject(this.#noActor(message));
        return;
      }
      const { stamps, deadlines } = this.#services;
      const now = stamps.now();
      const sink = new AskSink(resolve, reject, this.path, message.type, now, options.timeoutMs);
      deadlines.add(sink, options.timeoutMs);
      cell.push(new Envelope(message, sink, now, null));
    });
  }

  async offer(message: Message, options: OfferOptions): Promise<void> {
    const { clock } = this.#services;
    const deadline = clock.now() + options.timeoutMs;
    for (;;) {
      const cell = this.#target();
      if (cell === undefined || !cell.alive) throw this.#noActor(message);
      if (!cell.full) {
        cell.push(new Envelope(message, null, this.#services.stamps.now(), null));
        return;
      }
      const left = deadline - clock.now();
      if (left <= 0 || !(await this.#roomWithin(cell, left))) {
        this.#services.deadLetter(this.path, message.type, 'mailbox-full');
        throw new RuntimeError(
          'MAILBOX_FULL',
          `the mailbox of ${this.path} had no room for "${message.type}" within ${options.timeoutMs} ms`,
          { path: this.path, messageType: message.type },
        );
      }
    }
  }

  #target(): ActorCell | undefined {
    if (this.#cell === undefined || this.#cell.state === 'stopped') this.#cell = this.#find(this.path);
    return this.#cell;
  }

  #noActor(message: Message): RuntimeError {
    this.#services.deadLetter(this.path, message.type, 'no-such-actor');
    return new RuntimeError('ACTOR_DEAD', `there is no actor at ${this.path}`, {
      path: this.path,
      messageType: message.type,
    });
  }

  #roomWithin(cell: ActorCell, ms: number): Promise<boolean> {
    const { clock } = this.#services;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        forget();
        resolve(false);
      }, ms);
      const forget = cell.waitForRoom(() => {
        clock.clearTimeout(timer);
        resolve(true);
      });
    });
  }
}

/** Settles one ask with the first of reply, failure and time-out. */
class AskSink implements ReplySink, PendingAsk {
  readonly deadline: number;
  live = true;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: Error) => void;
  readonly #path: string;
  readonly #messageType: string;
  readonly #timeoutMs: number;

  constructor(
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
    path: string,
    messageType: string,
    now: number,
    timeoutMs: number,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#path = path;
    this.#messageType = messageType;
    this.#timeoutMs = timeoutMs;
    this.deadline = now + timeoutMs;
  }

  resolve(value: unknown): void {
    this.live = false;
    this.#resolve(value);
  }

  reject(error: Error): void {
    this.live = false;
    this.#reject(error);
  }

  expire(): void {
    const [path, messageType, timeoutMs] = [this.#path, this.#messageType, this.#timeoutMs];
    this.reject(
      new RuntimeError('ASK_TIMEOUT', `${path} did not answer "${messageType}" within ${timeoutMs} ms`, {
        path,
        messageType,
        timeoutMs,
      }),
    );
  }
}
