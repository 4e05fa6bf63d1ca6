import type { Clock, TimerHandle } from '../../runtime/clock.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { FanOut, PreviewSocket } from './fan-out.ts';
import type { StartVideo, Video } from './preview-encoder.ts';

/** After so many ends of the video without data in between, viewers are told that there is no video. */
const MAX_FAILURES = 4;

export interface ChannelOptions {
  readonly cameraId: CameraId;
  readonly source: () => Promise<string | null>;
  readonly start: StartVideo;
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly graceMs: number;
  /** The video has stopped and no viewer is left. */
  readonly onIdle: () => void;
}

/** One camera's live video: read or encoded while there are viewers, begun again with back-off when it ends. */
export class PreviewChannel {
  readonly #options: ChannelOptions;
  #video: Video | null = null;
  #grace: TimerHandle | null = null;
  #retry: TimerHandle | null = null;
  #failures = 0;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    void this.#run();
  }

  get viewers(): number {
    return this.#options.fanOut.viewers;
  }

  /** Times that video was skipped for a slow viewer. */
  get skipped(): number {
    return this.#options.fanOut.skipped;
  }

  join(socket: PreviewSocket): void {
    this.#options.fanOut.join(socket);
    if (this.#grace !== null) this.#options.clock.clearTimeout(this.#grace);
    this.#grace = null;
  }

  leave(socket: PreviewSocket): void {
    const { fanOut } = this.#options;
    if (!fanOut.leave(socket) || fanOut.viewers > 0 || this.#closed) return;
    this.#grace = this.#options.clock.setTimeout(() => this.close(1000, 'nobody watches'), this.#options.graceMs);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#grace, this.#retry]) if (timer !== null) this.#options.clock.clearTimeout(timer);
    this.#video?.stop();
    this.#video = null;
    this.#options.fanOut.closeAll(code, reason);
    this.#options.onIdle();
  }

  async #run(): Promise<void> {
    const { cameraId, log, fanOut } = this.#options;
    let source: string | null = null;
    let why = 'the camera has no video now';
    try {
      source = await this.#options.source();
    } catch (error) {
      why = asError(error).message;
    }
    if (this.#closed) return;
    if (source === null) {
      this.#failed(why);
      return;
    }
    fanOut.begin();
    this.#video = this.#options.start(source, {
      onData: (data) => this.#send(data),
      onEnd: (reason) => {
        if (this.#closed) return;
        this.#video = null;
        log.warn({ cameraId, reason }, `camera ${cameraId}: its live video stopped: ${reason}`);
        this.#failed(reason);
      },
    });
  }

  #failed(reason: string): void {
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES || this.viewers === 0) {
      this.close(1013, `no live video: ${reason}`.slice(0, 100));
      return;
    }
    this.#retry = this.#options.clock.setTimeout(
      () => {
        this.#retry = null;
        void this.#run();
      },
      500 * 2 ** this.#failures,
    );
  }

  #send(data: Buffer): void {
    if (this.#closed) return;
    this.#failures = 0;
    const refusal = this.#options.fanOut.push(data, this.#video?.size() ?? null);
    if (refusal !== null) this.close(refusal.code, refusal.reason);
  }
}
