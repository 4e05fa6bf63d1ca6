import { z } from 'zod';
import { MOST } from '../messages/bounds.ts';
import { FreshnessSeconds } from '../messages/camera.ts';
import { DangerKind } from '../messages/task.ts';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const NAME_RULE = 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -';

const STRATEGIES = ['round_robin', 'least_loaded', 'priority'] as const;
export const KeyStrategy = z.enum(STRATEGIES);
export type KeyStrategy = z.infer<typeof KeyStrategy>;

/**
 * How an answer of a fixed shape is asked for. `auto` begins with `json_schema` and steps down to `json_object` and
 * `none` when the provider refuses the field.
 */
export const ResponseFormat = z.enum(['auto', 'json_schema', 'json_object', 'none']);
export type ResponseFormat = z.infer<typeof ResponseFormat>;

export const Pacing = z.enum(['none', 'even']);
export type Pacing = z.infer<typeof Pacing>;

/** Longest answer asked for, in tokens; providers cut it off there. */
export const DEFAULT_OUTPUT_TOKENS = 600;

/**
 * Fields that Gantry sets itself, or that bound the cost of a call (as `max_output_tokens` does). An extra body must
 * not hold them.
 */
const OWN_FIELDS = [
  'messages',
  'model',
  'stream',
  'stream_options',
  'n',
  'max_tokens',
  'max_completion_tokens',
] as const;
/** As JSON. */
const LARGEST_EXTRA_BODY = 4_096;
const MOST_EXTRA_FIELDS = 32;

