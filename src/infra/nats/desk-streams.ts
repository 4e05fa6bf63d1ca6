import type { Bus, FollowOptions, Parser, ReadOptions, StoredMessage } from '../bus.ts';
import type { NatsBus } from './nats-bus.ts';
import { replaceLast } from './send.ts';

/** The streams of alerts and of what people did about them, and compare-and-set on the newest message of a subject. */
export class JetStreamDesk implements Pick<Bus, 'follow' | 'last' | 'read'> {
  readonly #bus: NatsBus;

  constructor(bus: NatsBus) {
    this.#bus = bus;
  }

  follow<T>(options: FollowOptions<T>): void {
    this.#bus.follow(options);
  }

  last<T>(which: {
    readonly stream: string;
    readonly subject: string;
    readonly parser: Parser<T>;
  }): Promise<StoredMessage<T> | null> {
    return this.#bus.last(which);
  }

  read<T>(options: ReadOptions<T>): Promise<readonly StoredMessage<T>[]> {
    return this.#bus.read(options);
  }

  /** As {@link replaceLast}. */
  replace(subject: string, body: object, before: number): Promise<number | null> {
    return replaceLast(this.#bus.link, subject, body, before);
  }
}
