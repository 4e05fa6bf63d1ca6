/** CPU of the parts of a watch. */
import type { EventFinder } from '../../src/events/events.types.ts';
import type { RoadTracker } from '../../src/tracking/tracking.types.ts';
import type { WatchParts } from '../../src/watch/watch-parts.ts';

/** CPU of this process so far, ms: that of other programs doesn't count. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** ms by part. */
export class StageTimes {
  readonly #ms = new Map<string, number>();

  get ms(): ReadonlyMap<string, number> {
    return this.#ms;
  }

  /** The same parts, whose time is added up here. */
  timed(parts: WatchParts): WatchParts {
    return {
      createTracker: (scene, picture) => this.#tracker(parts.createTracker(scene, picture)),
      finders: parts.finders.map((finder) => this.#finder(finder)),
      interests: (view) => this.#run('interests', () => parts.interests(view)),
    };
  }

  #tracker(tracker: RoadTracker): RoadTracker {
    const run = <T>(work: () => T): T => this.#run('tracker', work);
    return {
      update: (detections, at) => run(() => tracker.update(detections, at)),
      assignmentsAt: (at) => tracker.assignmentsAt(at),
      get tracks() {
        return run(() => tracker.tracks);
      },
      get newestAt() {
        return tracker.newestAt;
      },
      setScene: (scene) => run(() => tracker.setScene(scene)),
    };
  }

  /** A tracker may smooth histories only when a finder reads them: that counts as the finder's. */
  #finder(finder: EventFinder): EventFinder {
    const name = `events ${finder.name}`;
    return (view) => this.#run(name, () => finder(view));
  }

  #run<T>(name: string, work: () => T): T {
    const began = cpuMs();
    try {
      return work();
    } finally {
      this.#ms.set(name, (this.#ms.get(name) ?? 0) + cpuMs() - began);
    }
  }
}