/** Further fields of every request's body with this key, as the provider documents them. */
export const ExtraBody = z
  .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/u, 'must be a field name'), z.unknown())
  .superRefine((fields, context) => {
    const problem = problemOf(fields);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
export type ExtraBody = z.infer<typeof ExtraBody>;

function problemOf(fields: Readonly<Record<string, unknown>>): string | null {
  const names = Object.keys(fields);
  const own = OWN_FIELDS.find((name) => names.includes(name));
  if (own !== undefined) return `must not hold ${own}: Gantry sets it`;
  if (names.length > MOST_EXTRA_FIELDS) return `must have at most ${MOST_EXTRA_FIELDS} fields`;
  try {
    const large = JSON.stringify(fields).length > LARGEST_EXTRA_BODY;
    return large ? `must have at most ${LARGEST_EXTRA_BODY} characters as JSON` : null;
  } catch {
    return 'must be plain values, and not nest too deep';
  }
}

/** Pictures of one call at most: the group now, and two moments before. */
export const MOST_IMAGES = 1 + MOST.earlierMoments;

/** Tokens of an answer at most. */
const MaxOutputTokens = z.int().min(16).max(32_768);

const BaseUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2_000);

export const ApiKeyEntry = z.strictObject({
  name: z.string().regex(NAME, NAME_RULE),
  /** `${VARIABLE}` is replaced from the environment. */
  key: z.string().min(1).max(4_096),
  qps_limit: z.int().min(1).max(10_000).default(10),
  rpm_limit: z.int().min(1).max(600_000).default(300),
  /** Tokens a minute, those of prompt and answer together; default: no limit. */
  tpm_limit: z.int().min(1).max(1_000_000_000).optional(),
  /** For the strategy `priority`: the key with the LARGER number is preferred. */
  priority: z.int().min(0).max(1_000).default(1),
  enabled: z.boolean().default(true),
  /** Keys of one group share one budget: the limits given there, which must be the same for all of them. */
  quota_group: z.string().regex(NAME, NAME_RULE).optional(),
  /** Calls in flight at once; default: as many as the rates allow. */
  max_in_flight: z.int().min(1).max(10_000).optional(),
  /**
   * `even` for providers that enforce a minute's limit per second (DashScope may): RPM/60 calls a second, or one in
   * 60/RPM seconds.
   */
  pacing: Pacing.default('none'),
  /**
   * For providers that answer 429 when the rate rises too fast: after a pause a key begins at a tenth of its QPS and
   * reaches it within this many seconds of use. 0: at once.
   */
  ramp_seconds: z.number().min(0).max(3_600).default(0),
  base_url: BaseUrl.optional(),
  model: z.string().min(1).max(200).optional(),
  response_format: ResponseFormat.optional(),
  /** Tokens of an answer at most, those of its reasoning among them; default 600. */
  max_output_tokens: MaxOutputTokens.optional(),
  /** Pictures of one call at most; default 3. A provider that refuses several gets one without this. */
  max_images: z.int().min(1).max(MOST_IMAGES).optional(),
  /** Fields added to the body of every call, such as `enable_thinking: false`. */
  extra_body: ExtraBody.optional(),
  /** Cost of 1,000 tokens, in whatever currency `daily_budget` is in. Without a price calls count as free. */
  price_per_1k_input: z.number().min(0).max(10_000).optional(),
  price_per_1k_output: z.number().min(0).max(10_000).optional(),
});
export type ApiKeyEntry = z.infer<typeof ApiKeyEntry>;

export const SchedulerSection = z
  .strictObject({
    /** Tasks assessed at once. */
    max_concurrent_tasks: z.int().min(1).max(10_000).default(50),
    /** Lease requests that may wait. */
    queue_size: z.int().min(1).max(100_000).default(500),
    key_cooldown_seconds: z.number().min(0.001).max(86_400).default(60),
    adaptive_cooldown: z.boolean().default(true),
    min_cooldown: z.number().min(0.001).max(86_400).default(10),
    max_cooldown: z.number().min(0.001).max(86_400).default(120),
    /** Further attempts after the first, each on another key. */
    retry_max_attempts: z.int().min(0).max(10).default(2),
    timeout_seconds: z.number().min(0.1).max(600).default(35),
    /** Failures in a row after which a key cools. */
    max_retry_per_key: z.int().min(1).max(1_000).default(3),
    /**
     * Jitter of the way to the provider that the windows allow for: how much later one call may arrive than another
     * that left at the same moment. A call counts as arriving that late until its answer tells its arrival
     * (`req-arrive-time`) or how long the provider worked on it; always, where a provider tells neither. Time spent in
     * our own process is known and needs no allowance.
     */
    transit_guard_ms: z.number().min(0).max(10_000).default(50),
    /**
     * A call for a task of priority 4 or 5 that takes longer than this is made a second time on another key, if one is
     * free at once. The first answer counts. At most a tenth more calls. 0: never.
     */
    hedge_after_ms: z.int().min(0).max(600_000).default(0),
    /** A waiting request overtakes fresh ones of the next higher priority after this long. */
    ageing_seconds: z.number().min(0.01).max(3_600).default(2),
    /**
     * How old a frame may be when a verdict about it reaches a screen. A question that cannot be answered by then is
     * answered by rules. A camera may have its own.
     */
    freshness_seconds: FreshnessSeconds.default(2),
    /** How long the model's verdict about a group is shown on its later frames. A verdict of danger is shown longer. */
    verdict_seconds: z.number().min(1).max(600).default(10),
    /** A group in which nothing changes is asked about again after this long. */
    recheck_seconds: z.number().min(1).max(3_600).default(60),
    /** Every camera with groups is asked about at least this often, however small the budget. */
    camera_turn_seconds: z.number().min(5).max(3_600).default(60),
  })
  .refine((section) => section.min_cooldown <= section.max_cooldown, {
    path: ['min_cooldown'],
    error: 'must not be above max_cooldown',
  });
export type SchedulerSection = z.infer<typeof SchedulerSection>;

const PromptText = z.string().trim().min(1).max(MOST.prompt);

/** Texts that an operator adds to the model's instructions. */
export const PromptSection = z.strictObject({
  /** For every question. */
  text: PromptText.optional(),
  /** For questions about groups whose measurements hint at this kind of danger. */
  kinds: z.partialRecord(DangerKind, PromptText).default({}),
});
export type PromptSection = z.infer<typeof PromptSection>;

/** `config/api_keys.yaml`. */
export const KeyFile = z.strictObject({
  strategy: KeyStrategy.default('round_robin'),
  /** Endpoint and model of every key that names none of its own. */
  base_url: BaseUrl.default('https://dashscope.aliyuncs.com/compatible-mode/v1'),
  model: z.string().min(1).max(200).default('qwen-vl-plus'),
  response_format: ResponseFormat.default('auto'),
  api_keys: z.array(ApiKeyEntry).max(1_000).default([]),
  /** Cost per day (UTC), all keys together, after which rules assess until midnight. Default: no bound. */
  daily_budget: z.number().positive().max(1e9).optional(),
  scheduler: SchedulerSection.prefault({}),
  prompts: PromptSection.prefault({}),
});
export type KeyFile = z.infer<typeof KeyFile>;
