import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { redactUrl } from '../infra/redact.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import { childEnvironment } from '../runtime/child-environment.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { OutputTail } from '../runtime/output-tail.ts';
import type { Frame } from '../vision/frame.ts';
import { type DecodeMode, ffmpegArgs } from './ffmpeg-args.ts';
import { PpmReader } from './ppm-reader.ts';
import { PreviewTap } from './preview-tap.ts';
import { RtspRelay } from './rtsp-relay.ts';
import { chooseMode, reconnectDelayMs, stallLimitMs } from './retry-policy.ts';
import { withoutSecrets } from '../rtsp/url-secrets.ts';

export interface SourceOptions {
  readonly ffmpeg: string;
  readonly url: string;
  readonly intervalMs: number;
  readonly maxWidth: number;
  /** Hosts to which the camera may redirect; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  /** Socket file of the live preview, in a folder that only our user may enter; null for none. */
  readonly previewSocket: string | null;
  readonly clock: Clock;
  /** A picture arrived. */
  readonly onFrame: (frame: Frame) => void;
  /** `connecting` before the first picture, `online` after it, `offline` with the reason when the stream has ended. */
  readonly onState: (state: 'connecting' | 'online' | 'offline', message: string) => void;
  /** Called for each ffmpeg that begins or ends, so that none outlives its camera. */
  readonly onProcess: (event: 'began' | 'ended', pid: number) => void;
}

/** For each answer of the camera, and for each answer that ffmpeg gets, which may need several of the camera. */
const CAMERA_TIMEOUT_MS = 5_000;
const FFMPEG_TIMEOUT_SECONDS = 20;
/** ffmpeg's file descriptor for the stream of the preview. */
const PREVIEW_FD = 3;

/** One ffmpeg with the relay that feeds it. */
interface Run {
  readonly child: ChildProcess;
  readonly relay: RtspRelay;
  readonly tail: OutputTail;
}

/**
 * The pictures of a camera, until `stop`. Runs one ffmpeg at a time, watches it for stalls, and restarts it with
 * growing pauses. Decodes keyframes only, until they turn out to be too rare for the interval.
 */
