import { randomUUID } from 'node:crypto';
import { feedOffset, feedPlace, type FeedPlace, type FeedRequest } from '../../messages/feed.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { Principal } from '../../messages/principal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpLimits } from '../http-limits.ts';
import { type EncodedMessage, encode, errorMessage, MessageRate, readFeedRequest } from './feed-protocol.ts';
import { Subscription } from './subscription.ts';
import { Outbox, type OutboxCounts, type OutgoingSocket } from './viewer-outbox.ts';

/** A WebSocket as the feed uses it: `ws` behind an adapter, or a fake in tests. */
export interface FeedSocket extends OutgoingSocket {
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Where a returning viewer left off. */
export interface Since {
  readonly place: FeedPlace | null;
  /** Where the search for alerts begins when the place is unusable, epoch ms. */
  readonly time: number | null;
}

/**
 * What a viewer is being sent; `resume.ts` has the transitions.
 * - `live`: messages as they happen.
 * - `replaying`: alerts it missed; live messages follow later.
 * - `live-without-offsets`: messages as they happen, without offsets, since alerts it missed cannot be read yet.
 */
export type ViewerMode = 'live' | 'replaying' | 'live-without-offsets';

/** The part of the feed that a viewer needs. */
export interface ViewerHost {
  /** Whether the camera exists for the viewer. */
  sees(viewer: Viewer, camera: CameraId): boolean;
  /** `cameras` null means every camera; `since` null means live messages only. */
  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null, since: Since | null): void;
  /** Called before a viewer's subscription shrinks. */
  unsubscribed(): void;
  tooSlow(viewer: Viewer): void;
}

/** How far back a viewer can resume without a gap, in seconds. */
const RETENTION_SECONDS = 600;
/** Time to answer a close; then the connection is dropped. */
const CLOSING_MS = 2_000;

/** One open `/ws`: its requests, its subscription and its outbox. */
export class Viewer {
  readonly id = randomUUID();
  readonly socket: FeedSocket;
  /** In whose name it is connected. */
  readonly principal: Principal;
  readonly subscription = new Subscription();
  readonly outbox: Outbox;
  readonly #host: ViewerHost;
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #rate: MessageRate;
  mode: ViewerMode = 'live';
  #badMessages = 0;

  constructor(
    { socket, principal }: { readonly socket: FeedSocket; readonly principal: Principal },
    host: ViewerHost,
    clock: Clock,
    limits: HttpLimits,
    counts: OutboxCounts,
  ) {
    this.socket = socket;
    this.principal = principal;
    this.#host = host;
    this.#clock = clock;
    this.#limits = limits;
    this.#rate = new MessageRate(limits.messagesPerSecond, clock.now());
    this.outbox = new Outbox(socket, limits, counts, {
      now: () => clock.now(),
      lag: (data) => encode({ type: 'lag', data }),
      tooSlow: () => host.tooSlow(this),
    });
  }

