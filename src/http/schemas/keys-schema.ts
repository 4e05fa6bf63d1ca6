import { z } from 'zod';
import { KEY_STATUSES } from '../../infra/metrics.ts';

const Name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -');
export const KeyParams = z.object({ name: Name });

const limits = {
  qps_limit: z.int().min(1).max(10_000),
  rpm_limit: z.int().min(1).max(600_000),
  tpm_limit: z.int().min(1).max(1_000_000_000),
  priority: z.int().min(0).max(1_000),
  enabled: z.boolean(),
  quota_group: Name,
  max_in_flight: z.int().min(1).max(10_000),
  price_per_1k_input: z.number().min(0).max(10_000),
  price_per_1k_output: z.number().min(0).max(10_000),
  max_output_tokens: z
    .int()
    .min(16)
    .max(32_768)
    .meta({ description: 'Tokens of an answer at most, reasoning among them; default 600' }),
  max_images: z.int().min(1).max(3).meta({ description: 'Pictures of one call at most; default 3' }),
  extra_body: z.record(z.string(), z.unknown()).meta({
    description:
      'Fields added to the body of every call, at most 4,096 characters as JSON; not messages, model, stream',
  }),
};

/** Body of `POST /api/keys`. The endpoint comes from the key file: a client that set it could read the keys there. */
export const KeyBody = z.strictObject({
  name: Name,
  key: z
    .string()
    .min(1)
    .max(4_096)
    .regex(/^[!-~]+$/u, 'must be printable ASCII without spaces')
    .meta({ description: 'The key itself, or ${VARIABLE} of the environment; never shown again', writeOnly: true }),
  qps_limit: limits.qps_limit.default(10),
  rpm_limit: limits.rpm_limit.default(300),
  tpm_limit: limits.tpm_limit
    .optional()
    .meta({ description: 'Tokens a minute, of prompt and answer together; default: no limit' }),
  priority: limits.priority.default(1),
  enabled: limits.enabled.default(true),
  quota_group: limits.quota_group.optional(),
  max_in_flight: limits.max_in_flight.optional(),
  model: z.string().min(1).max(200).optional().meta({ description: 'Default: the model of the key file' }),
  price_per_1k_input: limits.price_per_1k_input.optional(),
  price_per_1k_output: limits.price_per_1k_output.optional(),
  max_output_tokens: limits.max_output_tokens.optional(),
  max_images: limits.max_images.optional(),
  extra_body: limits.extra_body.optional(),
});
export type KeyBody = z.infer<typeof KeyBody>;

/** Body of `PATCH /api/keys/{name}`. */
export const KeyPatchBody = z
  .strictObject({
    ...limits,
    drain: z.boolean().meta({ description: 'True: calls in flight finish, no new ones begin' }),
    reset: z.literal(true).meta({ description: 'Forgets the changes made by the API: the key file counts again' }),
  })
  .partial()
  .refine((fields) => Object.keys(fields).length > 0, 'names nothing to change')
  .refine((fields) => fields.reset === undefined || Object.keys(fields).length === 1, 'reset must be the only field');
export type KeyPatchBody = z.infer<typeof KeyPatchBody>;

/** A key as the API shows it. The key itself is nowhere in here. */
export const KeyView = z.object({
  name: z.string(),
  status: z.enum(KEY_STATUSES),
  /** Why it is cooling or disabled. */
  notice: z.string().nullable(),
  enabled: z.boolean(),
  drain: z.boolean(),
  /** Where it comes from, and whether the API changed it. */
  from: z.enum(['file', 'api']),
  changed: z.boolean(),
  /** The environment variable that holds it; null when it is written out, e.g. in the encrypted file. */
  variable: z.string().nullable(),
  qps_limit: z.int(),
  rpm_limit: z.int(),
  tpm_limit: z.int().nullable(),
  priority: z.int(),
  quota_group: z.string().nullable(),
  max_in_flight: z.int().nullable(),
  max_output_tokens: z.int(),
  max_images: z.int(),
  extra_body: z.record(z.string(), z.unknown()).nullable(),
  adaptations: z.array(z.string()).meta({
    description:
      'How calls differ from the plain one, which its endpoint and model refused: e.g. streamed, or without ' +
      'temperature. Tried anew after a day or a restart',
  }),
  model: z.string(),
  base_url: z.string(),
  price_per_1k_input: z.number(),
  price_per_1k_output: z.number(),
  in_flight: z.int(),
  /** Tokens used in the last minute or reserved for calls in flight. */
  tokens_last_minute: z.int(),
  spread_ms: z
    .number()
    .nullable()
    .meta({
      description:
        'Difference between the slowest and the fastest transit to its provider in the last ten minutes; ' +
        '`transit_guard_ms` should be above it. Null while, or where, the provider tells too little',
    }),
  total_calls: z.int(),
});
export type KeyView = z.infer<typeof KeyView>;

export const KeyList = z.object({
  keys: z.array(KeyView),
  notices: z.array(z.string()).meta({ description: 'Problems of the key file or of sharing changes' }),
});
export type KeyList = z.infer<typeof KeyList>;

const outcome = {
  persisted: z.boolean().meta({ description: 'Survives a restart' }),
  shared: z
    .boolean()
    .nullable()
    .meta({ description: 'Has reached the shared record of all nodes; null without Redis' }),
  notices: z.array(z.string()),
};
export const KeyChanged = z.object({ key: KeyView, ...outcome });
export type KeyChanged = z.infer<typeof KeyChanged>;
export const KeyRemoved = z.object(outcome);
export type KeyRemoved = z.infer<typeof KeyRemoved>;
