/** The live feed: one WebSocket, connected again whenever it is lost. */
import { socketUrl } from './api.js';

/** @typedef {import('../src/messages/feed.ts').FeedMessage} FeedMessage */
/** @typedef {'connecting' | 'live' | 'lost'} FeedState */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const PING_MS = 10_000;
const SILENCE_MS = 25_000;

export class Feed {
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #heardAt = 0;
  #state = /** @type {FeedState} */ ('connecting');
  /** Server's clock minus ours, in ms. */
  #skew = 0;
  #onMessage;
  #onState;

  /**
   * @param {(message: FeedMessage) => void} onMessage
   * @param {(state: FeedState) => void} onState
   */
  constructor(onMessage, onState) {
    this.#onMessage = onMessage;
    this.#onState = onState;
    setInterval(() => this.#check(), PING_MS / 2);
    // A laptop that wakes up, or a network that comes back, need not wait for the timer.
    window.addEventListener('online', () => this.#reconnectNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#reconnectNow();
    });
  }

  /** Milliseconds since the epoch by the server's clock. */
  now() {
    return Date.now() + this.#skew;
  }

  connect() {
    const socket = new WebSocket(socketUrl('/ws'));
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'subscribe', data: {} })));
    socket.addEventListener('message', (event) => {
      if (socket !== this.#socket) return;
      this.#heardAt = Date.now();
      this.#receive(JSON.parse(event.data));
    });
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#lost();
    });
  }

  /** @param {FeedMessage} message */
  #receive(message) {
    if (message.type === 'connection_ack' || message.type === 'pong') {
      this.#skew = Date.parse(message.data.serverTime) - Date.now();
      this.#failures = 0;
      this.#set('live');
    }
    this.#onMessage(message);
  }

  #lost() {
    this.#socket = null;
    this.#failures += 1;
    this.#set('lost');
    // Jitter keeps many pages from coming back in the same moment.
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => {
      if (this.#socket === null) this.connect();
    }, wait);
  }

  #reconnectNow() {
    if (this.#socket === null) this.connect();
  }

  #check() {
    const socket = this.#socket;
    if (socket === null) return;
    if (Date.now() - this.#heardAt > SILENCE_MS) {
      // Nothing at all, not even a pong: the connection is dead, though nobody said so.
      this.#socket = null;
      socket.close();
      this.#lost();
    } else if (socket.readyState === WebSocket.OPEN && Date.now() - this.#heardAt > PING_MS / 2) {
      socket.send(JSON.stringify({ type: 'ping' }));
    }
  }

  /** @param {FeedState} state */
  #set(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }
}