  /** @param place of the newest message sent to viewers */
  greet(place: FeedPlace | null): void {
    const retention = { seconds: RETENTION_SECONDS, messages: this.#limits.replayMessages };
    this.outbox.reply(
      encode({
        type: 'connection_ack',
        data: {
          connectionId: this.id,
          serverTime: this.#now(),
          offset: place === null ? null : feedOffset(place),
          retention,
        },
      }),
    );
  }

  /** Whether the camera exists for it. */
  sees(camera: CameraId): boolean {
    return this.#host.sees(this, camera);
  }

  /** Whether it gets the messages of the camera. */
  follows(camera: CameraId): boolean {
    return this.subscription.has(camera) && this.sees(camera);
  }

  /** A frame, perhaps older than the last one when its assessment took longer; `order` as for the outbox. */
  frame(camera: CameraId, order: number, message: EncodedMessage): void {
    this.outbox.frame(camera, order, this.#forMode(message));
  }

  alert(message: EncodedMessage): void {
    this.outbox.alert(this.#forMode(message));
  }

  /** The camera was removed. */
  forget(camera: CameraId): void {
    this.outbox.forget(camera);
  }

  error(error: HttpError): void {
    this.outbox.reply(encode(errorMessage(error)));
  }

  /** Handles one message of the viewer; null for a binary one. Bad ones are answered, too many close the socket. */
  receive(text: string | null): void {
    // More messages may have arrived together with the one that closed the socket.
    if (this.#badMessages >= this.#limits.maxBadMessages) return;
    const request = this.#read(text);
    if (request instanceof HttpError) {
      this.#refuse(request);
      return;
    }
    switch (request.type) {
      case 'ping':
        this.outbox.reply(encode({ type: 'pong', data: { serverTime: this.#now() } }));
        return;
      case 'subscribe':
        this.#subscribe(request.data ?? {});
        return;
      case 'unsubscribe':
        this.#unsubscribe(namedOrAll(request.data?.cameraIds));
        return;
      default:
        request satisfies never;
    }
  }

  #read(text: string | null): FeedRequest | HttpError {
    if (!this.#rate.allow(this.#clock.now())) {
      const { messagesPerSecond } = this.#limits;
      return new HttpError('TOO_MANY', `message: at most ${messagesPerSecond} a second are read`, { field: 'message' });
    }
    if (text !== null) return readFeedRequest(text);
    return new HttpError('BAD_REQUEST', 'message: must be text, not binary', { field: 'message' });
  }

  #subscribe({ cameraIds, since, sinceTime }: SubscribeData): void {
    const from: Since = {
      place: since === undefined ? null : feedPlace(since),
      time: sinceTime === undefined ? null : Date.parse(sinceTime),
    };
    const resumes = from.place !== null || from.time !== null;
    if (resumes && this.mode !== 'live') {
      const about = { field: 'since', value: since ?? null };
      this.#refuse(new HttpError('TOO_MANY', 'since: missed alerts are being sent already', about));
    } else this.#host.subscribed(this, namedOrAll(cameraIds), resumes ? from : null);
  }

  #unsubscribe(cameras: readonly CameraId[] | null): void {
    this.#host.unsubscribed();
    if (cameras === null) this.subscription.clear();
    else if (!this.subscription.remove(cameras))
      this.#refuse(new HttpError('TOO_MANY', 'cameraIds: too many cameras are named', { field: 'cameraIds' }));
  }

  /** Disconnects a viewer that is too slow. The close reason names the offset to resume from. */
  giveUp(): void {
    const { sent } = this.outbox;
    const offset = sent === null ? null : feedOffset(sent);
    const error = new HttpError(
      'TOO_SLOW',
      `too many messages are queued for this viewer: connect again and subscribe with ` +
        (offset === null ? 'sinceTime' : `since=${offset}`),
      { field: 'since', value: offset },
    );
    this.socket.send(encode(errorMessage(error)), () => undefined);
    this.socket.close(
      1013,
      `too slow: too many messages are queued${offset === null ? '' : `; resume with since=${offset}`}`,
    );
    // The close frame is stuck behind the unsent data.
    this.#clock.setTimeout(() => this.socket.terminate(), CLOSING_MS);
  }

  #forMode(message: EncodedMessage): EncodedMessage {
    return this.mode === 'live-without-offsets' ? message.withoutOffset : message;
  }

  #refuse(error: HttpError): void {
    this.error(error);
    this.#badMessages += 1;
    if (this.#badMessages < this.#limits.maxBadMessages) return;
    this.socket.close(1008, `${this.#badMessages} malformed messages`);
    this.#clock.setTimeout(() => this.socket.terminate(), CLOSING_MS);
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

type SubscribeData = NonNullable<Extract<FeedRequest, { type: 'subscribe' }>['data']>;

/** Null, which means every camera, for an empty list or none. */
const namedOrAll = (cameras: readonly CameraId[] | undefined): readonly CameraId[] | null =>
  cameras === undefined || cameras.length === 0 ? null : cameras;
