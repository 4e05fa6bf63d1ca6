import type { ActorCell } from './cell.ts';
import { RuntimeError } from './errors.ts';
import type { Envelope, ReplySink } from './mailbox.ts';
import type { Message } from './message.ts';
import type { AskOptions, OfferOptions, TellOutcome } from './ref.ts';
import type { CellServices } from './supervised.ts';

/** A ref before types: any message. `ActorSystem.ref` gives it the protocol of its address. */
export interface WireRef {
  readonly path: string;
  tell(message: Message): TellOutcome;
  offer(message: Message, options: OfferOptions): Promise<void>;
  ask(message: Message, options: AskOptions): Promise<unknown>;
}

/** A ref to an actor whose cell lives in this thread; `find` looks it up at every use, so that it may come and go. */
export function localRef(path: string, find: () => ActorCell | undefined, services: CellServices): WireRef {
  const { clock } = services;
  const envelope = (message: Message, reply: ReplySink | null, transfer: readonly ArrayBuffer[]): Envelope => ({
    message,
    at: clock.now(),
    reply,
    transfer,
    onLeave: null,
    incarnation: null,
  });
  const nobody = (message: Message): RuntimeError => {
    services.deadLetter(path, message.type, 'no-such-actor');
    return new RuntimeError('ACTOR_DEAD', `nobody lives at ${path}`, { path, messageType: message.type });
  };

  const tell = (message: Message): TellOutcome => {
    const cell = find();
    if (cell !== undefined) return cell.push(envelope(message, null, []));
    nobody(message);
    return 'dead';
  };

  const ask = (message: Message, options: AskOptions): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const cell = find();
      if (cell === undefined) {
        reject(nobody(message));
        return;
      }
      const { timeoutMs } = options;
      const timer = clock.setTimeout(() => {
        reject(new RuntimeError('ASK_TIMEOUT', `${path} did not answer "${message.type}" within ${timeoutMs} ms`, { path, messageType: message.type, timeoutMs }));
      }, timeoutMs);
      const settle = <A>(how: (value: A) => void) => (value: A): void => {
        clock.clearTimeout(timer);
        how(value);
      };
      cell.push(envelope(message, { resolve: settle(resolve), reject: settle(reject) }, options.transfer ?? []));
    });

  const offer = async (message: Message, options: OfferOptions): Promise<void> => {
    const deadline = clock.now() + options.timeoutMs;
    for (;;) {
      const cell = find();
      if (cell === undefined || !cell.alive) throw nobody(message);
      if (!cell.full) {
        cell.push(envelope(message, null, []));
        return;
      }
      const left = deadline - clock.now();
      if (left <= 0 || !(await roomWithin(cell, left))) {
        services.deadLetter(path, message.type, 'mailbox-full');
        throw new RuntimeError('MAILBOX_FULL', `the mailbox of ${path} had no room for "${message.type}" within ${options.timeoutMs} ms`, { path, messageType: message.type });
      }
    }
  };

  const roomWithin = (cell: ActorCell, ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        forget();
        resolve(false);
      }, ms);
      const forget = cell.waitForRoom(() => {
        clock.clearTimeout(timer);
        resolve(true);
      });
    });

  return { path, tell, offer, ask };
}
