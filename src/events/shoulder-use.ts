import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { isMotor, KMH, leftOf, nearest, placeError, speedOf, zonesOf } from './places.ts';
import { type Holding, lastRun, lasts, median } from './condition-runs.ts';

/** So far from every lane, beside the error of its place, m. */
const MARGIN_METRES = 0.2;
const HYSTERESIS_RATIO = 0.7;

/**
 * A motor vehicle drives on a shoulder: faster than `minSpeedKmh`, for `minSeconds` or longer. The middle of its
 * footprint decides; the nearest lane must be farther than the place may be wrong. Evidence: speed (km/h, median of the
 * run). The definition is our own.
 */
export const findShoulderUse: EventFinder = (view) => {
  if (!view.thresholds['shoulder-use'].enabled || zonesOf(view.scene, 'shoulder').length === 0) return [];
  return view.tracks.flatMap((track) => (isMotor(track) && track.confirmed ? (find(track, view) ?? []) : []));
};

function find(track: RoadTrack, view: TrafficView): Finding | null {
  const limits = view.thresholds['shoulder-use'];
  const isOpen = view.isOpen('shoulder-use', [track.trackId]);
  const minSpeed = (limits.minSpeedKmh / KMH) * (isOpen ? HYSTERESIS_RATIO : 1);
  const lanes = zonesOf(view.scene, 'lane');
  const run = lastRun(track.history, (point): Holding => {
    const speed = speedOf(point);
    if (speed < minSpeed || view.scene.zonesAt(point.place, 'shoulder').length === 0) return 'no';
    const way: Metres = [point.velocity[0] / speed, point.velocity[1] / speed];
    const error = placeError(view.scene.plane, point, leftOf(way));
    return nearest(lanes, point.place) >= MARGIN_METRES + error ? 'yes' : 'maybe';
  });
  if (run === null || !lasts(run, limits.minSeconds)) return null;
  const last = run.points.at(-1);
  return {
    kind: 'shoulder-use',
    trackIds: [track.trackId],
    onset: run.from,
    endedAt: run.endedAt,
    zone: last === undefined ? null : (view.scene.zonesAt(last.place, 'shoulder')[0]?.id ?? null),
    evidence: { speedKmh: median(run.points.map(speedOf)) * KMH },
    severity: 'medium',
  };
}
