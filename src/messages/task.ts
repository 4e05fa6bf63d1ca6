import { z } from 'zod';
import { MOST } from './bounds.ts';
import { RiskLevel } from './assessment.ts';
import { CameraPrompt } from './camera.ts';
import { DetectedObject, PublishedGroup } from './detection.ts';
import { CameraId, IsoTime, ON_DEMAND_CAMERA, RequestId, TraceId } from './ids.ts';
import { MeasuredIncident } from './incident.ts';
import { EVENT_KINDS } from './scene-constants.ts';

export const PRIORITIES = [1, 2, 3, 4, 5] as const;
/** 1 lowest, 3 default, 5 urgent. */
export const Priority = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5)]);
export type Priority = z.infer<typeof Priority>;

/**
 * Kinds of danger that measurements can hint at: of groups, then the kinds of incidents. An operator may give the model
 * a text for each in the key file.
 */
export const DANGER_KINDS = [
  'person-near-vehicle',
  'vehicle-closing-on-person',
  'vehicles-closing',
  'fast-vehicle',
  'persons-and-vehicles',
  'dense-traffic',
  'newly-seen',
  ...EVENT_KINDS,
] as const;
export const DangerKind = z.enum(DANGER_KINDS);
export type DangerKind = z.infer<typeof DangerKind>;

/** How likely the group is in danger, by its measured features alone. */
export const Prior = z.object({
  value: z.number().min(0).max(1),
  /** The hints at it, strongest first. */
  reasons: z.array(DangerKind).max(DANGER_KINDS.length),
});
export type Prior = z.infer<typeof Prior>;

/** The model's last answer about a group. */
export const LastAssessed = z.object({
  /** Time of the frame that was assessed. */
  at: IsoTime,
  level: RiskLevel,
  /** Value of the prior then. */
  prior: z.number().min(0).max(1),
});
export type LastAssessed = z.infer<typeof LastAssessed>;

/** Body of `assessment-tasks.p{priority}.{cameraId}`: one group to assess. */
export const AssessmentTask = z
  .object({
    /** `{requestId}_group{groupIndex}` */
    taskId: z.string().max(MOST.name),
    requestId: RequestId,
    cameraId: CameraId,
    /** The frame's own timestamp. */
    timestamp: IsoTime,
    traceId: TraceId,
    priority: Priority,
    /** After this moment the answer is of no use: rules answer, without a call. `unknown` for a picture handed in. */
    expiresAt: IsoTime,
    /**
     * When the answer must be on a screen; a task that can't be answered by then is answered by rules at once. Absent
     * for pictures that were handed in and for replayed frames, which wait their turn.
     */
    freshUntil: IsoTime.optional(),
    /** Absent for a picture that was handed in. */
    prior: Prior.optional(),
    /** Absent when the model has never assessed the group. */
    lastAssessed: LastAssessed.optional(),
    /** The camera's own text for the model. */
    prompt: CameraPrompt.optional(),
    /** Of a question about an incident: the road users who take part, as a group of one or more. */
    group: PublishedGroup.extend({ objectCount: z.int().min(0).max(MOST.objects) }),
    /** Present when the question is about an incident; `group.groupId` is then its `incidentId`. */
    incident: MeasuredIncident.optional(),
    /** Of a question about a group: the incidents in which its members take part. Absent: none. */
    incidents: z.array(MeasuredIncident).max(MOST.groupIncidents).optional(),
    /** The group's members only, in the order of `group.memberIndices`. Empty for a picture handed in by a client. */
    members: z.array(DetectedObject).max(MOST.objects),
    imageWidth: z.int().positive().max(MOST.side),
    imageHeight: z.int().positive().max(MOST.side),
  })
  .refine((task) => task.members.length > 0 || task.cameraId === ON_DEMAND_CAMERA, {
    path: ['members'],
    error: 'must not be empty',
  });
export type AssessmentTask = z.infer<typeof AssessmentTask>;
