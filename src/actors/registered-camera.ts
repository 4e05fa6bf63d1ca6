import { CAMERA_STATUS_CODE, type CameraConfig, type CameraState, type CameraStatus } from '../messages/camera.ts';
import type { SceneChange } from '../messages/scene.ts';
import { CameraHealth } from './camera-health.ts';

/** A camera as the registry knows it. The URL is the real one, with its password: only for this process. */
export interface CameraEntry {
  readonly config: CameraConfig;
  readonly status: CameraStatus;
  /** Analysed frames since the program started. */
  readonly frames: number;
  /** Over the newest 20 frames of the last minute; 0 while there are fewer than two. */
  readonly framesPerSecond: number;
  /** Times the stream was lost. */
  readonly reconnects: number;
  /** ISO 8601 UTC. */
  readonly lastFrameAt: string | null;
  /** Counted since the program started: frames that NATS did not take in time, and groups shed by the scheduler. */
  readonly shed: { readonly detections: number; readonly groups: number };
  /** Socket file of the live preview, on this machine; null when the camera does not run. */
  readonly previewSocket: string | null;
  /** The last change of its scene since the program started; null for none. */
  readonly sceneChange: SceneChange | null;
}

const RECENT_FRAMES = 20;
const RATE_WINDOW_MS = 60_000;

/** The registry's knowledge of one camera. Times are epoch ms. */
export class RegisteredCamera {
  config: CameraConfig;
  /** There at every start, e.g. the demo, so not stored. */
  readonly fixed: boolean;
  previewSocket: string | null = null;
  sceneChange: SceneChange | null = null;
  health = new CameraHealth();
  /** Number of its newest start or stop: a start that waits is void after another one. */
  wantedStart = 0;
  /** Its newest start that has begun. Never rejects. */
  starting: Promise<void> = Promise.resolve();
  readonly shed = { detections: 0, groups: 0 };
  #status: CameraStatus;
  #frames = 0;
  #reconnects = 0;
  #lastFrameAt: string | null = null;
  /** When the newest frames were reported, oldest first. */
  readonly #recent: number[] = [];

  constructor(config: CameraConfig, fixed: boolean, now: number) {
    this.config = config;
    this.fixed = fixed;
    this.#status = {
      cameraId: config.cameraId,
      status: CAMERA_STATUS_CODE.offline,
      state: 'offline',
      message: config.enabled ? 'not started yet' : 'switched off',
      since: new Date(now).toISOString(),
    };
  }

  get status(): CameraStatus {
    return this.#status;
  }

  get frames(): number {
    return this.#frames;
  }

  /** False when this is its status already. */
  setStatus(state: CameraState, message: string, now: number): boolean {
    const old = this.#status;
    if (old.state === state && old.message === message) return false;
    const since = old.state === state ? old.since : new Date(now).toISOString();
    this.#status = { cameraId: old.cameraId, status: CAMERA_STATUS_CODE[state], state, message, since };
    return true;
  }

  countReconnect(): void {
    this.#reconnects += 1;
  }

  addFrame(frameNumber: number, timestamp: string, now: number): void {
    this.#frames = frameNumber;
    this.#lastFrameAt = timestamp;
    this.#recent.push(now);
    if (this.#recent.length > RECENT_FRAMES) this.#recent.shift();
  }

  entry(now: number): CameraEntry {
    return {
      config: this.config,
      status: this.#status,
      frames: this.#frames,
      framesPerSecond: frameRate(this.#recent, now),
      reconnects: this.#reconnects,
      lastFrameAt: this.#lastFrameAt,
      shed: { ...this.shed },
      previewSocket: this.previewSocket,
      sceneChange: this.sceneChange,
    };
  }
}

/** Frames per second up to now, so that it falls when the camera stops. */
function frameRate(recent: readonly number[], now: number): number {
  const counted = recent.filter((at) => now - at <= RATE_WINDOW_MS);
  const [first] = counted;
  if (first === undefined || counted.length < 2) return 0;
  return Math.round((100 * 1000 * (counted.length - 1)) / Math.max(1, now - first)) / 100;
}
