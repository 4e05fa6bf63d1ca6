import { MOST } from '../messages/bounds.ts';
import type { Trajectory } from '../messages/incident.ts';
import type { Box } from '../messages/detection.ts';
import { footPixel } from '../scene/box-foot.ts';
import type { Pixel, RoadPlane } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';

/** A trajectory begins so many ms before the onset: how it came to the incident. */
const BEFORE_MS = 3_000;

/** Around the boxes, px; null without any. */
export function around(boxes: readonly Box[]): Box | null {
  if (boxes.length === 0) return null;
  return [
    Math.min(...boxes.map((box) => box[0])),
    Math.min(...boxes.map((box) => box[1])),
    Math.max(...boxes.map((box) => box[2])),
    Math.max(...boxes.map((box) => box[3])),
  ];
}

/** Its newest moment that was seen; undefined: none that is remembered. */
export const lastSeenOf = ({ history }: RoadTrack): (TrackPoint & { readonly box: Box }) | undefined =>
  history.findLast((point): point is TrackPoint & { readonly box: Box } => point.box !== null);

/** The ways of the first `MOST.trajectories` members of an incident, thinned out evenly to `MOST.trajectory` points. */
export function trajectoriesOf(tracks: readonly RoadTrack[], onset: number, plane: RoadPlane): Trajectory[] {
  return tracks.slice(0, MOST.trajectories).map(({ trackId, history }) => ({
    trackId,
    points: thinned(history.filter(({ at }) => at >= onset - BEFORE_MS)).flatMap((point) => {
      const pixel = footOf(point, plane);
      if (pixel === null) return [];
      return [[rounded((point.at - onset) / 1_000), ...point.place.map(rounded), ...pixel.map(rounded)]] as [
        [number, number, number, number, number],
      ];
    }),
  }));
}

function footOf({ box, place }: TrackPoint, plane: RoadPlane): Pixel | null {
  return box === null ? plane.toImage(place) : footPixel(box);
}

function thinned(points: readonly TrackPoint[]): readonly TrackPoint[] {
  if (points.length <= MOST.trajectory) return points;
  const step = (points.length - 1) / (MOST.trajectory - 1);
  return Array.from({ length: MOST.trajectory }, (_, index) => points[Math.round(index * step)]).filter(
    (point) => point !== undefined,
  );
}

/** To a hundredth, more than any place's accuracy. */
const rounded = (value: number): number => Math.round(value * 100) / 100;
