import { randomUUID } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraId } from '../../messages/ids.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpLimits } from '../limits.ts';
import { Following, MAX_NAMED } from './following.ts';
import { Outbox, type OutboxCounts, type OutgoingSocket } from './outbox.ts';
import { MessageRate, encode, errorMessage, readFeedRequest } from './protocol.ts';

/** A WebSocket as the feed uses it; `ws` behind an adapter, a fake in tests. */
export interface FeedSocket extends OutgoingSocket {
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What a viewer asks of its feed. `null` means every camera. */
export interface ViewerHost {
  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null): void;
  tooSlow(viewer: Viewer): void;
}

/** One open `/ws`: its requests, what it follows, and what it still has to get. */
export class Viewer {
  readonly id = randomUUID();
  readonly socket: FeedSocket;
  readonly following = new Following();
  readonly outbox: Outbox;
  readonly #host: ViewerHost;
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #rate: MessageRate;
  /** Order of the newest frame offered, by camera: a snapshot never follows something newer. */
  readonly #newest = new Map<CameraId, number>();
  #badMessages = 0;

  constructor(socket: FeedSocket, host: ViewerHost, clock: Clock, limits: HttpLimits, counts: OutboxCounts) {
    this.socket = socket;
    this.#host = host;
    this.#clock = clock;
    this.#limits = limits;
    this.#rate = new MessageRate(limits.messagesPerSecond, clock.now());
    this.outbox = new Outbox(socket, limits, counts, () => host.tooSlow(this));
  }

  greet(): void {
    this.outbox.reply(encode({ type: 'connection_ack', data: { connectionId: this.id, serverTime: this.#now() } }));
  }

  /** A live frame: every one is offered, also an older one that took longer to judge. */
  frame(camera: CameraId, order: number, text: Uint8Array): void {
    if (this.#newest.size >= MAX_NAMED && !this.#newest.has(camera)) this.#newest.clear();
    this.#newest.set(camera, Math.max(order, this.#newest.get(camera) ?? 0));
    this.outbox.frame(camera, order, text);
  }

  /** The newest frame known when the viewer subscribed; skipped when a live one came first. */
  snapshot(camera: CameraId, order: number, text: Uint8Array): void {
    if ((this.#newest.get(camera) ?? -1) < order) this.frame(camera, order, text);
  }

  /** The camera is gone. */
  forget(camera: CameraId): void {
    this.#newest.delete(camera);
    this.outbox.forget(camera);
  }

  error(error: HttpError): void {
    this.outbox.reply(encode(errorMessage(error)));
  }

  /** Handles one message of the viewer; a bad one is answered, the last of too many closes the socket. */
  receive(text: string | null): void {
    if (!this.#rate.allow(this.#clock.now())) {
      this.#bad(new HttpError('TOO_MANY', `message: at most ${this.#limits.messagesPerSecond} a second are read`, { field: 'message' }));
      return;
    }
    const request = text === null ? new HttpError('BAD_REQUEST', 'message: must be text, not binary', { field: 'message' }) : readFeedRequest(text);
    if (request instanceof HttpError) {
      this.#bad(request);
      return;
    }
    switch (request.type) {
      case 'ping':
        this.outbox.reply(encode({ type: 'pong', data: { serverTime: this.#now() } }));
        return;
      case 'subscribe':
        this.#host.subscribed(this, chosen(request.data?.cameraIds));
        return;
      case 'unsubscribe': {
        const cameras = chosen(request.data?.cameraIds);
        if (cameras === null) this.following.nothing();
        else if (!this.following.remove(cameras)) this.#bad(new HttpError('TOO_MANY', 'cameraIds: too many cameras are named', { field: 'cameraIds' }));
        return;
      }
      default:
        request satisfies never;
    }
  }

  #bad(error: HttpError): void {
    this.error(error);
    this.#badMessages += 1;
    if (this.#badMessages >= this.#limits.maxBadMessages) this.socket.close(1008, `${this.#badMessages} malformed messages`);
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

const chosen = (cameras: readonly CameraId[] | undefined): readonly CameraId[] | null => (cameras === undefined || cameras.length === 0 ? null : cameras);
