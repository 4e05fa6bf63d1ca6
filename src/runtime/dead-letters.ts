import type { ActorLog } from './actor.ts';
import type { Clock } from './clock.ts';
import { RuntimeError } from './errors.ts';
import type { DeadLetter, DeadLetterReason } from './inspect.ts';

const KEPT = 100;
const LOG_EVERY_MS = 10_000;

/** The error for the asker of a dead letter: `MAILBOX_FULL` or `ACTOR_DEAD`. `capacity` is the mailbox's. */
export function deadLetterError(path: string, messageType: string, reason: DeadLetterReason, capacity: number) {
  const full = reason === 'mailbox-full' || reason === 'dropped-oldest';
  const text = full ? `the mailbox of ${path} is full (${capacity} messages)` : `${path} is not running`;
  return new RuntimeError(full ? 'MAILBOX_FULL' : 'ACTOR_DEAD', text, { path, messageType, reason });
}

/**
 * Messages that reached no actor. All are counted, the newest 100 are kept, and the log gets at most one line per
 * receiver and reason every ten seconds.
 */
export class DeadLetters {
  readonly #clock: Clock;
  readonly #log: ActorLog;
  readonly #recent: DeadLetter[] = [];
  readonly #logged = new Map<string, { at: number; folded: number }>();
  #total = 0;

  constructor(clock: Clock, log: ActorLog) {
    this.#clock = clock;
    this.#log = log;
  }

  add(path: string, messageType: string, reason: DeadLetterReason): void {
    const now = this.#clock.now();
    this.#total += 1;
    this.#recent.push({ at: new Date(now).toISOString(), path, messageType, reason });
    if (this.#recent.length > KEPT) this.#recent.shift();
    this.#warn(now, path, messageType, reason);
  }

  read(): { readonly total: number; readonly recent: readonly DeadLetter[] } {
    return { total: this.#total, recent: [...this.#recent] };
  }

  #warn(now: number, path: string, messageType: string, reason: DeadLetterReason): void {
    const key = `${path} ${reason}`;
    const last = this.#logged.get(key);
    if (last !== undefined && now - last.at < LOG_EVERY_MS) {
      last.folded += 1;
      return;
    }
    if (this.#logged.size >= KEPT) this.#logged.clear();
    this.#logged.set(key, { at: now, folded: 0 });
    this.#log.warn(
      { path, messageType, reason, alsoDropped: last?.folded ?? 0 },
      `message "${messageType}" to ${path} was not delivered: ${reason}`,
    );
  }
}
