/** MPEG-1 over a WebSocket, decoded by JSMpeg on a canvas. */
import { el } from './format.js';
import { openLiveSocket } from './live-socket.js';

/** Gives up when no data arrives within this time: an encoder has to start. */
const FIRST_DATA_MS = 15_000;

export class Mpeg1Video {
  element = el('canvas', { class: 'video' });
  #address;
  #events;
  #stopped = false;
  /** @type {{ destroy(): void } | null} */
  #player = null;
  /** @type {{ close(): void } | null} */
  #socket = null;

  /** @param {URL} address @param {import('./live-socket.js').Events} events */
  constructor(address, events) {
    this.#address = address;
    this.#events = events;
  }

  stop() {
    this.#stopped = true;
    this.#socket?.close();
    this.#player?.destroy();
    this.#player = null;
    this.element.remove();
  }

  async start() {
    const { default: JSMpeg } = await import('./vendor/jsmpeg.js');
    if (this.#stopped) return;
    const video = this;
    const { onShown, onEnd } = this.#events;
    /** JSMpeg's own source hides why a connection ended; this one reports it. */
    class Source {
      streaming = true;
      established = false;
      completed = false;
      progress = 0;
      /** @type {{ write(data: ArrayBuffer): void } | null} */
      destination = null;
      /** @param {string} url */
      constructor(url) {
        this.url = url;
      }
      /** @param {{ write(data: ArrayBuffer): void }} destination */
      connect(destination) {
        this.destination = destination;
      }
      start() {
        video.#socket = openLiveSocket(
          this.url,
          FIRST_DATA_MS,
          (data) => {
            this.progress = 1;
            // The first message is the 8-byte header; the video says its size itself.
            if (this.established) this.destination?.write(data);
            else onShown();
            this.established = true;
          },
          onEnd,
        );
      }
      resume() {}
      destroy() {
        video.#socket?.close();
      }
    }
    this.#player = new JSMpeg.Player(this.#address.href, {
      canvas: this.element,
      audio: false,
      pauseWhenHidden: false,
      videoBufferSize: 1024 * 1024,
      source: Source,
    });
  }
}
