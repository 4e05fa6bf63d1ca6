import { z } from 'zod';
import { OnDemandStatus } from '../../messages/on-demand.ts';
import { type Priority } from '../../messages/task.ts';

const WORDS = new Map<string, Priority>([
  ['1', 1],
  ['2', 2],
  ['3', 3],
  ['4', 4],
  ['5', 5],
]);

const PriorityField = z
  .union([z.number(), z.string()])
  .default(3)
  .transform((value, context): Priority => {
    const found = WORDS.get(String(value));
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: 'must be a whole number from 1 to 5' });
    return z.NEVER;
  });

const fields = { priority: PriorityField, hook_url: z.string().min(1).max(2_048).optional() };
/** JSON body of `POST /api/assessments`. */
export const UrlBody = z.strictObject({ image_url: z.string().min(1).max(2_048), ...fields });
/** The other fields of a multipart body, whose file is `image`. */
export const UploadFields = z.strictObject(fields);

/** One picture to assess, as bytes or by its URL. */
export interface AssessmentOrder {
  readonly picture: { readonly bytes: Uint8Array } | { readonly url: string };
  readonly priority: Priority;
  readonly hookUrl: string | null;
  /** Name of the principal that handed it in. */
  readonly by: string;
}

/** As the API shows it: the hook's whole URL stays inside. */
export const AssessmentView = OnDemandStatus.omit({ hookUrl: true });
export type AssessmentView = z.infer<typeof AssessmentView>;
