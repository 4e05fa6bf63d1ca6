/** The live feed: one WebSocket, reconnected whenever it is lost. */
import { socketUrl } from '../api/request.ts';
import type { PageMessage } from './messages.ts';
import { isLater, laterOf } from './feed-offset.ts';

export type FeedState = 'connecting' | 'live' | 'lost';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const PING_MS = 10_000;
const SILENCE_MS = 25_000;
/** Messages remembered to recognise repeated ones. */
const REMEMBERED = 2_000;

export class FeedSocket {
  #socket: WebSocket | null = null;
  /** The address of the next connection is being requested. */
  #opening = false;
  #failures = 0;
  #heardAt = 0;
  #state: FeedState = 'connecting';
  /** Server's clock minus ours, in ms. */
  #skew = 0;
  /** Where to resume after a lost connection. */
  #offset: string | null = null;
  /** The same as a time, in case the server no longer knows the offset. */
  #time: string | null = null;
  /** Messages passed on already. */
  readonly #received = new Set<string>();
  readonly #onMessage: (message: PageMessage) => void;
  readonly #onState: (state: FeedState) => void;

  /** Connects once `connect` is called, and from then on for as long as the page is open. */
  constructor(onMessage: (message: PageMessage) => void, onState: (state: FeedState) => void) {
    this.#onMessage = onMessage;
    this.#onState = onState;
  }

  /** Milliseconds since the epoch by the server's clock. */
  now(): number {
    return Date.now() + this.#skew;
  }

  connect(): void {
    setInterval(() => this.#check(), PING_MS / 2);
    // After a laptop wakes up or the network returns, reconnect without waiting for the timer.
    window.addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retry();
    });
    this.retry();
  }

  /** Connects now, unless it is connected. */
  retry(): void {
    if (this.#socket !== null || this.#opening) return;
    this.#opening = true;
    void socketUrl('/ws').then(
      (url) => {
        this.#opening = false;
        this.#open(url);
      },
      () => {
        this.#opening = false;
        this.#lost();
      },
    );
  }

  /** Connects anew: somebody else signed in. What was heard before is not asked for again. */
  restart(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#offset = null;
    this.#time = null;
    socket?.close();
    this.retry();
  }

  #open(url: URL): void {
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.addEventListener('open', () => {
      const since = {
        ...(this.#offset === null ? {} : { since: this.#offset }),
        ...(this.#time === null ? {} : { sinceTime: this.#time }),
      };
      socket.send(JSON.stringify({ type: 'subscribe', data: since }));
    });
    socket.addEventListener('message', (event: MessageEvent<string>) => {
      if (socket !== this.#socket) return;
      this.#heardAt = Date.now();
      this.#receive(JSON.parse(event.data) as PageMessage);
    });
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#lost();
    });
  }

  #receive(message: PageMessage): void {
    if (message.type === 'connection_ack' || message.type === 'pong') {
      this.#skew = Date.parse(message.data.serverTime) - Date.now();
      this.#failures = 0;
      this.#set('live');
    }
    if (message.type === 'connection_ack') {
      this.#offset ??= message.data.offset;
      this.#time ??= message.data.serverTime;
    }
    this.#advance(message);
    if (this.#isNew(message)) this.#onMessage(message);
  }

  /** The time advances only with the offset: a message without one may precede missed alerts. */
  #advance(message: PageMessage): void {
    if (!('offset' in message) || message.offset === undefined || !isLater(this.#offset, message.offset)) return;
    this.#offset = laterOf(this.#offset, message.offset);
    if (message.type !== 'detection_result' && message.type !== 'alert') return;
    if (this.#time === null || message.data.publishedAt > this.#time) this.#time = message.data.publishedAt;
  }

  /** After a reconnect, messages may arrive twice. */
  #isNew(message: PageMessage): boolean {
    if (message.type !== 'alert' && message.type !== 'detection_result') return true;
    const id = `${message.type} ${message.data.requestId} ${message.data.revision}`;
    if (this.#received.has(id)) return false;
    this.#received.add(id);
    // A Set keeps the order of insertion: the first is the oldest.
    if (this.#received.size > REMEMBERED) {
      for (const oldest of this.#received) {
        this.#received.delete(oldest);
        break;
      }
    }
    return true;
  }

  #lost(): void {
    this.#socket = null;
    this.#failures += 1;
    this.#set('lost');
    // Jitter keeps many pages from reconnecting at the same moment.
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => this.retry(), wait);
  }

  #check(): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (Date.now() - this.#heardAt > SILENCE_MS) {
      // Not even a pong arrived: the connection is dead, though no close was reported.
      this.#socket = null;
      socket.close();
      this.#lost();
    } else if (socket.readyState === WebSocket.OPEN && Date.now() - this.#heardAt > PING_MS / 2) {
      socket.send(JSON.stringify({ type: 'ping' }));
    }
  }

  #set(state: FeedState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }
}
