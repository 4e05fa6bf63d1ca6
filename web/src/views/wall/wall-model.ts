/** State of the wall: the user's choice, and the cameras that it shows. */
import { type Accessor, createMemo, createSignal, onCleanup, untrack } from 'solid-js';
import { preferences, setViewPreference } from '../../app/preferences.ts';
import { cameraCell, cameraIds, cameraViews } from '../../feed/cameras.ts';
import { now, onMessage, serverNow } from '../../feed/feed.ts';
import { readChoice, type WallChoice } from './wall-choice.ts';
import { type Activity, afterFrame, NO_ACTIVITY, type OrderedCamera, shownCameras } from './wall-order.ts';

const NAME = 'wall';

export interface WallModel {
  readonly choice: Accessor<WallChoice>;
  readonly change: (change: Partial<WallChoice>) => void;
  readonly search: Accessor<string>;
  readonly setSearch: (text: string) => void;
  /** Ids of the cameras to show, in their order. Changes only when the order does. */
  readonly shown: Accessor<readonly string[]>;
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id, index) => id === b[index]);

/** Ends with the component that called it. */
export function createWallModel(): WallModel {
  const choice = createMemo(() => readChoice(preferences().views[NAME]));
  const change = (some: Partial<WallChoice>): void => setViewPreference(NAME, { ...choice(), ...some });
  const [search, setSearch] = createSignal('');
  const [alerted, setAlerted] = createSignal(0);
  const activities = new Map<string, Activity>();
  // An alert moves its camera at once.
  onCleanup(onMessage('alert', () => setAlerted((count) => count + 1)));

  const byActivity = (): boolean => choice().busyOnly || (choice().order === 'danger' && choice().layout === null);
  const shown = createMemo(
    () => {
      const views = cameraViews();
      if (byActivity()) {
        now();
        alerted();
      }
      const at = serverNow();
      const cameras = cameraIds().map((cameraId): OrderedCamera => {
        const view = views.get(cameraId);
        const { frame } = cameraCell(cameraId);
        const activity = afterFrame(activities.get(cameraId) ?? NO_ACTIVITY, untrack(frame), at);
        activities.set(cameraId, activity);
        return { cameraId, name: view?.name ?? cameraId, groups: view?.groups ?? [], activity };
      });
      for (const id of activities.keys()) if (!views.has(id)) activities.delete(id);
      return shownCameras(cameras, choice(), search(), at);
    },
    [],
    { equals: sameList },
  );
  return { choice, change, search, setSearch, shown };
}
