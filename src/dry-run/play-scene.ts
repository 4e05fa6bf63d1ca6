import { thresholdsWith } from '../messages/event-thresholds.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { SceneConfig } from '../messages/scene.ts';
import { type PictureWatch, watchPictures } from '../watch/watch-pictures.ts';
import type { WatchedIncident } from '../watch/watch.types.ts';
import type { DryRunOutcome, FoundIncident, PlayedFrame } from './dry-run.types.ts';

/** Incidents that are told; all are counted. */
export const MOST_FOUND = 200;

/** A scene played over frames, the oldest first. Pure. */
export class ScenePlayer {
  readonly #scene: SceneConfig | null;
  readonly #confidence: number;
  readonly #found = new Map<string, FoundIncident>();
  #watch: PictureWatch | null = null;
  #runs = 0;
  #size = { width: 0, height: 0 };
  #problem: string | null = null;

  constructor(scene: SceneConfig | null, confidence: number) {
    this.#scene = scene;
    this.#confidence = confidence;
  }

  play(frame: PlayedFrame): void {
    const { at, objects } = frame;
    const { incidents } = this.#watchFor(frame).observe({ at, detections: objects, burst: false });
    for (const incident of incidents) note(this.#found, incident, frame);
  }

  outcome(): DryRunOutcome {
    return { ...summaryOf([...this.#found.values()]), problem: this.#problem };
  }

  /** Frames of another size begin anew: positions in them are others. */
  #watchFor({ width, height }: PlayedFrame): PictureWatch {
    if (this.#watch !== null && this.#size.width === width && this.#size.height === height) return this.#watch;
    this.#size = { width, height };
    this.#watch = watchPictures({
      scene: this.#scene,
      thresholds: thresholdsWith(this.#scene?.thresholds),
      picture: this.#size,
      confidence: this.#confidence,
      idPrefix: `dry-${this.#runs}-`,
      // The frames are those that there are: no look-back can be asked for.
      burstFps: 0,
      onProblem: (sentence) => (this.#problem ??= sentence),
    });
    this.#runs += 1;
    return this.#watch;
  }
}

function note(found: Map<string, FoundIncident>, incident: WatchedIncident, frame: PlayedFrame): void {
  const { incidentId, kind, onset, endedAt = null, zone, severity, evidence, bbox, mergedInto } = incident;
  // It went on in another incident, which is told.
  if (mergedInto !== undefined) {
    found.delete(incidentId);
    return;
  }
  const first = found.get(incidentId) ?? { bbox, requestId: frame.requestId, imageId: frame.imageId };
  const { requestId, imageId } = first;
  // The box is that of the frame in which it was found, as the picture shows it.
  found.set(incidentId, { kind, onset, endedAt, zone, severity, evidence, bbox: first.bbox, requestId, imageId });
}

function summaryOf(found: readonly FoundIncident[]): Omit<DryRunOutcome, 'problem'> {
  const counts: Partial<Record<EventKind, number>> = {};
  for (const { kind } of found) counts[kind] = (counts[kind] ?? 0) + 1;
  // ISO times of one zone sort as texts.
  const newestFirst = found.toSorted((a, b) => (a.onset < b.onset ? 1 : a.onset > b.onset ? -1 : 0));
  return { incidents: newestFirst.slice(0, MOST_FOUND), counts };
}
