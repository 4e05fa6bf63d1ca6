import type { CameraId } from '../messages/ids.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { HttpError } from './errors/http-error.ts';
import { PreviewChannel, type PreviewSocket } from './preview/preview-channel.ts';
import type { StartEncoder } from './preview/preview-encoder.ts';

export interface PreviewOptions {
  readonly previewSource: (cameraId: CameraId) => Promise<string | null>;
  /** Null when there is no ffmpeg: live video is refused then. */
  readonly start: StartEncoder | null;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly maxPreviews: number;
  readonly graceMs: number;
}

/** Live video: one encoder per watched camera, shared by its viewers. */
export class Previews {
  readonly #options: PreviewOptions;
  readonly #channels = new Map<CameraId, PreviewChannel>();
  #skippedBefore = 0;

  constructor(options: PreviewOptions) {
    this.#options = options;
  }

  /** The error for one more viewer of this camera; null when it is accepted. */
  refusal(cameraId: CameraId): HttpError | null {
    if (this.#options.start === null) return new HttpError('NO_VIDEO', 'there is no ffmpeg to make live video with');
    if (this.#channels.has(cameraId) || this.#channels.size < this.#options.maxPreviews) return null;
    return new HttpError(
      'NO_VIDEO',
      `at most ${this.#options.maxPreviews} cameras can be shown live at the same time; close one`,
      { field: 'cameraId', value: cameraId },
    );
  }

  /** Adds a viewer; the returned function removes it. Throws the error that {@link refusal} returns. */
  watch(cameraId: CameraId, socket: PreviewSocket): () => void {
    const { start } = this.#options;
    const refusal = this.refusal(cameraId);
    if (refusal !== null || start === null)
      throw refusal ?? new HttpError('NO_VIDEO', 'there is no ffmpeg to make live video with');
    const channel = this.#channels.get(cameraId) ?? this.#open(cameraId, start);
    channel.join(socket);
    return () => channel.leave(socket);
  }

  figures(): { readonly viewers: number; readonly channels: number; readonly skipped: number } {
    const channels = [...this.#channels.values()];
    return {
      viewers: channels.reduce((sum, channel) => sum + channel.viewers, 0),
      channels: channels.length,
      skipped: channels.reduce((sum, channel) => sum + channel.skipped, this.#skippedBefore),
    };
  }

  /** The camera was removed. */
  forget(cameraId: CameraId): void {
    this.#channels.get(cameraId)?.close(1001, 'the camera was removed');
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close(1001, 'Gantry is stopping');
  }

  #open(cameraId: CameraId, start: StartEncoder): PreviewChannel {
    const { clock, log, graceMs, previewSource } = this.#options;
    const channel: PreviewChannel = new PreviewChannel({
      cameraId,
      source: () => previewSource(cameraId),
      start,
      clock,
      log,
      graceMs,
      onIdle: () => {
        this.#skippedBefore += channel.skipped;
        this.#channels.delete(cameraId);
      },
    });
    this.#channels.set(cameraId, channel);
    return channel;
  }
}
