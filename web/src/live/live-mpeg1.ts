/** MPEG-1 over a WebSocket, decoded by JSMpeg on a canvas. */
import { openLiveSocket, type LiveEvents, type LivePlayer } from './live-socket.ts';

/** Gives up when no data arrives within this time: an encoder has to start. */
const FIRST_DATA_MS = 15_000;

export class Mpeg1Video implements LivePlayer {
  readonly element = document.createElement('canvas');
  readonly #address: URL;
  readonly #events: LiveEvents;
  #stopped = false;
  #player: { destroy(): void } | null = null;
  #socket: { close(): void } | null = null;

  constructor(address: URL, events: LiveEvents) {
    this.#address = address;
    this.#events = events;
    this.element.className = 'video';
  }

  stop(): void {
    this.#stopped = true;
    this.#socket?.close();
    this.#player?.destroy();
    this.#player = null;
    this.element.remove();
  }

  async start(): Promise<void> {
    const { default: JSMpeg } = await import('@cycjimmy/jsmpeg-player');
    if (this.#stopped) return;
    this.#player = new JSMpeg.Player(this.#address.href, {
      canvas: this.element,
      audio: false,
      pauseWhenHidden: false,
      videoBufferSize: 1024 * 1024,
      source: this.#source(),
    });
  }

  /** JSMpeg's own source hides why a connection ended; this one reports it. */
  #source() {
    const { onShown, onEnd } = this.#events;
    const keep = (socket: { close(): void }): void => {
      this.#socket = socket;
    };
    const close = (): void => this.#socket?.close();
    return class {
      readonly streaming = true;
      established = false;
      readonly completed = false;
      progress = 0;
      readonly url: string;
      #destination: { write(data: ArrayBuffer): void } | null = null;

      constructor(url: string) {
        this.url = url;
      }

      connect(destination: { write(data: ArrayBuffer): void }): void {
        this.#destination = destination;
      }

      start(): void {
        const onData = (data: ArrayBuffer): void => {
          this.progress = 1;
          // The first message is the 8-byte header; the video says its size itself.
          if (this.established) this.#destination?.write(data);
          else onShown();
          this.established = true;
        };
        keep(openLiveSocket(this.url, FIRST_DATA_MS, onData, onEnd));
      }

      resume(): void {}

      destroy(): void {
        close();
      }
    };
  }
}
