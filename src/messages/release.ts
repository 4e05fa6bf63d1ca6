import { z } from 'zod';
import { PromptHash, RiskLevel } from './assessment.ts';
import { MOST } from './bounds.ts';
import { CameraPrompt } from './camera.ts';
import { EventThresholdChanges } from './event-thresholds.ts';
import { CameraId, ImageId, IsoTime, RequestId } from './ids.ts';
import { ReleaseId, ReleaseWay } from './release-mark.ts';
import { EVENT_KINDS } from './scene-constants.ts';
import { DangerKind } from './task.ts';

export * from './release-mark.ts';

/** Another way to judge. Fields that are left out stay as they are. */
export const ReleaseChanges = z.strictObject({
  /** The model that is called, at the provider of whichever key is leased. */
  model: z.string().trim().min(1).max(MOST.name).optional(),
  /** Only these keys are used for the candidate's calls. Default: any. */
  keys: z.array(z.string().min(1).max(MOST.name)).min(1).max(64).optional(),
  /** The operator's texts for the model, in place of those of the key file. */
  prompts: z
    .strictObject({
      text: CameraPrompt.optional(),
      kinds: z.partialRecord(DangerKind, CameraPrompt).optional(),
    })
    .optional(),
  /** A detector by its name in the manifest. */
  detector: z.string().trim().min(1).max(MOST.name).optional(),
  /** Thresholds of events, over those of each camera. */
  thresholds: EventThresholdChanges.optional(),
});
export type ReleaseChanges = z.infer<typeof ReleaseChanges>;

/** From when on a release is rolled back by itself. A limit that is left out is not watched. */
export const ReleaseLimits = z.strictObject({
  /** Judgements of the candidate before any limit counts. */
  minAnswers: z.int().min(1).max(100_000).default(50),
  /** Share of the candidate's answers that were `unknown`, 0 to 1, above. */
  unknownShare: z.number().min(0).max(1).optional(),
  /** Share of the candidate's questions that no answer came to, 0 to 1, above. */
  failedShare: z.number().min(0).max(1).optional(),
  /** Of the candidate's calls, in seconds, above. */
  latencyP95Seconds: z.number().min(0.05).max(60).optional(),
  /** Cost of a judgement, times that of the present way, above. */
  costRatio: z.number().min(0.01).max(1_000).optional(),
  /** In the shadow: share of pairs at the same level, 0 to 1, below. */
  agreement: z.number().min(0).max(1).optional(),
});
export type ReleaseLimits = z.infer<typeof ReleaseLimits>;

/** The work that a release in the shadow may take, over all nodes together. */
export const ReleaseBudget = z.strictObject({
  callsPerMinute: z.int().min(0).max(100_000).default(6),
  /** Pictures that the candidate's detector looks at. */
  picturesPerMinute: z.int().min(0).max(100_000).default(60),
});
export type ReleaseBudget = z.infer<typeof ReleaseBudget>;

/**
 * - `share`: the candidate judges `percent` of the groups or cameras, and its verdicts count.
 * - `shadow`: it judges the same groups as the present way, out of sight.
 */
export const ReleaseMode = z.enum(['share', 'shadow']);
export type ReleaseMode = z.infer<typeof ReleaseMode>;
export const ReleaseState = z.enum(['running', 'promoted', 'rolled-back']);
export type ReleaseState = z.infer<typeof ReleaseState>;

export const Release = z.object({
  releaseId: ReleaseId,
  changes: ReleaseChanges,
  mode: ReleaseMode,
  /** The unit that keeps its way. Detector and thresholds need `camera`. */
  by: z.enum(['camera', 'group']),
  /** Share of the units that the candidate judges, or shadows. */
  percent: z.number().min(0).max(100),
  /** Of `by: camera`: the cameras known at the last change of `percent` that are in. Others go by their hash. */
  cameras: z
    .object({ in: z.array(CameraId).max(MOST.cameras), out: z.array(CameraId).max(MOST.cameras) })
    .default({ in: [], out: [] }),
  budget: ReleaseBudget,
  limits: ReleaseLimits,
  state: ReleaseState,
  /** Why it was rolled back: by whom, the limit that it broke, or the detector that failed; null before. */
  reason: z.string().max(MOST.text).nullable(),
  createdAt: IsoTime,
  createdBy: z.string().max(MOST.name),
  /** Of the last change of state or share. */
  changedAt: IsoTime,
  changedBy: z.string().max(MOST.name),
});
export type Release = z.infer<typeof Release>;

/** One judgement by one way. */
export const Judgement = z.object({
  level: RiskLevel,
  /** From the first call to the answer, in seconds; null where the model was not called. */
  seconds: z.number().min(0).nullable(),
  cost: z.number().min(0),
  model: z.string().max(MOST.name).nullable(),
  promptHash: PromptHash.optional(),
  /** Why no answer came; absent when one did. */
  failure: z.string().max(MOST.name).optional(),
});
export type Judgement = z.infer<typeof Judgement>;

const Judged = z.object({
  releaseId: ReleaseId,
  cameraId: CameraId,
  requestId: RequestId,
  /** Of a group or an incident. */
  groupId: z.string().max(MOST.name),
  /** Time of the frame. */
  at: IsoTime,
  /** Claim check of the picture that was judged. */
  cropId: ImageId.nullable(),
});

/** Body of `release-outcomes.{releaseId}`: the material of a release's figures. */
export const ReleaseOutcome = z.discriminatedUnion('type', [
  /** By a release with a share: a question was judged one way. */
  Judged.extend({ type: z.literal('answer'), way: ReleaseWay, judgement: Judgement }),
  /** In the shadow: the same question was judged both ways. */
  Judged.extend({ type: z.literal('pair'), present: Judgement, candidate: Judgement }),
  /** An incident came up with detector or thresholds: found by these ways. In a share, by the camera's own only. */
  Judged.extend({
    type: z.literal('incident'),
    kind: z.enum(EVENT_KINDS),
    severity: RiskLevel,
    foundBy: z.array(ReleaseWay).min(1).max(2),
  }),
  /** Pictures that a camera analysed since its last report, and the time that it took, in ms. */
  z.object({
    type: z.literal('pictures'),
    releaseId: ReleaseId,
    cameraId: CameraId,
    at: IsoTime,
    way: ReleaseWay,
    pictures: z.int().min(0),
    objects: z.int().min(0),
    detectMs: z.number().min(0),
    /** Left out for want of budget. */
    skipped: z.int().min(0),
  }),
  /** A process with cameras can't have the candidate's detector, or load it. */
  z.object({
    type: z.literal('detector-failed'),
    releaseId: ReleaseId,
    /** Of the release: an earlier one of the same id may have had another detector. */
    createdAt: IsoTime,
    at: IsoTime,
    nodeId: z.string().min(1).max(MOST.name),
    detector: z.string().max(MOST.name),
    message: z.string().max(MOST.text),
  }),
]);
export type ReleaseOutcome = z.infer<typeof ReleaseOutcome>;
