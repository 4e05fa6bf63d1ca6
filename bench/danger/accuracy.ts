/** How well incidents and tracks measure: seconds and km/h off the truth. */
import type { RoadTrack } from '../../src/tracking/tracking.types.ts';
import type { WatchedIncident } from '../../src/watch/watch.types.ts';
import { type Truth, trueStateAt } from './scene-folder.ts';
import { iou } from '../../src/vision/geometry.ts';
import type { FoundEvent } from './score-alarms.ts';

const KMH = 3.6;

/** Measured less true. */
export interface EventErrors {
  readonly ttc: number[];
  readonly pet: number[];
  readonly speedKmh: number[];
  /** Conflicts found of which neither TTC nor PET was measured though one is known. */
  unmeasured: number;
}

export const noErrors = (): EventErrors => ({ ttc: [], pet: [], speedKmh: [], unmeasured: 0 });

/** Adds the errors of the events found by `incidents`. */
export function addEventErrors(
  errors: EventErrors,
  events: readonly FoundEvent[],
  incidents: ReadonlyMap<string, WatchedIncident>,
): void {
  for (const { event, alarm } of events) {
    const evidence = alarm === null ? undefined : incidents.get(alarm.incidentId)?.evidence;
    if (evidence === undefined) continue;
    const { minTTC = null, PET = null, speedKmh = null } = event.severity;
    const isConflict = event.kind === 'near-miss' || event.kind === 'near-miss-person';
    if (isConflict) {
      if (minTTC !== null && evidence.ttc !== null) errors.ttc.push(evidence.ttc - minTTC);
      if (PET !== null && evidence.pet !== null) errors.pet.push(evidence.pet - PET);
      const isMeasured = (minTTC !== null && evidence.ttc !== null) || (PET !== null && evidence.pet !== null);
      if (!isMeasured) errors.unmeasured += 1;
    } else if (speedKmh !== null && evidence.speedKmh !== null) errors.speedKmh.push(evidence.speedKmh - speedKmh);
  }
}

const LEAST_IOU = 0.5;
const FROM_SECONDS = 1.5;

/**
 * Speed errors in km/h, in absolute values, of confirmed vehicles at second `t`: of those seen in the frame, and
 * followed for a while.
 */
export function speedErrors(truth: Truth, tracks: readonly RoadTrack[], t: number): readonly number[] {
  const states = truth.tracks.flatMap((track) => {
    const state = trueStateAt(track, t);
    return state === null ? [] : [state];
  });
  return tracks.flatMap(({ kind, confirmed, history, bornAt }) => {
    const point = history.at(-1);
    if (point === undefined || point.box === null || kind !== 'vehicle' || !confirmed) return [];
    if (point.at - bornAt < FROM_SECONDS * 1_000) return [];
    const box = point.box;
    const state = states.find(([, , , , shown]) => shown !== null && iou(shown, box) >= LEAST_IOU);
    return state === undefined ? [] : [Math.abs(Math.hypot(...point.velocity) - state[2]) * KMH];
  });
}
