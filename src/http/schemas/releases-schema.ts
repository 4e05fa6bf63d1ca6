import { z } from 'zod';
import { RiskLevel } from '../../messages/assessment.ts';
import { MOST } from '../../messages/bounds.ts';
import { CameraId, IsoTime, RequestId } from '../../messages/ids.ts';
import {
  Release,
  ReleaseBudget,
  ReleaseChanges,
  ReleaseId,
  ReleaseLimits,
  ReleaseMode,
} from '../../messages/release.ts';
import { ReleaseWay } from '../../messages/release-mark.ts';
import { EVENT_KINDS } from '../../messages/scene-constants.ts';

const Percent = z.number().min(0).max(100).meta({ description: 'Of the groups or cameras' });
const DEFAULT_PERCENT = { share: 10, shadow: 100 } as const;

/** Whether a change says anything: `{prompts: {}}` doesn't. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.values(value).every(isEmpty));

export const ReleaseBody = z
  .strictObject({
    releaseId: ReleaseId,
    changes: ReleaseChanges.refine((changes) => !isEmpty(changes), 'must change something'),
    mode: ReleaseMode.default('shadow'),
    by: Release.shape.by.optional().meta({ description: 'Default: camera for detector or thresholds, else group' }),
    percent: Percent.optional().meta({ description: 'Default: 10 of a share, 100 in the shadow' }),
    budget: ReleaseBudget.prefault({}),
    limits: ReleaseLimits.prefault({}),
  })
  .superRefine(({ changes, by }, context) => {
    if (by !== 'group') return;
    for (const field of ['detector', 'thresholds'] as const)
      if (!isEmpty(changes[field]))
        context.addIssue({
          code: 'custom',
          path: ['by'],
          message: `must be camera: changes.${field} is the same for all groups of a camera`,
          input: by,
        });
  })
  .transform(({ by, percent, ...body }) => ({
    ...body,
    by: by ?? (isEmpty(body.changes.detector) && isEmpty(body.changes.thresholds) ? 'group' : 'camera'),
    percent: percent ?? DEFAULT_PERCENT[body.mode],
  }));

export const ReleasePatchBody = z
  .strictObject({
    percent: Percent.optional(),
    budget: ReleaseBudget.optional(),
    limits: ReleaseLimits.optional(),
  })
  .refine((patch) => !isEmpty(patch), { path: ['percent'], message: 'percent, budget or limits must be given' });

export const RollbackBody = z.strictObject({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(MOST.comment / 4)
    .optional(),
});
export const ReleaseParams = z.object({ id: ReleaseId });

/** Without the cameras: there may be thousands. */
export const ReleaseView = Release.omit({ cameras: true }).extend({
  /** Of `by: camera`, while it runs: known cameras that are in, and that are not. */
  cameras: z.object({ in: z.int(), out: z.int() }),
});
export type ReleaseView = z.infer<typeof ReleaseView>;
export const ReleaseList = z.object({
  /** The newest change first. */
  releases: z.array(ReleaseView),
  /** The changes of all promoted releases, later ones over earlier ones. */
  present: ReleaseChanges,
});
export type ReleaseList = z.infer<typeof ReleaseList>;

const Count = z.int().min(0);
const Ratio = z.number().nullable();
const Levels = z.record(RiskLevel, Count);
const WayFigures = z.object({
  judgements: Count,
  failed: Count,
  alerts: Count,
  levels: Levels,
  unknownShare: Ratio,
  failedShare: Ratio,
  latencyP50Seconds: Ratio,
  latencyP95Seconds: Ratio,
  cost: z.number(),
  costPerJudgement: Ratio,
  pictures: z.object({ analysed: Count, skipped: Count, msPerPicture: Ratio, objectsPerPicture: Ratio }),
});
const FoundBy = z.object({ both: Count, present: Count, candidate: Count });

export const ReleaseFigures = z.object({
  present: WayFigures,
  candidate: WayFigures,
  agreement: z
    .object({
      pairs: Count,
      matrix: z.record(RiskLevel, Levels),
      sameShare: z.number(),
      withinOneStepShare: z.number(),
      onlyPresent: Count,
      onlyCandidate: Count,
    })
    .nullable(),
  /** Alerts that only one way raised, the newest 100, newest first. */
  differences: z.array(
    z.object({
      at: IsoTime,
      cameraId: CameraId,
      requestId: RequestId,
      groupId: z.string(),
      present: RiskLevel,
      candidate: RiskLevel,
      raisedBy: ReleaseWay,
      imageUrl: z.string().nullable(),
    }),
  ),
  incidents: z.partialRecord(z.enum(EVENT_KINDS), FoundBy),
});
export type ReleaseFigures = z.infer<typeof ReleaseFigures>;

export const ReleaseReply = z.object({ release: ReleaseView });
export const ReleaseDetail = z.object({
  release: ReleaseView,
  /** Null in a process without the role `web`. */
  figures: ReleaseFigures.nullable(),
});
export type ReleaseDetail = z.infer<typeof ReleaseDetail>;
