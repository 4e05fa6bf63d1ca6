import { createInbox, type Msg, type Subscription } from 'nats';
import type { NatsLink } from './connection.ts';
import { isStatus } from './consumer.ts';
import { isAckSubject } from './delivery-info.ts';

/** A server that does not say by then that it heard us leave is not waited for. */
const LEAVE_MS = 500;

/**
 * A subscription that takes what was ordered from a consumer. Messages come under their own subjects, so whose they are
 * is told by the inbox alone. It lives on over reconnects, the orders do not.
 */
export class OrderInbox {
  readonly reply = createInbox();
  readonly #link: NatsLink;
  readonly #subscription: Subscription;

  /** Throws `BUS_DOWN` while there is no connection. */
  constructor(link: NatsLink, onMessage: (message: Msg) => void) {
    this.#link = link;
    this.#subscription = link.require().subscribe(this.reply, {
      callback: (error, message) => {
        if (error === null && isOurs(message)) onMessage(message);
      },
    });
  }

  /** The server hears that nobody listens any more, which ends the orders; resolves when what it sent before has come. Never rejects. */
  async leave(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LEAVE_MS);
    const unlisten = this.#link.onChange(() => resolve());
    this.#subscription.drain().then(resolve, resolve);
    await promise;
    clearTimeout(timer);
    unlisten();
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
  }
}

/** What else comes to the inbox, somebody put there: an error thrown at the client would end the whole connection. */
const isOurs = (message: Msg): boolean => isStatus(message) || isAckSubject(message.reply ?? '');
