import { type ChildProcess, spawn } from 'node:child_process';
import { childEnvironment } from '../runtime/child-environment.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { Frame } from '../vision/frame.ts';
import { type DecodeMode, ffmpegArgs } from './ffmpeg-args.ts';
import { PpmReader } from './ppm-reader.ts';
import { chooseMode, reconnectDelayMs, stallLimitMs } from './source-policy.ts';
import { StderrTail } from './stderr-tail.ts';

export interface SourceOptions {
  readonly ffmpeg: string;
  readonly url: string;
  readonly intervalMs: number;
  readonly maxWidth: number;
  readonly previewPort: number | null;
  readonly clock: Clock;
  /** A picture arrived. */
  readonly onFrame: (frame: Frame) => void;
  /** `connecting` before the first picture, `online` with it, `offline` when the stream ended, with the reason. */
  readonly onState: (state: 'connecting' | 'online' | 'offline', message: string) => void;
  /** Told of each ffmpeg that began or ended, so that none outlives its camera. */
  readonly onProcess: (event: 'began' | 'ended', pid: number) => void;
}

/**
 * A camera's pictures, for as long as it is wanted: one ffmpeg at a time, watched for stalls, started again with
 * growing pauses when it ends. Decodes keyframes only, until it turns out that they come too rarely for the interval.
 */
export class CameraSource {
  readonly #options: SourceOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #mode: DecodeMode = 'keyframes';
  #preview: boolean;
  #failures = 0;
  #frames = 0;
  #firstFrameAt = 0;
  #stallTimer: TimerHandle | null = null;
  #retryTimer: TimerHandle | null = null;
  #stopped = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#preview = options.previewPort !== null;
  }

  get mode(): DecodeMode {
    return this.#mode;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    if (this.#stopped) return;
    const options = this.#options;
    this.#frames = 0;
    options.onState('connecting', this.#failures === 0 ? 'opening the stream' : `opening the stream again, attempt ${this.#failures + 1}`);
    const args = ffmpegArgs({
      url: options.url,
      mode: this.#mode,
      intervalSeconds: options.intervalMs / 1000,
      maxWidth: options.maxWidth,
      timeoutSeconds: 5,
      previewPort: this.#preview ? options.previewPort : null,
    });
    const child = spawn(options.ffmpeg, args, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const tail = new StderrTail(options.url);
    const reader = new PpmReader((frame) => this.#onFrame(child, frame));
    child.stderr.on('data', (chunk: Buffer) => tail.push(chunk));
    child.stdout.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (thrown) {
        tail.note(asError(thrown).message);
        child.kill('SIGKILL');
      }
    });
    const { pid } = child;
    if (pid !== undefined) options.onProcess('began', pid);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        tail.note(error.message);
        resolve();
      });
      child.once('close', () => resolve());
    });
    void this.#ended.then(() => {
      if (pid !== undefined) options.onProcess('ended', pid);
      this.#onEnd(child, tail.reason());
    });
    this.#watch(child, tail);
  }

  /** Ends ffmpeg and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#stallTimer, this.#retryTimer]) if (timer !== null) this.#options.clock.clearTimeout(timer);
    // SIGKILL: there is no state worth saving, and ffmpeg may linger seconds over a dead connection otherwise.
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  #onFrame(child: ChildProcess, frame: Frame): void {
    if (child !== this.#child || this.#stopped) return;
    const now = this.#options.clock.now();
    this.#frames += 1;
    if (this.#frames === 1) {
      this.#firstFrameAt = now;
      this.#failures = 0;
      this.#options.onState('online', `receiving ${frame.width}x${frame.height}`);
    }
    const mode = chooseMode(this.#mode, this.#frames, now - this.#firstFrameAt, this.#options.intervalMs);
    this.#options.onFrame(frame);
    if (mode !== this.#mode) this.#switchTo(mode);
  }

  /** Starts ffmpeg anew in another mode, without a pause: nothing is wrong with the camera. */
  #switchTo(mode: DecodeMode): void {
    this.#mode = mode;
    const old = this.#child;
    this.#child = null;
    old?.kill('SIGKILL');
    this.start();
  }

  #watch(child: ChildProcess, tail: StderrTail): void {
    const { clock, intervalMs } = this.#options;
    let seen = -1;
    const check = (): void => {
      if (child !== this.#child || this.#stopped) return;
      if (this.#frames === seen || (seen === -1 && this.#frames === 0)) {
        // Nothing in keyframes mode may only mean that keyframes are rarer than the limit.
        if (this.#frames <= 1) this.#mode = 'all';
        tail.note(`no picture for ${(stallLimitMs(intervalMs) / 1000).toFixed(1)} s`);
        child.kill('SIGKILL');
        return;
      }
      seen = this.#frames;
      this.#stallTimer = clock.setTimeout(check, stallLimitMs(intervalMs));
    };
    this.#stallTimer = clock.setTimeout(check, stallLimitMs(intervalMs));
  }

  #onEnd(child: ChildProcess, reason: string): void {
    if (child !== this.#child || this.#stopped) return;
    this.#child = null;
    // An ffmpeg that ended before any picture may have choked on copying the stream for the preview.
    if (this.#frames === 0 && this.#failures === 1) this.#preview = false;
    const delayMs = reconnectDelayMs(this.#failures);
    this.#failures += 1;
    this.#options.onState('offline', `${reason}; next attempt in ${(delayMs / 1000).toFixed(1)} s`);
    this.#retryTimer = this.#options.clock.setTimeout(() => this.start(), delayMs);
  }
}
