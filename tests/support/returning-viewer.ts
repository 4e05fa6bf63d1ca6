import { WebSocket } from 'ws';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { feedPlace, type FeedMessage } from '../../src/messages/feed.ts';

/** A viewer on a real socket that comes back whenever it lost it, and goes on where it was. */
export class ReturningViewer {
  /** Request ids of every alert it was sent; the value counts how often. */
  readonly alerts = new Map<string, number>();
  readonly frames: Aggregate[] = [];
  readonly gaps: Extract<FeedMessage, { type: 'gap' }>['data'][] = [];
  offset: string | null = null;
  connections = 0;
  readonly #url: string;
  #socket: WebSocket | null = null;
  #closed = false;
  #time: string | null = null;

  constructor(url: string) {
    this.#url = url;
    this.#connect();
  }

  get open(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Cuts the connection; it comes back by itself. */
  cut(): void {
    this.#socket?.terminate();
  }

  close(): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()), socket));
    socket.on('close', () => {
      if (!this.#closed) setTimeout(() => this.#connect(), 50);
    });
  }

  #take(message: FeedMessage, socket: WebSocket): void {
    if (message.type === 'connection_ack') {
      this.connections += 1;
      this.#time ??= message.data.serverTime;
      this.offset ??= message.data.offset;
      socket.send(
        JSON.stringify({
          type: 'subscribe',
          data:
            this.connections === 1
              ? {}
              : { ...(this.offset === null ? {} : { since: this.offset }), sinceTime: this.#time },
        }),
      );
    }
    if ('offset' in message && message.offset !== undefined) {
      const [before, now] = [this.offset === null ? null : feedPlace(this.offset), feedPlace(message.offset)];
      if (before === null || before.epoch !== now.epoch || now.seq > before.seq) {
        this.offset = message.offset;
        if (message.type === 'detection_result' || message.type === 'alert') this.#time = message.data.publishedAt;
      }
    }
    if (message.type === 'alert')
      this.alerts.set(message.data.requestId, (this.alerts.get(message.data.requestId) ?? 0) + 1);
    if (message.type === 'detection_result') this.frames.push(message.data);
    if (message.type === 'gap') this.gaps.push(message.data);
  }
}
