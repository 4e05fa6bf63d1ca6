import { randomUUID } from 'node:crypto';
import { feedOffset, feedPlace, type FeedPlace } from '../../messages/feed.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import type { HttpLimits } from '../http-limits.ts';
import { Following } from './following.ts';
import { Outbox, type OutboxCounts, type OutgoingSocket } from './viewer-outbox.ts';
import { MessageRate, encode, errorMessage, readFeedRequest, type FeedText } from './feed-protocol.ts';

/** A WebSocket as the feed uses it; `ws` behind an adapter, a fake in tests. */
export interface FeedSocket extends OutgoingSocket {
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Where a viewer wants to go on. */
export interface Since {
  readonly place: FeedPlace | null;
  /** Epoch ms; where the search for alerts begins when the place is of no use. */
  readonly time: number | null;
}

/** What a viewer asks of its feed. */
export interface ViewerHost {
  /** `cameras` null means every camera, `since` null from now on. */
  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null, since: Since | null): void;
  /** Some viewer follows less than before, from now on. */
  unsubscribed(): void;
  tooSlow(viewer: Viewer): void;
}

/** Kept by the server: what a viewer may go back to without a gap, in seconds. */
const RETENTION_SECONDS = 600;
/** What a viewer has to answer a close in; then its connection is dropped. */
const CLOSING_MS = 2_000;

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
  /** The place at which it stopped getting what happens, to get first what it missed; null: it gets what happens. */
  held: number | null = null;
  /** Something before what it gets now is still to come: messages go out without their place meanwhile. */
  owed = false;
  #badMessages = 0;

  constructor(socket: FeedSocket, host: ViewerHost, clock: Clock, limits: HttpLimits, counts: OutboxCounts) {
    this.socket = socket;
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

  /** @param place of the newest message that went out to viewers */
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

  /** A live frame: every one is offered, also an older one that took longer to judge. */
  frame(camera: CameraId, order: number, text: FeedText): void {
    this.outbox.frame(camera, order, this.owed ? text.bare : text);
  }

  alert(text: FeedText): void {
    this.outbox.alert(this.owed ? text.bare : text);
  }

  /** The camera is gone. */
  forget(camera: CameraId): void {
    this.outbox.forget(camera);
  }

  error(error: HttpError): void {
    this.outbox.reply(encode(errorMessage(error)));
  }

  /** Handles one message of the viewer; a bad one is answered, the last of too many closes the socket. */
  receive(text: string | null): void {
    // What the last read of the network brought along after the message that ended it.
    if (this.#badMessages >= this.#limits.maxBadMessages) return;
    if (!this.#rate.allow(this.#clock.now())) {
      this.#bad(
        new HttpError('TOO_MANY', `message: at most ${this.#limits.messagesPerSecond} a second are read`, {
          field: 'message',
        }),
      );
      return;
    }
    const request =
      text === null
        ? new HttpError('BAD_REQUEST', 'message: must be text, not binary', { field: 'message' })
        : readFeedRequest(text);
    if (request instanceof HttpError) {
      this.#bad(request);
      return;
    }
    switch (request.type) {
      case 'ping':
        this.outbox.reply(encode({ type: 'pong', data: { serverTime: this.#now() } }));
        return;
      case 'subscribe': {
        const { cameraIds, since, sinceTime } = request.data ?? {};
        const goOn =
          since === undefined && sinceTime === undefined
            ? null
            : {
                place: since === undefined ? null : feedPlace(since),
                time: sinceTime === undefined ? null : Date.parse(sinceTime),
              };
        if (goOn !== null && (this.held !== null || this.owed))
          this.#bad(
            new HttpError('TOO_MANY', 'since: what was missed is being sent already', {
              field: 'since',
              value: since ?? null,
            }),
          );
        else this.#host.subscribed(this, chosen(cameraIds), goOn);
        return;
      }
      case 'unsubscribe': {
        const cameras = chosen(request.data?.cameraIds);
        this.#host.unsubscribed();
        if (cameras === null) this.following.nothing();
        else if (!this.following.remove(cameras))
          this.#bad(new HttpError('TOO_MANY', 'cameraIds: too many cameras are named', { field: 'cameraIds' }));
        return;
      }
      default:
        request satisfies never;
    }
  }

  /** Ends it; it can come back and go on where it was. */
  giveUp(): void {
    const { sent } = this.outbox;
    const offset = sent === null ? null : feedOffset(sent);
    const error = new HttpError(
      'TOO_SLOW',
      `more waits for this viewer than it may: connect again and subscribe with since${offset === null ? 'Time' : `=${offset}`}`,
      { field: 'since', value: offset },
    );
    this.socket.send(encode(errorMessage(error)), () => undefined);
    this.socket.close(
      1013,
      `too slow: more waits than this connection takes${offset === null ? '' : `; go on with since=${offset}`}`,
    );
    // A close frame waits behind what the network did not take either.
    this.#clock.setTimeout(() => this.socket.terminate(), CLOSING_MS);
  }

  #bad(error: HttpError): void {
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

const chosen = (cameras: readonly CameraId[] | undefined): readonly CameraId[] | null =>
  cameras === undefined || cameras.length === 0 ? null : cameras;
