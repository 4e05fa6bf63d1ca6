/** The live feed: one WebSocket, reconnected whenever it is lost. */
import { socketUrl } from './api.js';

/** @typedef {import('../src/messages/feed.ts').FeedMessage} FeedMessage */
/** @typedef {'connecting' | 'live' | 'lost'} FeedState */
/** @typedef {{ epoch: string, seq: number }} Place */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const PING_MS = 10_000;
const SILENCE_MS = 25_000;
/** Messages remembered to recognise repeated ones. */
const REMEMBERED = 2_000;

/** @param {string} offset @returns {Place} */
function placeOf(offset) {
  const [epoch = '', seq = ''] = offset.split('-');
  return { epoch, seq: Number(seq) };
}

/**
 * The offset to resume from after one more message: the greater one of the same stream, else the newer one. Pure.
 * @param {string | null} known
 * @param {string} offset
 */
function laterOf(known, offset) {
  if (known === null) return offset;
  const [before, now] = [placeOf(known), placeOf(offset)];
  return before.epoch === now.epoch && before.seq >= now.seq ? known : offset;
}

export class Feed {
  /** @type {WebSocket | null} */
  #socket = null;
  /** The address of the next connection is being requested. */
  #opening = false;
  #failures = 0;
  #heardAt = 0;
  #state = /** @type {FeedState} */ ('connecting');
  /** Server's clock minus ours, in ms. */
  #skew = 0;
  /** Where to resume after a lost connection. @type {string | null} */
  #offset = null;
  /** The same as a time, in case the server no longer knows the offset. @type {string | null} */
  #time = null;
  /** Messages passed on already. @type {Set<string>} */
  #received = new Set();
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
    // After a laptop wakes up or the network returns, reconnect without waiting for the timer.
    window.addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retry();
    });
  }

  /** Milliseconds since the epoch by the server's clock. */
  now() {
    return Date.now() + this.#skew;
  }

  connect() {
    if (this.#opening) return;
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

  /** @param {URL} url */
  #open(url) {
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
    if (message.type === 'connection_ack') {
      this.#offset ??= message.data.offset;
      this.#time ??= message.data.serverTime;
    }
    const offset =
      'offset' in message && message.offset !== undefined ? laterOf(this.#offset, message.offset) : this.#offset;
    if (offset !== this.#offset) {
      // The time advances only with the offset: a message without one may precede missed alerts.
      this.#offset = offset;
      if (
        (message.type === 'detection_result' || message.type === 'alert') &&
        (this.#time === null || message.data.publishedAt > this.#time)
      )
        this.#time = message.data.publishedAt;
    }
    if (this.#isNew(message)) this.#onMessage(message);
  }

  /** After a reconnect, messages may arrive twice. @param {FeedMessage} message */
  #isNew(message) {
    if (message.type !== 'alert' && message.type !== 'detection_result') return true;
    const id = `${message.type} ${message.data.requestId} ${message.data.revision}`;
    if (this.#received.has(id)) return false;
    this.#received.add(id);
    // A Set keeps the order of insertion: the first is the oldest.
    if (this.#received.size > REMEMBERED)
      for (const oldest of this.#received.values().take(1)) this.#received.delete(oldest);
    return true;
  }

  #lost() {
    this.#socket = null;
    this.#failures += 1;
    this.#set('lost');
    // Jitter keeps many pages from reconnecting at the same moment.
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => {
      if (this.#socket === null) this.connect();
    }, wait);
  }

  /** Connects now, unless it is connected. */
  retry() {
    if (this.#socket === null) this.connect();
  }

  #check() {
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

  /** @param {FeedState} state */
  #set(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }
}
