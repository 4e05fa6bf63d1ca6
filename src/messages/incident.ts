import { z } from 'zod';
import { AssessmentFailure, AssessmentSource, PromptHash, RiskLevel, Spent } from './assessment.ts';
import { MOST } from './bounds.ts';
import { Box, EarlierMoment } from './detection-parts.ts';
import { ImageId, IsoTime, RequestId } from './ids.ts';
import { EVENT_KINDS } from './scene-constants.ts';

/**
 * The numbers that make an incident. Each is null where it was not measured or does not belong to the kind. The worst
 * value since the onset, but for `durationS`.
 */
export const Evidence = z.object({
  /** Least time to collision, s. */
  ttc: z.number().nullable(),
  /** Least post-encroachment time, s. */
  pet: z.number().nullable(),
  /** Of the one that makes the incident, at its onset. */
  speedKmh: z.number().nullable(),
  /** Least distance between the two, m. */
  distanceM: z.number().nullable(),
  /** From onset to now, or to the end. */
  durationS: z.number(),
  /** Hardest braking, m/s², positive. */
  decelerationMps2: z.number().nullable(),
  /** Deceleration needed to avoid the other, m/s². */
  neededDecelerationMps2: z.number().nullable(),
  headwayS: z.number().nullable(),
  limitKmh: z.number().nullable(),
  /** Between heading and lane, or turned through. */
  degrees: z.number().nullable(),
  /** Vehicles in a queue. */
  vehicles: z.int().nullable(),
  /** Length of a queue, m. */
  lengthM: z.number().nullable(),
});
export type Evidence = z.infer<typeof Evidence>;

export const IncidentSeverity = z.enum(['low', 'medium', 'high']);
export type IncidentSeverity = z.infer<typeof IncidentSeverity>;

/** One road user's way: `[seconds from the onset, x m, y m, x px, y px]`, oldest first; the foot of its box. */
export const Trajectory = z.object({
  trackId: z.int().min(1),
  points: z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()])).max(MOST.trajectory),
});
export type Trajectory = z.infer<typeof Trajectory>;

/** An event from its onset to its end, as the camera measured it. */
export const MeasuredIncident = z.object({
  /** Unique over all cameras and restarts; the same while the event lasts. */
  incidentId: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/),
  kind: z.enum(EVENT_KINDS),
  state: z.enum(['open', 'closed']),
  onset: IsoTime,
  /** When it was found: later than the onset where the definition has a waiting time. */
  foundAt: IsoTime,
  /** Present when closed. */
  endedAt: IsoTime.optional(),
  /** Present when it went on in another incident, which has this one's road users. */
  mergedInto: z.string().max(MOST.name).optional(),
  /** `objectId`s in this frame of those who take part; empty when none is seen in it. */
  objects: z.array(z.int().min(0)).max(MOST.objects),
  trackIds: z.array(z.int().min(1)).max(MOST.objects),
  /** Around those who take part, as seen last; px of the frame. */
  bbox: Box,
  zone: z.string().max(MOST.name).nullable(),
  /** False: metres are estimated from the sizes of road users. */
  calibrated: z.boolean(),
  /** Standard error of estimated lengths and speeds, as a part of them. Absent when calibrated. */
  scaleError: z.number().min(0).optional(),
  evidence: Evidence,
  severity: IncidentSeverity,
  /** Position among the frame's subjects: its groups count from 1, its incidents go on after them. */
  subjectIndex: z.int().min(1).max(999),
  cropId: ImageId.nullable(),
  /** Up to two moments of at most 2 s before, newest first, that differ from this one. Absent: none. */
  earlier: z.array(EarlierMoment).max(MOST.earlierMoments).optional(),
  /** Of `trackIds`, in their order, in this frame; null where it is not known. Absent: none is known. */
  speedsKmh: z.array(z.number().min(0).nullable()).max(MOST.objects).optional(),
  /** Of those who take part, at most two; in the frames where the incident is new or ends. */
  trajectories: z.array(Trajectory).max(MOST.trajectories).optional(),
});
export type MeasuredIncident = z.infer<typeof MeasuredIncident>;

/**
 * The verdict on an incident.
 *
 * - `measured`: the numbers alone; the model has not answered.
 * - `confirmed`, `raised`, `lowered`: by the model.
 * - `disputed`: the model saw no danger where a collision, a wrong way or a person on the road was measured. The
 *   measured level stands.
 */
export const IncidentVerdict = z.object({
  status: z.enum(['measured', 'confirmed', 'raised', 'lowered', 'disputed']),
  /** The level that counts. */
  level: RiskLevel,
  /** The model's own; absent without an answer. */
  modelLevel: RiskLevel.optional(),
  confidence: z.number().min(0).max(1).optional(),
  description: z.string().max(MOST.description),
  source: AssessmentSource,
  /** Time of the frame that the model saw. */
  assessedAt: IsoTime.optional(),
  promptHash: PromptHash.optional(),
  model: z.string().max(MOST.name).optional(),
  /** As the model wrote it, cut; in the frame that was assessed. */
  reply: z.string().max(MOST.text).optional(),
  /** For the answer; where the reply is. */
  spent: Spent.optional(),
  /** Why the model has not answered. */
  reason: z.union([AssessmentFailure.shape.code, z.enum(['pending', 'late', 'no-keys'])]).optional(),
});
export type IncidentVerdict = z.infer<typeof IncidentVerdict>;

export const Incident = MeasuredIncident.extend({
  verdict: IncidentVerdict,
  /** The alert about it: the frame in which it came to be dangerous. Absent: there is none. */
  alertId: RequestId.optional(),
});
export type Incident = z.infer<typeof Incident>;
