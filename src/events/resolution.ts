import type { EventKind } from '../messages/scene-constants.ts';
import { footPixel } from '../scene/box-foot.ts';
import type { Pixel } from '../scene/scene.types.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';
import type { Finding, TrafficView } from './events.types.ts';

/** Kinds that are measured from small distances and short times. */
const FINE: ReadonlySet<EventKind> = new Set(['collision', 'near-miss', 'near-miss-person', 'hard-braking', 'u-turn']);
/** So far apart at most are two places that one px tells apart, m. */
const MOST_METRES_PER_PIXEL = 1;

/**
 * The same for a deceleration, which is a second difference: 5 m/s² for a second are 2.5 m, two such px, and boxes are
 * off by as much. Also with a calibration.
 */
const MOST_METRES_OF_BRAKING = 1.25;

/**
 * False for an event that the picture is too coarse to tell: one px is more than a metre away from the camera, and the
 * metres themselves are estimated. A box is off by a px or two, and so a car far away seems to turn round or to touch
 * another. True for the kinds that take long times and distances, and with a calibration for all but hard braking.
 */
export function isFineEnough({ kind, trackIds, onset }: Finding, { scene, tracks }: TrafficView): boolean {
  const { plane } = scene;
  if (!FINE.has(kind) || (plane.calibrated && kind !== 'hard-braking')) return true;
  const most = plane.calibrated ? MOST_METRES_OF_BRAKING : MOST_METRES_PER_PIXEL;
  return tracks.every((track) => {
    const pixel = trackIds.includes(track.trackId) ? footAt(track, onset) : null;
    const scale = pixel === null ? null : plane.metresPerPixel(pixel);
    return scale === null || scale.along <= most;
  });
}

/** Where its box stood on the road, as seen last up to a moment; null when it was not seen before. */
function footAt({ history }: RoadTrack, at: number): Pixel | null {
  const box = history.findLast((point) => point.at <= at && point.box !== null)?.box ?? null;
  return box && footPixel(box);
}
