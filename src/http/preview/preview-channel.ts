import type { Clock, TimerHandle } from '../../runtime/clock.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { Encoder, StartEncoder } from './preview-encoder.ts';
import { jsmpegHeader } from './mpegts.ts';

/** A viewer of live video. */
export interface PreviewSocket {
  readonly bufferedAmount: number;
  send(data: Uint8Array): void;
  close(code: number, reason: string): void;
}

/** Unsent bytes of a viewer above which packets are skipped: about 5 s of video. */
const SKIP_ABOVE = 1024 * 1024;
/** After so many ends of the encoder without data in between, viewers are told that there is no video. */
const MAX_FAILURES = 4;

export interface ChannelOptions {
  readonly cameraId: CameraId;
  readonly source: () => Promise<string | null>;
  readonly start: StartEncoder;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly graceMs: number;
  /** The encoder has stopped and no viewer is left. */
  readonly onIdle: () => void;
}

/** One camera's live video: an encoder that runs while there are viewers, restarted with back-off when it ends. */
export class PreviewChannel {
  readonly #options: ChannelOptions;
  /** Viewers, and whether they have got the header. */
  readonly #viewers = new Map<PreviewSocket, boolean>();
  #encoder: Encoder | null = null;
  #grace: TimerHandle | null = null;
  #retry: TimerHandle | null = null;
  #failures = 0;
  #closed = false;
  #skipped = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    void this.#run();
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** Chunks skipped for slow viewers. */
  get skipped(): number {
    return this.#skipped;
  }

  join(socket: PreviewSocket): void {
    this.#viewers.set(socket, false);
    if (this.#grace !== null) this.#options.clock.clearTimeout(this.#grace);
    this.#grace = null;
  }

  leave(socket: PreviewSocket): void {
    if (!this.#viewers.delete(socket) || this.#viewers.size > 0 || this.#closed) return;
    this.#grace = this.#options.clock.setTimeout(() => this.close(1000, 'nobody watches'), this.#options.graceMs);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#grace, this.#retry]) if (timer !== null) this.#options.clock.clearTimeout(timer);
    this.#encoder?.stop();
    this.#encoder = null;
    for (const viewer of this.#viewers.keys()) viewer.close(code, reason);
    this.#viewers.clear();
    this.#options.onIdle();
  }

  async #run(): Promise<void> {
    const { cameraId, log } = this.#options;
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
    const encoder = this.#options.start(source, {
      onData: (packets) => this.#send(packets),
      onEnd: (reason) => {
        if (this.#closed) return;
        this.#encoder = null;
        log.warn({ cameraId, reason }, `camera ${cameraId}: its live video stopped: ${reason}`);
        this.#failed(reason);
      },
    });
    this.#encoder = encoder;
  }

  #failed(reason: string): void {
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES || this.#viewers.size === 0) {
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

  #send(packets: Buffer): void {
    this.#failures = 0;
    for (const [viewer, greeted] of this.#viewers) {
      if (!greeted) {
        viewer.send(jsmpegHeader(this.#encoder?.size() ?? { width: 0, height: 0 }));
        this.#viewers.set(viewer, true);
      }
      if (viewer.bufferedAmount > SKIP_ABOVE) this.#skipped += 1;
      else viewer.send(packets);
    }
  }
}
