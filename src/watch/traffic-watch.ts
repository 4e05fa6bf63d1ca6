import { createTrafficCounter } from '../counting/traffic-counter.ts';
import type { TrafficView } from '../events/events.types.ts';
import { isFineEnough } from '../events/resolution.ts';
import type { CountedBin } from '../messages/counted-bin.ts';
import { footPixel } from '../scene/box-foot.ts';
import type { Scene } from '../scene/scene.types.ts';
import type { RoadTracker, RoadTrack, TrackedDetection } from '../tracking/tracking.types.ts';
import { BurstPolicy } from './burst-policy.ts';
import { IncidentBook } from './incident-book.ts';
import { suspicions } from './suspicions.ts';
import { PRODUCT_PARTS, type WatchParts } from './watch-parts.ts';
import type { TrafficWatch, WatchedFrame, WatchedIncident, WatchOptions, WatchOutcome } from './watch.types.ts';

/** Between regular frames before two of them were seen, ms. */
const REGULAR_MS = 1_000;
/**
 * Events are looked for after every so many pictures of a look-back, and after its last: from the past, and from now.
 * Each look costs more than a picture.
 */
const LOOK_EVERY_LATE = 12;
const LOOK_EVERY_LIVE = 3;

export function createTrafficWatch(options: WatchOptions, parts: WatchParts = PRODUCT_PARTS): TrafficWatch {
  return new Watch(options, parts);
}

class Watch implements TrafficWatch {
  readonly #parts: WatchParts;
  readonly #tracker: RoadTracker;
  readonly #book: IncidentBook;
  readonly #burst: BurstPolicy;
  readonly #picture: WatchOptions['picture'];
  readonly #counter = createTrafficCounter();
  #scene: Scene;
  #thresholds: WatchOptions['thresholds'];
  #regularAt: number | null = null;
  #regularMs = REGULAR_MS;
  #unlooked = 0;
  #incidents: readonly WatchedIncident[] = [];
  /** As they were when events were looked for last. */
  #tracks: readonly RoadTrack[] = [];

  constructor({ scene, picture, thresholds, idPrefix, burstFps }: WatchOptions, parts: WatchParts) {
    this.#parts = parts;
    this.#scene = scene;
    this.#picture = picture;
    this.#thresholds = thresholds;
    this.#tracker = parts.createTracker(scene, picture);
    this.#book = new IncidentBook(idPrefix);
    this.#burst = new BurstPolicy(burstFps);
  }

  get refusedIncidents(): number {
    return this.#book.refused;
  }

  observe({ at, detections, burst }: WatchedFrame): WatchOutcome {
    if (burst && this.#burst.has(at)) return this.#outcome(detections.map(() => null));
    this.#burst.take(at, burst);
    if (!burst) this.#noteRegular(at);
    const seen = detections.filter((detection) => !this.#isIgnored(detection));
    const found = this.#tracker.update(seen, at);
    if (!burst) this.#learn(seen, found);
    const bySeen = new Map(seen.map((detection, index) => [detection, found[index] ?? null]));
    const assignments = detections.map((detection) => bySeen.get(detection) ?? null);
    this.#unlooked += 1;
    const every = at < (this.#tracker.newestAt ?? at) ? LOOK_EVERY_LATE : LOOK_EVERY_LIVE;
    if (burst && this.#burst.isWaiting && this.#unlooked < every) return this.#outcome(assignments);
    return this.#look(assignments);
  }

  setScene(scene: Scene, thresholds: WatchOptions['thresholds']): void {
    this.#scene = scene;
    this.#thresholds = thresholds;
    this.#tracker.setScene(scene);
  }

  finish(): readonly CountedBin[] {
    return this.#counter.finish();
  }

  /** Looks for events at the newest frame. */
  #look(assignments: WatchOutcome['assignments']): WatchOutcome {
    this.#unlooked = 0;
    const { tracks, newestAt } = this.#tracker;
    if (newestAt === null) return this.#outcome(assignments);
    this.#tracks = tracks;
    const view: TrafficView = {
      at: newestAt,
      tracks,
      scene: this.#scene,
      picture: this.#picture,
      thresholds: this.#thresholds,
      isOpen: (kind, trackIds) => this.#book.isOpen(kind, trackIds),
    };
    const findings = this.#parts.finders
      .flatMap((finder) => finder(view))
      .filter((finding) => isFineEnough(finding, view));
    const { incidents, changed } = this.#book.update(findings, { at: newestAt, tracks, plane: this.#scene.plane });
    this.#incidents = incidents.filter(({ state }) => state === 'open');
    const interests = () => [...this.#parts.interests(view), ...suspicions(tracks, newestAt, this.#regularMs)];
    const burst = this.#burst.wish(newestAt, interests);
    const counts = this.#counter.observe({ tracks, at: newestAt, scene: this.#scene });
    return { assignments, incidents, changed, tracks, burst, counts };
  }

  /** After a frame at which events were not looked for. */
  #outcome(assignments: WatchOutcome['assignments']): WatchOutcome {
    return { assignments, incidents: this.#incidents, changed: false, tracks: this.#tracks, burst: null, counts: [] };
  }

  /** Without calibration the scale gets better with each frame. */
  #learn(seen: readonly TrackedDetection[], found: WatchOutcome['assignments']): void {
    const scene = this.#scene.learn(seen.map((box, index) => ({ ...box, velocity: found[index]?.velocity ?? null })));
    if (scene !== null) this.setScene(scene, this.#thresholds);
  }

  #isIgnored({ bbox }: TrackedDetection): boolean {
    return this.#scene.ignores(footPixel(bbox));
  }

  #noteRegular(at: number): void {
    if (this.#regularAt !== null && at > this.#regularAt) this.#regularMs = at - this.#regularAt;
    this.#regularAt = at;
  }
}
