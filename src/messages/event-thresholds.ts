import { z } from 'zod';
import { EVENT_KINDS } from './scene-constants.ts';

const seconds = z.number().min(0).max(600);
const speedKmh = z.number().min(0).max(300);
const metres = z.number().min(0).max(200);
const degrees = z.number().min(0).max(180);
const deceleration = z.number().min(0).max(30);

/**
 * From when on something is an event. Units are in the names: seconds, km/h, metres, degrees, m/s² (`Mps2`). Every kind
 * may be switched off.
 */
export const EventThresholds = z.strictObject({
  collision: z.strictObject({
    enabled: z.boolean().default(true),
    /** Speed of one relative to the other before the contact, at least. */
    minRelativeSpeedKmh: speedKmh.default(10),
  }),
  'near-miss': z.strictObject({
    enabled: z.boolean().default(true),
    /** Time to collision, below. */
    maxTtcSeconds: seconds.default(1.5),
    minRelativeSpeedKmh: speedKmh.default(10.8),
    /** One of the two brakes at least so much. */
    minDecelerationMps2: deceleration.default(4),
    /** Post-encroachment time, below; of paths that cross at `minCrossingDegrees` or more. */
    maxPetSeconds: seconds.default(1),
    minCrossingDegrees: degrees.default(30),
  }),
  'near-miss-person': z.strictObject({
    enabled: z.boolean().default(true),
    maxTtcSeconds: seconds.default(1.5),
    maxPetSeconds: seconds.default(1),
    /** Of the vehicle. */
    minSpeedKmh: speedKmh.default(10.8),
    /** Deceleration that the vehicle would need to stop in time, above. */
    minNeededDecelerationMps2: deceleration.default(3.4),
  }),
  'wrong-way': z.strictObject({
    enabled: z.boolean().default(true),
    minSpeedKmh: speedKmh.default(7.2),
    /** Between the heading and the lane's direction, above. */
    minDegrees: degrees.default(120),
    minSeconds: seconds.default(1),
  }),
  'stopped-vehicle': z.strictObject({
    enabled: z.boolean().default(true),
    maxSpeedKmh: speedKmh.default(1.8),
    minSeconds: seconds.default(10),
  }),
  'illegal-stop': z.strictObject({
    enabled: z.boolean().default(true),
    maxSpeedKmh: speedKmh.default(1.8),
    minSeconds: seconds.default(10),
  }),
  'person-on-road': z.strictObject({
    enabled: z.boolean().default(true),
    minSeconds: seconds.default(1.5),
    /** Within so many metres of a crossing or a sidewalk a person is not on the road. */
    marginMetres: metres.default(0.7),
  }),
  'shoulder-use': z.strictObject({
    enabled: z.boolean().default(true),
    minSpeedKmh: speedKmh.default(10),
    minSeconds: seconds.default(1.5),
  }),
  speeding: z.strictObject({
    enabled: z.boolean().default(true),
    /** Times the limit, above. */
    minLimitRatio: z.number().min(1).max(5).default(1.2),
    minSeconds: seconds.default(2),
  }),
  tailgating: z.strictObject({
    enabled: z.boolean().default(true),
    /** Time from the one in front to the one behind at its speed, below. */
    maxHeadwaySeconds: seconds.default(0.7),
    minSpeedKmh: speedKmh.default(40),
    minSeconds: seconds.default(3),
  }),
  'hard-braking': z.strictObject({
    enabled: z.boolean().default(true),
    minDecelerationMps2: deceleration.default(5),
    minSeconds: seconds.default(0.4),
  }),
  queue: z.strictObject({
    enabled: z.boolean().default(true),
    minVehicles: z.int().min(2).max(50).default(5),
    maxSpeedKmh: speedKmh.default(5),
    /** Between one and the next, below. */
    maxGapMetres: metres.default(15),
    minSeconds: seconds.default(15),
  }),
  'u-turn': z.strictObject({
    enabled: z.boolean().default(true),
    minDegrees: degrees.default(150),
    maxSeconds: seconds.default(14),
    maxMetres: metres.default(30),
  }),
});
export type EventThresholds = z.infer<typeof EventThresholds>;

/** The defaults, with a camera's own changes. */
export const thresholdsWith = (changes: EventThresholdChanges = {}): EventThresholds =>
  EventThresholds.parse(
    Object.fromEntries(EVENT_KINDS.map((kind) => [kind, changes[kind] ?? {}])) satisfies Record<string, object>,
  );

type Defaulted = Readonly<Record<string, z.ZodDefault<z.ZodType>>>;
type Changes<S extends Defaulted> = { [K in keyof S]: z.ZodOptional<ReturnType<S[K]['unwrap']>> };

/** Each field may be left out, and is then left out of what is kept, too: `partial` would fill in the defaults. */
const changesOf = <S extends Defaulted>({ shape }: z.ZodObject<S>): z.ZodObject<Changes<S>, z.core.$strict> =>
  z.strictObject(
    Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, field.unwrap().optional()])) as Changes<S>,
  );

/** A camera's own: only what differs from the defaults. */
export const EventThresholdChanges = z
  .strictObject({
    collision: changesOf(EventThresholds.shape.collision),
    'near-miss': changesOf(EventThresholds.shape['near-miss']),
    'near-miss-person': changesOf(EventThresholds.shape['near-miss-person']),
    'wrong-way': changesOf(EventThresholds.shape['wrong-way']),
    'stopped-vehicle': changesOf(EventThresholds.shape['stopped-vehicle']),
    'illegal-stop': changesOf(EventThresholds.shape['illegal-stop']),
    'person-on-road': changesOf(EventThresholds.shape['person-on-road']),
    'shoulder-use': changesOf(EventThresholds.shape['shoulder-use']),
    speeding: changesOf(EventThresholds.shape.speeding),
    tailgating: changesOf(EventThresholds.shape.tailgating),
    'hard-braking': changesOf(EventThresholds.shape['hard-braking']),
    queue: changesOf(EventThresholds.shape.queue),
    'u-turn': changesOf(EventThresholds.shape['u-turn']),
  })
  .partial();
export type EventThresholdChanges = z.infer<typeof EventThresholdChanges>;
