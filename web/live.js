/** Live video of one camera: MPEG-1 over a WebSocket, decoded by JSMpeg on a canvas. */
import { socketUrl } from './api.js';
import { el } from './format.js';

/** Gives up when no picture arrives within this time. */
const FIRST_DATA_MS = 15_000;

export class LiveVideo {
  #canvas = el('canvas', { class: 'video' });
  #note = el('p', { class: 'live-note' }, 'Starting the live video…');
  #onEnd;
  #ended = false;
  /** @type {{ destroy(): void } | null} */
  #player = null;
  /** @type {WebSocket | null} */
  #socket = null;

  /**
   * @param {string} cameraId
   * @param {HTMLElement} parent
   * @param {(reason: string) => void} onEnd not called after `stop`
   */
  constructor(cameraId, parent, onEnd) {
    this.#onEnd = onEnd;
    parent.append(this.#canvas, this.#note);
    this.#start(cameraId).catch(() => this.#end('the live video could not be started'));
  }

  stop() {
    this.#ended = true;
    this.#socket?.close();
    this.#player?.destroy();
    this.#player = null;
    this.#canvas.remove();
    this.#note.remove();
  }

  /** @param {string} cameraId */
  async #start(cameraId) {
    const { default: JSMpeg } = await import('./vendor/jsmpeg.js');
    const address = await socketUrl(`/ws/live/${encodeURIComponent(cameraId)}`);
    if (this.#ended) return;
    const live = this;
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
        const socket = new WebSocket(this.url);
        live.#socket = socket;
        socket.binaryType = 'arraybuffer';
        const timer = setTimeout(() => live.#end('no live video arrived'), FIRST_DATA_MS);
        socket.addEventListener('message', (event) => {
          clearTimeout(timer);
          this.progress = 1;
          // The first message is the 8-byte header; the video says its size itself.
          if (this.established) this.destination?.write(event.data);
          else live.#note.textContent = 'Live video, without boxes';
          this.established = true;
        });
        socket.addEventListener('close', (event) => {
          clearTimeout(timer);
          live.#end(event.reason || 'there is no live video now');
        });
      }
      resume() {}
      destroy() {
        live.#socket?.close();
      }
    }
    this.#player = new JSMpeg.Player(address.href, {
      canvas: this.#canvas,
      audio: false,
      pauseWhenHidden: false,
      videoBufferSize: 1024 * 1024,
      source: Source,
    });
  }

  /** @param {string} reason */
  #end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(reason);
  }
}
