/** The camera's own H.264 over a WebSocket, played by mpegts.js through Media Source Extensions. */
import type Mpegts from 'mpegts.js';
import { openLiveSocket, type Ended, type LiveEvents, type LivePlayer } from './live-socket.ts';

/** Gives up when nothing arrives, or nothing is shown, within this time. */
const FIRST_PICTURE_MS = 8_000;

/** Seconds: the video jumps forward when it is further behind than `most`, to `least` before its end. */
const BEHIND = { most: 1.2, least: 0.3 };

/** Whether this browser plays H.264 that a page hands it. */
export const playsH264 = (): boolean =>
  typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported('video/mp4; codecs="avc1.42E01E"');

async function loadPlayer(): Promise<typeof Mpegts> {
  const { default: mpegts } = await import('mpegts.js');
  mpegts.LoggingControl.enableAll = false;
  return mpegts;
}

export class H264Video implements LivePlayer {
  readonly element = document.createElement('video');
  readonly #address: URL;
  readonly #events: LiveEvents;
  #stopped = false;
  #player: { destroy(): void } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(address: URL, events: LiveEvents) {
    this.#address = address;
    this.#events = events;
    this.element.className = 'video';
    this.element.autoplay = true;
    this.element.playsInline = true;
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

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#player?.destroy();
    this.#player = null;
    this.element.remove();
  }

  async start(): Promise<void> {
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
    player.on(mpegts.Events.ERROR, (kind: string, detail: string) =>
      this.#fail(`the video cannot be played (${kind} ${detail})`),
    );
    player.attachMediaElement(this.element);
    this.#timer = setTimeout(() => this.#fail('no live video arrived'), FIRST_PICTURE_MS);
    player.load();
  }

  #fail(reason: string): void {
    if (!this.#stopped) this.#events.onEnd({ code: 0, reason });
  }
}

/** The package's own loader hides why a connection ended; this one reports it. */
function loaderFor(mpegts: typeof Mpegts, onEnd: (ended: Ended) => void) {
  return class extends mpegts.BaseLoader {
    #socket: { close(): void } | null = null;
    #received = 0;

    constructor() {
      super('gantry-live');
    }

    override open({ url }: { url: string }): void {
      this.#is(mpegts.LoaderStatus.kConnecting);
      this.#socket = openLiveSocket(
        url,
        FIRST_PICTURE_MS,
        (data) => {
          this.#is(mpegts.LoaderStatus.kBuffering);
          const from = this.#received;
          this.#received += data.byteLength;
          this.onDataArrival?.(data, from, this.#received);
        },
        (ended) => {
          this.#is(mpegts.LoaderStatus.kComplete);
          onEnd(ended);
        },
      );
    }

    #is(status: number): void {
      // The package's name for it.
      // eslint-disable-next-line no-underscore-dangle
      this._status = status;
    }

    override abort(): void {
      this.#socket?.close();
      this.#is(mpegts.LoaderStatus.kComplete);
    }

    override destroy(): void {
      this.abort();
      super.destroy();
    }
  };
}