export class CameraSource {
  readonly #options: SourceOptions;
  #run: Run | null = null;
  #tap: PreviewTap | null = null;
  /** The start in progress. */
  #opening: Promise<void> = Promise.resolve();
  /** The end of the newest ffmpeg. */
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
    this.#preview = options.previewSocket !== null;
  }

  get mode(): DecodeMode {
    return this.#mode;
  }

  get pid(): number | null {
    return this.#run?.child.pid ?? null;
  }

  start(): void {
    if (this.#stopped) return;
    this.#frames = 0;
    const again = this.#failures === 0 ? '' : ` again, attempt ${this.#failures + 1}`;
    this.#options.onState('connecting', `opening the stream${again}`);
    this.#opening = this.#open().catch((thrown: unknown) =>
      this.#retry(`the stream cannot be opened: ${asError(thrown).message}`),
    );
  }

  /** Ends ffmpeg and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#stallTimer, this.#retryTimer])
      if (timer !== null) this.#options.clock.clearTimeout(timer);
    await this.#opening;
    this.#end(this.#run);
    await this.#ended;
    await this.#tap?.close();
  }

  async #open(): Promise<void> {
    const { url, allow, clock } = this.#options;
    await this.#openTap();
    const relay: RtspRelay = await RtspRelay.open({
      url,
      allow,
      timeoutMs: CAMERA_TIMEOUT_MS,
      clock,
      onFault: () => {
        if (this.#run?.relay === relay) this.#run.child.kill('SIGKILL');
      },
    });
    if (this.#stopped) relay.close();
    else this.#follow(relay);
  }

  /** When its socket cannot be opened, the camera runs without a preview. */
  async #openTap(): Promise<void> {
    const { previewSocket, clock } = this.#options;
    if (previewSocket === null || this.#tap !== null) return;
    this.#tap = await PreviewTap.open(previewSocket, clock).catch(() => null);
    this.#preview = this.#tap !== null;
  }

  #follow(relay: RtspRelay): void {
    const options = this.#options;
    const args = ffmpegArgs({
      url: relay.url,
      mode: this.#mode,
      intervalSeconds: options.intervalMs / 1000,
      maxWidth: options.maxWidth,
      timeoutSeconds: FFMPEG_TIMEOUT_SECONDS,
      previewFd: this.#preview ? PREVIEW_FD : null,
    });
    // ffmpeg knows only the relay's URL; its messages are shown with the camera's.
    const clean = withoutSecrets(options.url);
    const tail = new OutputTail(5, (line) => clean(line.replaceAll(relay.url, redactUrl(options.url))));
    const stdio = ['ignore', 'pipe', 'pipe', this.#preview ? 'pipe' : 'ignore'] as const;
    const child = spawn(options.ffmpeg, args, { env: childEnvironment(), stdio: [...stdio] });
    const run = { child, relay, tail };
    this.#run = run;
    this.#listen(run);
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
      relay.close();
      if (pid !== undefined) options.onProcess('ended', pid);
      if (this.#run !== run || this.#stopped) return;
      // An ffmpeg that ended by itself before any picture may have failed to copy the stream for the preview.
      if (relay.reason === null && this.#frames === 0 && this.#failures === 1) this.#preview = false;
      this.#retry(relay.reason ?? tail.last() ?? 'the stream ended');
    });
    this.#watch(run);
  }

  #listen(run: Run): void {
    const { child, tail } = run;
    const reader = new PpmReader((frame) => this.#onFrame(run, frame));
    // A hostile camera can make ffmpeg print without end.
    if (child.stderr !== null) child.once('exit', tail.follow(child.stderr));
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (thrown) {
        tail.note(asError(thrown).message);
        child.kill('SIGKILL');
      }
    });
    const preview = child.stdio[PREVIEW_FD] as Readable | null | undefined;
    this.#tap?.restart();
    preview?.on('data', (chunk: Buffer) => {
      if (run === this.#run) this.#tap?.push(chunk);
    });
    preview?.on('error', () => undefined);
  }

  /** SIGKILL: there is no state to save, and on a dead connection ffmpeg takes seconds to end otherwise. */
  #end(run: Run | null): void {
    run?.child.kill('SIGKILL');
    run?.relay.close();
  }

  #onFrame(run: Run, frame: Frame): void {
    if (run !== this.#run || this.#stopped) return;
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

  /** Restarts ffmpeg in another mode, without the back-off of a failure. */
  #switchTo(mode: DecodeMode): void {
    this.#mode = mode;
    const old = this.#run;
    this.#run = null;
    this.#end(old);
    this.start();
  }

  #watch(run: Run): void {
    const { clock, intervalMs } = this.#options;
    let seen = -1;
    const check = (): void => {
      if (run !== this.#run || this.#stopped) return;
      if (this.#frames === seen || (seen === -1 && this.#frames === 0)) {
        // No picture in keyframes mode can also mean a long GOP, so every frame is decoded before giving up.
        if (this.#frames <= 1) this.#mode = 'all';
        run.tail.note(`no picture for ${(stallLimitMs(intervalMs) / 1000).toFixed(1)} s`);
        this.#end(run);
        return;
      }
      seen = this.#frames;
      this.#stallTimer = clock.setTimeout(check, stallLimitMs(intervalMs));
    };
    this.#stallTimer = clock.setTimeout(check, stallLimitMs(intervalMs));
  }

  #retry(reason: string): void {
    this.#run = null;
    if (this.#stopped) return;
    const delayMs = reconnectDelayMs(this.#failures);
    this.#failures += 1;
    this.#options.onState('offline', `${reason}; next attempt in ${(delayMs / 1000).toFixed(1)} s`);
    this.#retryTimer = this.#options.clock.setTimeout(() => this.start(), delayMs);
  }
}
