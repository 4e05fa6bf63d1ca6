import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, IsoTime, RequestId, TraceId } from './ids.ts';
import { ReleaseMark } from './release-mark.ts';

/** `unknown` is a level of its own: there was no answer, or it was unreadable. It never becomes `none`. */
export const RISK_LEVELS = ['none', 'low', 'medium', 'high', 'unknown'] as const;
export const RiskLevel = z.enum(RISK_LEVELS);
export type RiskLevel = z.infer<typeof RiskLevel>;

/** What assessed a group: the vision-language model or the rules. */
export const AssessmentSource = z.enum(['vlm', 'rules']);
export type AssessmentSource = z.infer<typeof AssessmentSource>;

/** First 12 hex digits of the SHA-256 of a prompt. */
export const PromptHash = z.string().regex(/^[0-9a-f]{12}$/);

/**
 * Why the model gave no answer, in a stable code. `budget`: no call could be spared for it in time; `superseded`: a
 * newer question about the same group took its place.
 */
export const AssessmentFailure = z.object({
  code: z.enum([
    'expired',
    'no-image',
    'no-lease',
    'timeout',
    'rate-limited',
    'rejected',
    'provider-error',
    'unreadable-answer',
    'content-refused',
    'shed',
    'budget',
    'superseded',
  ]),
  message: z.string().max(MOST.text),
});
export type AssessmentFailure = z.infer<typeof AssessmentFailure>;

/** A count for each code, to begin with. */
export const NO_FAILURES: Readonly<Record<AssessmentFailure['code'], number>> = {
  expired: 0,
  'no-image': 0,
  'no-lease': 0,
  timeout: 0,
  'rate-limited': 0,
  rejected: 0,
  'provider-error': 0,
  'unreadable-answer': 0,
  'content-refused': 0,
  shed: 0,
  budget: 0,
  superseded: 0,
};

/**
 * The model's level was more than one step below what was measured. `riskLevel` is then one step below the measured
 * one: the model may see what figures cannot, but text in a picture must not talk a danger away.
 */
export const Dispute = z.object({
  /** The level by tracks and distances. */
  measured: RiskLevel,
  /** The model's level. */
  model: RiskLevel,
  /** The measurement, in a sentence. */
  description: z.string().max(MOST.text),
});
export type Dispute = z.infer<typeof Dispute>;

/**
 * Why rules answered and not the model: the failure's code, or
 * - `pending`: the model may still answer about this frame.
 * - `late`: it had not answered by the freshness limit.
 * - `no-keys`: no key is meant to be used, so rules assess as a matter of course.
 */
export const RulesReason = z.enum([...AssessmentFailure.shape.code.options, 'pending', 'late', 'no-keys']);
export type RulesReason = z.infer<typeof RulesReason>;

/** Tokens that all calls about one question used, as the provider counts them, and their cost by the key file. */
export const Spent = z.object({
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  cost: z.number().min(0),
});
export type Spent = z.infer<typeof Spent>;

/** The assessment of one group. */
export const GroupAssessment = z.object({
  groupIndex: z.int().min(1),
  riskLevel: RiskLevel,
  confidence: z.number().min(0).max(1),
  /** One to three short phrases; empty when there is no risk. */
  riskTypes: z.array(z.string().max(MOST.phrase)).max(MOST.riskTypes),
  description: z.string().max(MOST.description),
  dangerObjectCount: z.int().min(0),
  /** `objectId`s, in the frame, of the objects that caused the level. */
  triggerObjectIds: z.array(z.int().min(0)).max(MOST.objects),
  disputed: Dispute.optional(),
  source: AssessmentSource.optional(),
  /**
   * Why the model has not answered about this frame. Present when rules answered, and on a carried assessment unless
   * the model was not to be asked.
   */
  reason: RulesReason.optional(),
  /** Time of the frame that the assessment is about. */
  assessedAt: IsoTime.optional(),
  /** Present when the assessment is about an earlier frame of the same group. */
  carried: z.literal(true).optional(),
  /** Version of the instructions that the model had: the first 12 hex digits of their SHA-256. */
  promptHash: PromptHash.optional(),
  /** As the model wrote it, cut; in the frame that was assessed. */
  reply: z.string().max(MOST.text).optional(),
  /** Present when the model answered and the reply is kept. */
  spent: Spent.optional(),
  /** Present when rules stood in for the model: why. */
  degradedReason: AssessmentFailure.optional(),
  /** Present when a release had a share in the groups: the way that judged this one. */
  release: ReleaseMark.optional(),
});
export type GroupAssessment = z.infer<typeof GroupAssessment>;

