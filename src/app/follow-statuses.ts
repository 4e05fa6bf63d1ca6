import type { LiveFeed } from '../http/live-feed.ts';
import type { Bus } from '../infra/bus.ts';
import { CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import type { Signal } from './signals.ts';

const MOST_CAMERAS = 10_000;

/**
 * Publishes the statuses of cameras to viewers: this process's at once, with NATS or without, and other processes' from
 * NATS. A status that arrives on both paths is published once. Returns a function that ends it.
 */
export function followStatuses(bus: Bus, own: Signal<CameraStatus>, feed: LiveFeed): () => void {
  const told = new Map<CameraId, string>();
  const tell = (status: CameraStatus): void => {
    const { cameraId, state, message, since } = status;
    const what = JSON.stringify([state, message, since]);
    if (told.get(cameraId) === what) return;
    if (told.size >= MOST_CAMERAS && !told.has(cameraId)) told.clear();
    told.set(cameraId, what);
    feed.publishStatus(status);
  };
  own.on(tell);
  return bus.subscribe(subjects.cameraStatuses, CameraStatus, tell);
}
