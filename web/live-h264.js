/** The camera's own H.264 over a WebSocket, played by mpegts.js through Media Source Extensions. */
import { el } from './format.js';
import { openLiveSocket } from './live-socket.js';

/** Gives up when nothing arrives, or nothing is shown, within this time. */
const FIRST_PICTURE_MS = 8_000;

/** Seconds: the video jumps forward when it is further behind than `most`, to `least` before its end. */
const BEHIND = { most: 1.2, least: 0.3 };

/** Whether this browser plays H.264 that a page hands it. */
export const playsH264 = () =>
  typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported('video/mp4; codecs="avc1.42E01E"');

/** @typedef {typeof import('./vendor/mpegts.js').default} Mpegts */

/** @type {Promise<Mpegts> | null} */
let loading = null;

/** The package has no ES module: it sets a global of this name. @returns {Promise<Mpegts>} */
function loadPlayer() {
  loading ??= new Promise((resolve, reject) => {
    const script = el('script', { src: new URL('./vendor/mpegts.js', import.meta.url).href });
    script.addEventListener('load', () => {
      const { mpegts } = /** @type {{ mpegts: Mpegts }} */ (/** @type {unknown} */ (window));
      mpegts.LoggingControl.enableAll = false;
      resolve(mpegts);
    });
    script.addEventListener('error', () => {
      loading = null;
      reject(new Error('the player could not be loaded'));
    });
    document.head.append(script);
  });
  return loading;
}

export class H264Video {
  element = el('video', { class: 'video', autoplay: '', playsinline: '' });
  #address;
  #events;
  #stopped = false;
  /** @type {{ destroy(): void } | null} */
  #player = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {URL} address @param {import('./live-socket.js').Events} events */
  constructor(address, events) {
    this.#address = address;
    this.#events = events;
    // Only a video without sound may start by itself.
    this.element.muted = true;
    this.element.addEventListener('loadeddata', () => {
      clearTimeout(this.#timer);
      events.onShown();
      // The browser may still refuse to start by itself; then the first picture stands.
      this.element.play().catch(() => undefined);
    });
    this.element.addEventListener('error', () => this.#fail('the browser cannot play this video'));
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#player?.destroy();
    this.#player = null;
    this.element.remove();
  }

  async start() {
    const mpegts = await loadPlayer();
    if (this.#stopped) return;
    const player = mpegts.createPlayer(
      { type: 'mpegts', isLive: true, hasAudio: false, url: this.#address.href },
      {
        enableStashBuffer: false,
        lazyLoad: false,
        liveBufferLatencyChasing: true,
        liveBufferLatencyMaxLatency: BEHIND.most,
        liveBufferLatencyMinRemain: BEHIND.least,
        autoCleanupSourceBuffer: true,
        autoCleanupMaxBackwardDuration: 20,
        autoCleanupMinBackwardDuration: 10,
        customLoader: loaderFor(mpegts, (ended) => this.#events.onEnd(ended)),
      },
    );
    this.#player = player;
    player.on(mpegts.Events.ERROR, (kind, detail) => this.#fail(`the video cannot be played (${kind} ${detail})`));
    player.attachMediaElement(this.element);
    this.#timer = setTimeout(() => this.#fail('no live video arrived'), FIRST_PICTURE_MS);
    player.load();
  }

  /** @param {string} reason */
  #fail(reason) {
    if (!this.#stopped) this.#events.onEnd({ code: 0, reason });
  }
}

/**
 * The package's own loader hides why a connection ended; this one reports it.
 *
 * @param {Mpegts} mpegts
 * @param {(ended: import('./live-socket.js').Ended) => void} onEnd
 */
function loaderFor(mpegts, onEnd) {
  return class extends mpegts.BaseLoader {
    /** @type {{ close(): void } | null} */
    #socket = null;
    #received = 0;

    constructor() {
      super('gantry-live');
    }

    /** @override @param {{ url: string }} source */
    open({ url }) {
      this.#is(mpegts.LoaderStatus.kConnecting);
      this.#socket = openLiveSocket(
        url,
        FIRST_PICTURE_MS,
        (data) => {
          this.#is(mpegts.LoaderStatus.kBuffering);
          const from = this.#received;
          this.#received += data.byteLength;
          this.onDataArrival(data, from, this.#received);
        },
        (ended) => {
          this.#is(mpegts.LoaderStatus.kComplete);
          onEnd(ended);
        },
      );
    }

    /** @param {number} status */
    #is(status) {
      // The package's name for it.
      // eslint-disable-next-line no-underscore-dangle
      this._status = status;
    }

    /** @override */
    abort() {
      this.#socket?.close();
      this.#is(mpegts.LoaderStatus.kComplete);
    }

    /** @override */
    destroy() {
      this.abort();
      super.destroy();
    }
  };
}
