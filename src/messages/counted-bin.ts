import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CROSSING_DIRECTIONS } from './scene-constants.ts';
import { ObjectClass } from './detection-parts.ts';
import { CameraId, IsoTime } from './ids.ts';
import { SceneId } from './scene.ts';

const Count = z.int().min(1);
const Total = z.number().min(0);

/** Road users who crossed a counting line. */
export const LineCounts = z.object({
  lineId: SceneId,
  /** Only those that are not 0. */
  crossings: z
    .array(z.object({ direction: z.enum(CROSSING_DIRECTIONS), class: ObjectClass, count: Count }))
    .max(CROSSING_DIRECTIONS.length * ObjectClass.options.length),
});
export type LineCounts = z.infer<typeof LineCounts>;

/** Vehicles that came by one lane and left by another that is not beside it. */
export const Movement = z.object({ from: SceneId, to: SceneId, class: ObjectClass, count: Count });
export type Movement = z.infer<typeof Movement>;

/** The traffic of a lane: motor vehicles and bicycles. */
export const LaneFigures = z.object({
  laneId: SceneId,
  /** Those that passed the middle of the lane's zone, in the lane's direction. */
  vehicles: z.int().min(0),
  /** The same for an hour, from the time that was watched. */
  flowPerHour: Total,
  /** Mean of the speeds at the middle of the zone; null when none passed. */
  timeMeanSpeedKmh: Total.nullable(),
  /** Distance travelled in the zone by the time spent in it (Edie 1963); null when it was empty. */
  spaceMeanSpeedKmh: Total.nullable(),
  /** Share of the time that was watched in which a vehicle was over the 2 m in the middle of the zone, 0..1. */
  occupancy: z.number().min(0).max(1),
  /** The longest queue, of vehicles under 5 km/h with gaps under 15 m: their number, and from front to end. */
  queueVehicles: z.int().min(0),
  queueMetres: Total,
  /** The sums behind the figures, so that bins can be merged. */
  sums: z.object({ speedsKmh: Total, metres: Total, seconds: Total, occupiedSeconds: Total }),
});
export type LaneFigures = z.infer<typeof LaneFigures>;

/** The counts of a span of time. */
export const CountedBin = z.object({
  /** Aligned to the clock (UTC). */
  start: IsoTime,
  seconds: z.int().min(1).max(3_600),
  /** For how long there were pictures. */
  observedSeconds: Total,
  /** False: metres are estimated from the sizes of road users. */
  calibrated: z.boolean(),
  lines: z.array(LineCounts).max(MOST.lines),
  movements: z.array(Movement).max(MOST.movements),
  lanes: z.array(LaneFigures).max(MOST.zones),
  /** Lines and lanes that reach the horizon, or are too small: nothing is counted there. */
  notOnRoad: z.array(SceneId).max(MOST.lines + MOST.zones),
  /** Road users and movements over the bounds, not counted. */
  leftOut: z.int().min(0),
});
export type CountedBin = z.infer<typeof CountedBin>;

/** Body of `counts.{cameraId}`: a finished minute. A minute in which the camera was restarted comes in parts. */
export const TrafficCounts = CountedBin.extend({
  cameraId: CameraId,
  /** Of this message: the same part of a minute is counted once. */
  countId: z.uuid(),
});
export type TrafficCounts = z.infer<typeof TrafficCounts>;
