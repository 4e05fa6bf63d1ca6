/** Which cameras the wall shows, in which order. Pure. */
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import { DANGER } from '../../picture/risk.ts';
import type { WallChoice } from './wall-choice.ts';

/** A camera that was dangerous stays in its place for this time, so that tiles don't jump to and fro. */
export const HOLD_MS = 10_000;
/** A camera is busy for this time after it saw a group of road users or an incident. */
export const BUSY_MS = 30_000;

/** A camera's danger and bustle over the last seconds. */
export interface Activity {
  /** Of {@link DANGER}: held for {@link HOLD_MS} after the frame that had it. */
  readonly danger: number;
  /** Times by the frames, ms; -Infinity: never. */
  readonly dangerAt: number;
  readonly busyAt: number;
}

export const NO_ACTIVITY: Activity = { danger: 0, dangerAt: -Infinity, busyAt: -Infinity };

/** Danger of a frame: its level, or that of an open incident if that is greater. */
export function dangerOf({ riskAssessment, incidents }: Pick<Aggregate, 'riskAssessment' | 'incidents'>): number {
  const open = incidents.filter(({ state }) => state === 'open').map(({ verdict }) => DANGER[verdict.level]);
  return Math.max(DANGER[riskAssessment.maxRiskLevel], ...open);
}

/** The activity after one more frame; `now` in ms by the server's clock. */
export function afterFrame(before: Activity, frame: Aggregate | null, now: number): Activity {
  const held = now - before.dangerAt > HOLD_MS ? { ...before, danger: 0, dangerAt: -Infinity } : before;
  if (frame === null) return held;
  const at = Date.parse(frame.timestamp);
  const danger = now - at > HOLD_MS ? 0 : dangerOf(frame);
  const busy = frame.trafficGroups.length > 0 || frame.incidents.some(({ state }) => state === 'open');
  return {
    danger: Math.max(danger, held.danger),
    dangerAt: danger >= held.danger && danger > 0 ? at : held.dangerAt,
    busyAt: busy ? Math.max(before.busyAt, at) : before.busyAt,
  };
}

export const isBusy = (activity: Activity, now: number): boolean =>
  now - activity.busyAt <= BUSY_MS || activity.danger > 0;

export interface OrderedCamera {
  readonly cameraId: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly activity: Activity;
}

const byText = new Intl.Collator(undefined, { numeric: true });

/**
 * The ids to show, in order: those of the fixed layout, or all that fit group, search and filter.
 *
 * @param search words; each must be in the camera's name or id
 */
export function shownCameras(
  cameras: readonly OrderedCamera[],
  choice: WallChoice,
  search: string,
  now: number,
): string[] {
  const words = search.toLowerCase().split(/\s+/u).filter(Boolean);
  const fits = ({ cameraId, name, groups, activity }: OrderedCamera): boolean =>
    (choice.group === null || groups.includes(choice.group)) &&
    (!choice.busyOnly || isBusy(activity, now)) &&
    words.every((word) => `${name} ${cameraId}`.toLowerCase().includes(word));
  const layout = choice.layouts.find(({ name }) => name === choice.layout);
  const found = cameras.filter(fits);
  if (layout !== undefined) {
    const present = new Set(found.map(({ cameraId }) => cameraId));
    return layout.cameraIds.filter((id) => present.has(id));
  }
  const sorted = found.toSorted(
    (a, b) =>
      (choice.order === 'danger' ? b.activity.danger - a.activity.danger : 0) ||
      byText.compare(a.name, b.name) ||
      byText.compare(a.cameraId, b.cameraId),
  );
  return sorted.map(({ cameraId }) => cameraId);
}
