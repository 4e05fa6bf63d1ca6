import type { Detection } from '../messages/detection.ts';
import type { CameraId } from '../messages/ids.ts';
import { priorityOf } from './explode.ts';
import { priorityOfIncident } from './incident-prior.ts';

/** The priority of the frame's most urgent subject; 0 without any, and for a replayed frame. */
export function urgencyOf({ trafficGroups, incidents, imageWidth, replayOf }: Detection): number {
  if (replayOf !== undefined) return 0;
  return Math.max(
    0,
    ...trafficGroups.map(({ features }) => priorityOf(features, imageWidth)),
    ...incidents.map(priorityOfIncident),
  );
}

interface Waiting {
  readonly detection: Detection;
  readonly urgency: number;
  /** Order of arrival. */
  readonly number: number;
}

/**
 * Frames that wait to be published, at most `capacity`. At the bound the least urgent frame is dropped, the oldest of
 * several: a frame that may become an alert is never dropped for one that cannot. Frames leave in order within each
 * camera; the camera with the most urgent frame goes first.
 */
export class DetectionBuffer {
  readonly #capacity: number;
  readonly #cameras = new Map<CameraId, Waiting[]>();
  #size = 0;
  #numbers = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the frame dropped for it, which may be the new one itself; null while there is room. */
  add(detection: Detection): Detection | null {
    const { cameraId } = detection;
    const queue = this.#cameras.get(cameraId) ?? [];
    this.#cameras.set(cameraId, queue);
    queue.push({ detection, urgency: urgencyOf(detection), number: (this.#numbers += 1) });
    this.#size += 1;
    return this.#size > this.#capacity ? this.#shed() : null;
  }

  /** Removes and returns the next frame of a camera that is not `busy`; null when there is none. */
  take(busy: { has(cameraId: CameraId): boolean }): Detection | null {
    let best: { readonly head: Waiting; readonly urgency: number } | null = null;
    for (const [cameraId, queue] of this.#cameras) {
      const [head] = queue;
      if (head === undefined || busy.has(cameraId)) continue;
      const urgency = queue.reduce((most, waiting) => Math.max(most, waiting.urgency), 0);
      if (best === null || urgency > best.urgency || (urgency === best.urgency && head.number < best.head.number))
        best = { head, urgency };
    }
    if (best !== null) this.#remove(best.head);
    return best === null ? null : best.head.detection;
  }

  /** Removes and returns all frames, in the order of their arrival. */
  drain(): readonly Detection[] {
    const all = [...this.#cameras.values()].flat().toSorted((a, b) => a.number - b.number);
    this.#cameras.clear();
    this.#size = 0;
    return all.map(({ detection }) => detection);
  }

  #shed(): Detection | null {
    let least: Waiting | null = null;
    for (const queue of this.#cameras.values()) {
      for (const waiting of queue) {
        if (
          least === null ||
          waiting.urgency < least.urgency ||
          (waiting.urgency === least.urgency && waiting.number < least.number)
        )
          least = waiting;
      }
    }
    if (least !== null) this.#remove(least);
    return least === null ? null : least.detection;
  }

  #remove(waiting: Waiting): void {
    const { cameraId } = waiting.detection;
    const queue = this.#cameras.get(cameraId) ?? [];
    queue.splice(queue.indexOf(waiting), 1);
    if (queue.length === 0) this.#cameras.delete(cameraId);
    this.#size -= 1;
  }
}
