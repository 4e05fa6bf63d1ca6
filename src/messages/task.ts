import { z } from 'zod';
import { MOST } from './bounds.ts';
import { DetectedObject, PublishedGroup } from './detection.ts';
import { CameraId, IsoTime, ON_DEMAND_CAMERA, RequestId, TraceId } from './ids.ts';

export const PRIORITIES = [1, 2, 3, 4, 5] as const;
/** 1 lowest, 3 default, 5 urgent. */
export const Priority = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5)]);
export type Priority = z.infer<typeof Priority>;

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
    /** After this moment the answer is of no use: the task is answered `unknown` without a call. */
    expiresAt: IsoTime,
    group: PublishedGroup.extend({ objectCount: z.int().min(0).max(MOST.objects) }),
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
