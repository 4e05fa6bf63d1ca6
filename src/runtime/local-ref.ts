import type { ActorCell } from './cell.ts';
import { RuntimeError } from './errors.ts';
import { Envelope } from './mailbox.ts';
import type { Message } from './message.ts';
import type { AskOptions, OfferOptions, TellOutcome } from './ref.ts';
import type { CellServices } from './supervised.ts';

/** A ref before types: any message. `ActorSystem.ref` gives it the protocol of its address. */
export class WireRef {
  readonly path: string;
  readonly #services: CellServices;
  readonly #find: (path: string) => ActorCell | undefined;
  /** Looked up again when it is not there any more: the actor may come and go. */
  #cell: ActorCell | undefined;

  constructor(path: string, services: CellServices, find: (path: string) => ActorCell | undefined) {
    this.path = path;
    this.#services = services;
    this.#find = find;
  }

  tell(message: Message): TellOutcome {
    const cell = this.#target();
    if (cell !== undefined) return cell.push(new Envelope(message, null, this.#services.clock.now(), null));
    this.#nobody(message);
    return 'dead';
  }

  ask(message: Message, options: AskOptions): Promise<unknown> {
    const { clock } = this.#services;
    return new Promise((resolve, reject) => {
      const cell = this.#target();
      if (cell === undefined) {
        reject(this.#nobody(message));
        return;
      }
      const { timeoutMs } = options;
      const timer = clock.setTimeout(() => {
        const { path } = this;
        reject(new RuntimeError('ASK_TIMEOUT', `${path} did not answer "${message.type}" within ${timeoutMs} ms`, { path, messageType: message.type, timeoutMs }));
      }, timeoutMs);
      const sink = {
        resolve: (value: unknown): void => {
          clock.clearTimeout(timer);
          resolve(value);
        },
        reject: (error: Error): void => {
          clock.clearTimeout(timer);
          reject(error);
        },
      };
      cell.push(new Envelope(message, sink, clock.now(), null));
    });
  }

  async offer(message: Message, options: OfferOptions): Promise<void> {
    const { clock } = this.#services;
    const deadline = clock.now() + options.timeoutMs;
    for (;;) {
      const cell = this.#target();
      if (cell === undefined || !cell.alive) throw this.#nobody(message);
      if (!cell.full) {
        cell.push(new Envelope(message, null, clock.now(), null));
        return;
      }
      const left = deadline - clock.now();
      if (left <= 0 || !(await this.#roomWithin(cell, left))) {
        this.#services.deadLetter(this.path, message.type, 'mailbox-full');
        throw new RuntimeError('MAILBOX_FULL', `the mailbox of ${this.path} had no room for "${message.type}" within ${options.timeoutMs} ms`, { path: this.path, messageType: message.type });
      }
    }
  }

  #target(): ActorCell | undefined {
    if (this.#cell === undefined || this.#cell.state === 'stopped') this.#cell = this.#find(this.path);
    return this.#cell;
  }

  #nobody(message: Message): RuntimeError {
    this.#services.deadLetter(this.path, message.type, 'no-such-actor');
    return new RuntimeError('ACTOR_DEAD', `nobody lives at ${this.path}`, { path: this.path, messageType: message.type });
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
