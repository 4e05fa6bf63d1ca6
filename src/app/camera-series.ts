import type { CameraEntry } from '../actors/camera-registry.ts';
import type { Bus } from '../infra/bus.ts';
import type { Metrics } from '../infra/metrics.ts';
import { CameraRemoved } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';

export type WatchedCamera = Pick<CameraEntry, 'lastFrameAt'> & {
  readonly config: Pick<CameraEntry['config'], 'cameraId' | 'intervalSeconds' | 'enabled'>;
  readonly status: Pick<CameraEntry['status'], 'state'>;
};

/** The series of each camera that is switched on. */
export class CameraSeries {
  /** When each camera without a picture was first looked at, epoch ms. */
  #since: ReadonlyMap<CameraId, number> = new Map();

  /** @param now epoch ms */
  show(metrics: Pick<Metrics, 'replace'>, cameras: readonly WatchedCamera[], now: number): void {
    const on = cameras.filter(({ config }) => config.enabled);
    const isUp = ({ status }: WatchedCamera): boolean => status.state === 'online';
    this.#since = new Map(on.map(({ config: { cameraId } }) => [cameraId, this.#since.get(cameraId) ?? now]));
    metrics.replace('active_cameras', [[{}, on.filter(isUp).length]]);
    metrics.replace(
      'camera_up',
      on.map((camera) => [{ camera_id: camera.config.cameraId }, isUp(camera) ? 1 : 0]),
    );
    metrics.replace(
      'camera_dark_seconds',
      on.map((camera) => [{ camera_id: camera.config.cameraId }, this.#darkSeconds(camera, now)]),
    );
  }

  /** By how much its next picture is overdue: a picture a minute is no darkness where that is the interval. */
  #darkSeconds({ config: { cameraId, intervalSeconds }, lastFrameAt }: WatchedCamera, now: number): number {
    const since = this.#since.get(cameraId) ?? now;
    // One that was switched off in between is dark from when it was switched on.
    const from = Math.max(since, lastFrameAt === null ? 0 : Date.parse(lastFrameAt));
    return Math.max(0, (now - from) / 1_000 - intervalSeconds);
  }
}

/** By then all threads have told the values that they recorded before a removal. */
const SETTLED_MS = 10_000;
const MOST_WAITING = 1_000;

/**
 * Removes the series of each camera a while after it was removed, on whatever node. A removal that NATS did not carry
 * leaves them until the next start. Returns the end of it.
 */
export function forgetRemovedCameras(
  bus: Pick<Bus, 'subscribe'>,
  metrics: Pick<Metrics, 'forgetCamera'>,
  clock: Clock,
): () => void {
  const waiting = new Set<TimerHandle>();
  const unsubscribe = bus.subscribe(subjects.cameraRemoved, CameraRemoved, ({ cameraId }) => {
    // Without room for one more timer, a late recording may bring some series back.
    if (waiting.size >= MOST_WAITING) return void metrics.forgetCamera(cameraId);
    const timer = clock.setTimeout(() => {
      waiting.delete(timer);
      void metrics.forgetCamera(cameraId);
    }, SETTLED_MS);
    waiting.add(timer);
  });
  return () => {
    unsubscribe();
    for (const timer of waiting) clock.clearTimeout(timer);
  };
}
