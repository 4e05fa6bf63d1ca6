import { groupKey } from '../messages/ids.ts';
import type { Frame } from './joined-frame.ts';

/** The frames for which an answer is awaited, at most until their freshness limit. */
export class AwaitedFrames {
  readonly #frames = new Set<Frame>();
  /** The newest of these that awaits an answer about a group, by camera and group. */
  readonly #newest = new Map<string, Frame>();
  /** No limit is before this. */
  #soonest = Infinity;

  get size(): number {
    return this.#frames.size;
  }

  /** The next limit at the earliest, epoch ms; null when no answer is awaited. */
  get nextLimit(): number | null {
    return this.#frames.size === 0 ? null : this.#soonest;
  }

  /**
   * Adds a new frame. About a group that several frames of the camera have, only the newest of them waits.
   *
   * @param onSuperseded gets each frame, this one or an older one, with the number of its groups that wait no more
   */
  add(frame: Frame, onSuperseded: (frame: Frame, groups: number) => void): void {
    if (frame.live) for (const { group } of frame.slots) this.#supersede(frame, group.groupId, onSuperseded);
    this.update(frame);
  }

  /** To be called when the frame may have begun or ended to wait. */
  update(frame: Frame): void {
    if (frame.awaits) {
      this.#frames.add(frame);
      this.#soonest = Math.min(this.#soonest, frame.limit);
      return;
    }
    this.#frames.delete(frame);
    const { cameraId, trafficGroups } = frame.facts;
    for (const { groupId } of trafficGroups) {
      const key = groupKey(cameraId, groupId);
      if (this.#newest.get(key) === frame) this.#newest.delete(key);
    }
  }

  /** The frames whose limit has passed. */
  over(now: number): readonly Frame[] {
    if (now < this.#soonest) return [];
    this.#soonest = Infinity;
    const over: Frame[] = [];
    for (const frame of this.#frames) {
      if (frame.limit <= now) over.push(frame);
      else this.#soonest = Math.min(this.#soonest, frame.limit);
    }
    return over;
  }

  #supersede(frame: Frame, groupId: string, onSuperseded: (frame: Frame, groups: number) => void): void {
    const key = groupKey(frame.facts.cameraId, groupId);
    const other = this.#newest.get(key);
    const older = other !== undefined && other.at > frame.at ? frame : other;
    if (older !== frame) this.#newest.set(key, frame);
    if (older === undefined || other === frame) return;
    const groups = older.giveUp('superseded', (slot) => slot.group.groupId === groupId);
    if (groups > 0) onSuperseded(older, groups);
  }
}
