/** A viewer of the live feed that comes back with its last offset whenever it is cut off. */
import type { Seen } from './record.ts';

const AGAIN_MS = 200;
/** A connection that brings nothing for this long is given up. */
const SILENT_MS = 4_000;

interface Envelope {
  readonly type: string;
  readonly offset?: string;
  readonly data: {
    readonly requestId: string;
    readonly revision: number;
    readonly timestamp: string;
    readonly publishedAt: string;
    readonly serverTime: string;
    readonly offset: string | null;
  };
}

export class ChaosViewer {
  readonly seen: Seen[] = [];
  readonly gaps: unknown[] = [];
  connections = 0;
  readonly #url: URL;
  #socket: WebSocket | null = null;
  #offset: string | null = null;
  #newest = '';
  #heardAt = 0;
  #wanted = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(url: string) {
    this.#url = new URL('/ws', url.replace(/^http/, 'ws'));
  }

  come(): void {
    this.#wanted = true;
    this.#timer ??= setInterval(() => this.#look(), AGAIN_MS);
    this.#look();
  }

  leave(): void {
    this.#wanted = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#drop();
  }

  #look(): void {
    if (!this.#wanted) return;
    if (this.#socket !== null && Date.now() - this.#heardAt > SILENT_MS) this.#drop();
    if (this.#socket === null) this.#connect();
    else if (this.#socket.readyState === WebSocket.OPEN && Date.now() - this.#heardAt > 1_000)
      this.#socket.send(JSON.stringify({ type: 'ping' }));
  }

  #drop(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    const ended = (): void => {
      if (this.#socket === socket) this.#socket = null;
    };
    socket.addEventListener('close', ended);
    socket.addEventListener('error', ended);
    socket.addEventListener('open', () => {
      this.connections += 1;
      const since =
        this.#offset === null
          ? {}
          : { since: this.#offset, ...(this.#newest === '' ? {} : { sinceTime: this.#newest }) };
      socket.send(JSON.stringify({ type: 'subscribe', data: since }));
    });
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#take(JSON.parse(String(data)));
    });
  }

  #take(message: Envelope): void {
    this.#heardAt = Date.now();
    const { type, offset } = message;
    if (type === 'connection_ack') {
      this.#offset ??= message.data.offset;
      if (this.#newest === '') this.#newest = message.data.serverTime;
    }
    const moved = offset !== undefined && isLater(offset, this.#offset);
    if (moved) this.#offset = offset;
    if (type === 'gap') this.gaps.push(message.data);
    if (type !== 'detection_result' && type !== 'alert') return;
    const { requestId, revision, timestamp, publishedAt } = message.data;
    // Only with an offset: a message without one may overtake others that are still pending.
    if (moved && publishedAt > this.#newest) this.#newest = publishedAt;
    this.seen.push({ type, requestId, revision, frameAt: Date.parse(timestamp), at: Date.now() });
  }
}

/** Offsets are `{epoch}-{sequence}`; another epoch is another life of the stream. */
function isLater(offset: string, than: string | null): boolean {
  const [epoch, seq] = offset.split('-');
  const [epochBefore, seqBefore] = (than ?? '').split('-');
  return epoch !== epochBefore || Number(seq) > Number(seqBefore);
}