/** Where the time of one call to the model went, in ms. */
export const CallTrace = z.object({
  /** The key's name, never the key. */
  apiKeyId: z.string().max(MOST.name),
  /** `ok`, or why it failed. */
  outcome: z.string().max(MOST.text),
  /** From asking the key pool to the lease. */
  leaseMs: z.number().min(0),
  /** From the lease to the request being written to its connection; null when it was never written. */
  sendMs: z.number().min(0).nullable(),
  /** From there to the whole answer; null when it was never sent. */
  modelMs: z.number().min(0).nullable(),
  /** Reading the answer; null when there was none to read. */
  parseMs: z.number().min(0).nullable(),
  /** When its lease was asked for. Absent in traces of earlier versions. */
  leaseAskedAt: IsoTime.optional(),
  /** A second call, made while the one before it took long. */
  hedge: z.literal(true).optional(),
});
export type CallTrace = z.infer<typeof CallTrace>;

/** Body of `risk-assessment-results.{cameraId}`: the answer to one task. */
export const AssessmentResult = z.object({
  taskId: z.string().max(MOST.name),
  requestId: RequestId,
  cameraId: CameraId,
  /** When the assessment was made. */
  timestamp: IsoTime,
  traceId: TraceId,
  groupIndex: z.int().min(1),
  /** The group's name over frames, and the time of its frame; absent for a picture that was handed in. */
  groupId: z.string().max(MOST.name).optional(),
  frameTimestamp: IsoTime.optional(),
  /** Value of the task's prior. */
  prior: z.number().min(0).max(1).optional(),
  /** Exactly one entry, for `groupIndex`; a list because consumers read it as one. */
  results: z.array(GroupAssessment).length(1),
  source: AssessmentSource,
  metadata: z.object({
    /** Seconds during which calls to the model were under way, all attempts together; 0 when none was made. */
    llmLatency: z.number().min(0),
    llmModel: z.string().max(MOST.name).nullable(),
    /** The key's name, never the key. */
    apiKeyId: z.string().max(MOST.name).nullable(),
    retryCount: z.int().min(0),
    promptTokens: z.int().min(0),
    completionTokens: z.int().min(0),
    /** When the task was stored. Absent in results of earlier versions. */
    taskStoredAt: IsoTime.optional(),
    /** From the frame's arrival to the start of the task, in ms. Absent when no call was needed. */
    waitMs: z.number().min(0).optional(),
    /** Every call made for this task, in order. */
    calls: z.array(CallTrace).max(MOST.calls).optional(),
  }),
  /** Present exactly when `riskLevel` is `unknown`. */
  error: AssessmentFailure.optional(),
  /** Present when rules stood in for the model. */
  degraded: z.literal(true).optional(),
  /** Why; present with `degraded`. */
  degradedReason: AssessmentFailure.optional(),
});
export type AssessmentResult = z.infer<typeof AssessmentResult>;

/**
 * Rank used to find the worst of several levels. `unknown` ranks above `low`, since a frame with an unassessed group
 * must not look harmless, and below `medium`, since it must not hide a danger that was seen.
 */
const RANK: Readonly<Record<RiskLevel, number>> = { none: 0, low: 1, unknown: 2, medium: 3, high: 4 };

export function worstRisk(levels: Iterable<RiskLevel>): RiskLevel {
  let worst: RiskLevel = 'none';
  for (const level of levels) if (RANK[level] > RANK[worst]) worst = level;
  return worst;
}

/** True from medium up, in every mode. */
export const isDangerous = (level: RiskLevel): boolean => level === 'medium' || level === 'high';
