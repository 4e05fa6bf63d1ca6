import type { CameraId } from '../messages/ids.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { HttpError } from './errors/http-error.ts';
import { type FanOut, LIVE_KINDS, type LiveKind, type PreviewSocket } from './preview/fan-out.ts';
import { H264FanOut } from './preview/h264-fan-out.ts';
import { Mpeg1FanOut } from './preview/mpeg1-fan-out.ts';
import { PreviewChannel } from './preview/preview-channel.ts';
import type { StartVideo } from './preview/preview-encoder.ts';

export interface PreviewOptions {
  readonly previewSource: (cameraId: CameraId) => Promise<string | null>;
  /** Encodes MPEG-1. Null when there is no ffmpeg: that kind is refused then. */
  readonly encode: StartVideo | null;
  /** Reads a camera's stream as it came. */
  readonly read: StartVideo;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Cameras at once, by kind. */
  readonly most: Readonly<Record<LiveKind, number>>;
  readonly graceMs: number;
}

export interface PreviewFigures {
  readonly viewers: Readonly<Record<LiveKind, number>>;
  /** Cameras with viewers. */
  readonly channels: Readonly<Record<LiveKind, number>>;
  /** Times since the start that video was skipped for a slow viewer. */
  readonly skipped: Readonly<Record<LiveKind, number>>;
}

type Channels = Map<CameraId, PreviewChannel>;

const FAN_OUTS: Readonly<Record<LiveKind, () => FanOut>> = {
  h264: () => new H264FanOut(),
  mpeg1: () => new Mpeg1FanOut(),
};
const AS: Readonly<Record<LiveKind, string>> = {
  h264: 'as their own H.264',
  mpeg1: 'as MPEG-1, which takes an encoder each',
};

/** Live video: one reader or encoder per watched camera and kind, shared by its viewers. */
export class Previews {
  readonly #options: PreviewOptions;
  readonly #channels: Readonly<Record<LiveKind, Channels>> = { h264: new Map(), mpeg1: new Map() };
  readonly #skippedBefore = { h264: 0, mpeg1: 0 };

  constructor(options: PreviewOptions) {
    this.#options = options;
  }

  /** The error for one more viewer of this camera; null when it is accepted. */
  refusal(cameraId: CameraId, kind: LiveKind): HttpError | null {
    if (this.#start(kind) === null) return noEncoder();
    const channels = this.#channels[kind];
    const most = this.#options.most[kind];
    if (channels.has(cameraId) || channels.size < most) return null;
    return new HttpError(
      'NO_VIDEO',
      `at most ${most} cameras can be shown live at the same time ${AS[kind]}; close one`,
      { field: 'cameraId', value: cameraId },
    );
  }

  /** Adds a viewer; the returned function removes it. Throws the error that {@link refusal} returns. */
  watch(cameraId: CameraId, kind: LiveKind, socket: PreviewSocket): () => void {
    const start = this.#start(kind);
    const refusal = this.refusal(cameraId, kind);
    if (refusal !== null || start === null) throw refusal ?? noEncoder();
    const channel = this.#channels[kind].get(cameraId) ?? this.#open(cameraId, kind, start);
    channel.join(socket);
    return () => channel.leave(socket);
  }

  figures(): PreviewFigures {
    const sum = (kind: LiveKind, of: (channel: PreviewChannel) => number): number =>
      [...this.#channels[kind].values()].reduce((total, channel) => total + of(channel), 0);
    const byKind = (of: (kind: LiveKind) => number): Record<LiveKind, number> => ({
      h264: of('h264'),
      mpeg1: of('mpeg1'),
    });
    return {
      viewers: byKind((kind) => sum(kind, ({ viewers }) => viewers)),
      channels: byKind((kind) => this.#channels[kind].size),
      skipped: byKind((kind) => this.#skippedBefore[kind] + sum(kind, ({ skipped }) => skipped)),
    };
  }

  /** The camera was removed. */
  forget(cameraId: CameraId): void {
    for (const kind of LIVE_KINDS) this.#channels[kind].get(cameraId)?.close(1001, 'the camera was removed');
  }

  close(): void {
    for (const kind of LIVE_KINDS)
      for (const channel of this.#channels[kind].values()) channel.close(1001, 'Gantry is stopping');
  }

  #start(kind: LiveKind): StartVideo | null {
    return kind === 'h264' ? this.#options.read : this.#options.encode;
  }

  #open(cameraId: CameraId, kind: LiveKind, start: StartVideo): PreviewChannel {
    const { clock, log, graceMs, previewSource } = this.#options;
    const channel: PreviewChannel = new PreviewChannel({
      cameraId,
      source: () => previewSource(cameraId),
      start,
      fanOut: FAN_OUTS[kind](),
      clock,
      log,
      graceMs,
      onIdle: () => {
        this.#skippedBefore[kind] += channel.skipped;
        this.#channels[kind].delete(cameraId);
      },
    });
    this.#channels[kind].set(cameraId, channel);
    return channel;
  }
}

const noEncoder = (): HttpError => new HttpError('NO_VIDEO', 'there is no ffmpeg to make MPEG-1 with');
