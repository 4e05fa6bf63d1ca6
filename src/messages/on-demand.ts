import { z } from 'zod';
import { MOST } from './bounds.ts';
import { AssessmentFailure, AssessmentSource, GroupAssessment } from './assessment.ts';
import { IsoTime, RequestId, TraceId } from './ids.ts';
import { Priority } from './task.ts';

/** State of a webhook. `attempts`: made so far; times are ISO 8601 UTC. */
export const HookState = z.object({
  /** Without password and secret parameters. */
  url: z.string().max(MOST.url),
  state: z.enum(['waiting', 'pending', 'delivered', 'failed']),
  attempts: z.int().min(0),
  lastStatus: z.int().nullable(),
  lastError: z.string().max(MOST.text).nullable(),
  nextAttemptAt: IsoTime.nullable(),
});
export type HookState = z.infer<typeof HookState>;

/** Status of `POST /api/assessments`, by its id; kept for one hour. */
export const OnDemandStatus = z.object({
  id: RequestId,
  traceId: TraceId,
  /** `unknown` when there is no assessment; `error` says why. */
  state: z.enum(['queued', 'done', 'unknown']),
  priority: Priority,
  /** Name of the principal that handed the picture in; absent in those of earlier versions. */
  by: z.string().max(MOST.name).optional(),
  createdAt: IsoTime,
  expiresAt: IsoTime,
  finishedAt: IsoTime.nullable(),
  imageWidth: z.int().positive().max(MOST.side),
  imageHeight: z.int().positive().max(MOST.side),
  /** Claim check of the picture as the model gets it; it is kept for five minutes. */
  imageId: z.string().max(MOST.name),
  assessment: GroupAssessment.omit({ groupIndex: true, triggerObjectIds: true }).nullable(),
  source: AssessmentSource.nullable(),
  llmModel: z.string().max(MOST.name).nullable(),
  /** Seconds of calls to the model. */
  llmLatency: z.number().min(0).nullable(),
  error: AssessmentFailure.nullable(),
  /** Unredacted; never shown. */
  hookUrl: z.string().max(MOST.url).nullable(),
  hook: HookState.nullable(),
});
export type OnDemandStatus = z.infer<typeof OnDemandStatus>;
