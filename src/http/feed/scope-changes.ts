import type { CameraStatus } from '../../messages/camera.ts';
import type { CameraId } from '../../messages/ids.ts';
import { type GroupChange, shares } from '../access/camera-scope.ts';
import type { Viewer } from './viewer.ts';

export interface ScopeChangesOptions {
  readonly viewers: ReadonlySet<Viewer>;
  /** The viewer may no longer see this camera. */
  readonly left: (viewer: Viewer, camera: CameraId) => void;
  /** The viewer may see these cameras now. */
  readonly entered: (viewer: Viewer, cameras: readonly CameraId[]) => void;
}

/** Tells which cameras came into and went out of the scope of connected viewers when groups of cameras change. */
export class ScopeChanges {
  readonly #options: ScopeChangesOptions;
  /** Changes of one step: at a start all cameras get their groups at once. */
  readonly #entered = new Map<Viewer, Set<CameraId>>();

  constructor(options: ScopeChangesOptions) {
    this.#options = options;
  }

  apply({ cameraId, before, after }: GroupChange): void {
    for (const viewer of this.#options.viewers) {
      const { groups } = viewer.principal;
      if (groups === null || !viewer.subscription.has(cameraId)) continue;
      const [saw, sees] = [shares(before, groups), shares(after, groups)];
      if (saw && !sees) this.#options.left(viewer, cameraId);
      if (!saw && sees) this.#enter(viewer, cameraId);
    }
  }

  #enter(viewer: Viewer, cameraId: CameraId): void {
    if (this.#entered.size === 0) queueMicrotask(() => this.#tellEntered());
    const cameras = this.#entered.get(viewer) ?? new Set();
    this.#entered.set(viewer, cameras.add(cameraId));
  }

  #tellEntered(): void {
    const entered = [...this.#entered];
    this.#entered.clear();
    for (const [viewer, cameras] of entered)
      if (this.#options.viewers.has(viewer)) this.#options.entered(viewer, [...cameras]);
  }
}

/** The status of a camera that does not exist any more, for everybody or for a viewer. */
export const removedStatus = (cameraId: CameraId, now: number): CameraStatus => ({
  cameraId,
  status: 0,
  state: 'offline',
  message: 'the camera was removed',
  since: new Date(now).toISOString(),
});
