import { z } from 'zod';
import { ALERT_STATES } from '../../alert-desk/alert-filter.ts';
import { AlertHandling, Shelf, VERDICT_VALUES } from '../../messages/alert-handling.ts';
import { AlertName } from '../../messages/alert-place.ts';
import { PromptHash, RiskLevel } from '../../messages/assessment.ts';
import { MOST } from '../../messages/bounds.ts';
import { CameraId, ImageId, IsoTime, RequestId } from '../../messages/ids.ts';
import { Incident, IncidentVerdict } from '../../messages/incident.ts';
import { CameraGroup } from '../../messages/principal.ts';
import { EVENT_KINDS } from '../../messages/scene-constants.ts';
import { RequestTime } from './time-span.ts';

const MOST_CAMERAS = 500;
const MOST_SEARCH = 200;
/** A shelf holds for at most so long. */
export const MOST_SHELF_DAYS = 7;

/** Values separated by commas; any of them may hold. */
const listOf = <T>(value: z.ZodType<T>, most: number) =>
  z
    .string()
    .transform((text, context): T[] => {
      const parsed = z
        .array(value)
        .max(most)
        .safeParse(text.split(',', most + 1));
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      const [index] = issue?.path ?? [];
      const which =
        typeof index === 'number' ? `its value ${index + 1} is wrong: ${issue?.message}` : `at most ${most}`;
      context.addIssue({ code: 'custom', message: `must be values separated by commas: ${which}` });
      return z.NEVER;
    })
    .optional();

const Kind = z.enum(EVENT_KINDS);

const filters = {
  cameraId: listOf(CameraId, MOST_CAMERAS).meta({ description: 'Ids separated by commas' }),
  group: CameraGroup.optional().meta({ description: 'Cameras of this group' }),
  kind: listOf(Kind, EVENT_KINDS.length).meta({ description: 'Kinds of incident, separated by commas' }),
  level: listOf(RiskLevel, RiskLevel.options.length),
  state: listOf(z.enum(ALERT_STATES), ALERT_STATES.length).meta({
    description: 'open (neither acknowledged nor shelved), acknowledged, shelved',
  }),
  verdict: listOf(z.enum([...VERDICT_VALUES, 'none']), VERDICT_VALUES.length + 1),
  from: RequestTime.optional(),
  to: RequestTime.optional(),
  text: z.string().max(MOST_SEARCH).optional().meta({
    description: "Words that are all in the description, the camera's name or id, or a kind",
  }),
  before: z
    .string()
    .regex(/^\d{1,15}_[0-9a-f-]{36}$/u, 'must be `next` of the page before')
    .optional()
    .meta({ description: '`next` of the page before' }),
};

export const AlertFilters = z.strictObject(filters);
export type AlertFilters = z.infer<typeof AlertFilters>;
export const AlertListParams = z.strictObject({
  ...filters,
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const AlertRow = z.object({
  alertId: RequestId,
  cameraId: CameraId,
  /** Of the frame, or of the assessment for a replayed frame. */
  timestamp: IsoTime,
  level: RiskLevel,
  /** Of its incidents, each once; empty for an alert about a group. */
  kinds: z.array(Kind),
  /** The incidents of the alert, at most 20. */
  incidents: z.array(
    z.object({
      incidentId: z.string(),
      kind: Kind,
      state: Incident.shape.state,
      severity: Incident.shape.severity,
      verdict: IncidentVerdict.shape.status,
    }),
  ),
  /** Cut to 300 characters. */
  description: z.string(),
  source: z.enum(['vlm', 'rules', 'mixed', 'none']),
  imageId: ImageId.nullable(),
  handling: AlertHandling,
  shelved: z.boolean(),
});
export type AlertRow = z.infer<typeof AlertRow>;

export const AlertPage = z.object({
  /** Newest first. */
  alerts: z.array(AlertRow),
  /** Value of `before` for the next page; null at the end. */
  next: z.string().nullable(),
  /** False while the server still reads the kept alerts after its start: some may be missing. */
  complete: z.boolean(),
});

export const DeskAlertParams = z.object({ id: AlertName });
export const VerdictBody = z.strictObject({
  /** Null takes it back. */
  value: z.enum(VERDICT_VALUES).nullable(),
  /** Absent: it stays as it is. Empty: it is removed. */
  comment: z.string().max(MOST.comment).optional(),
  /** Of the handling that is changed; a newer one is refused. Absent: any is changed. */
  revision: z.int().min(0).optional(),
});

export const ShelfParams = z.object({ id: z.uuid() });
export const ShelfBody = z
  .strictObject({
    cameraId: CameraId.nullable().default(null),
    kind: Kind.nullable().default(null),
    until: RequestTime.meta({ description: `At most ${MOST_SHELF_DAYS} days ahead` }),
    reason: z.string().max(MOST.shelfReason).default(''),
  })
  .refine(({ cameraId, kind }) => cameraId !== null || kind !== null, {
    path: ['cameraId'],
    message: 'cameraId or kind must be given',
  });
export const ShelfList = z.object({ shelves: z.array(Shelf) });

export const PromptParams = z.object({ hash: PromptHash });
/** The instructions that the model had, without the figures of a single question. */
export const PromptView = z.object({ promptHash: PromptHash, text: z.string() });
