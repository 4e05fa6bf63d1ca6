import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InfraError } from '../infra/infra-error.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import { MOST } from '../messages/bounds.ts';
import { CameraId, IsoTime } from '../messages/ids.ts';
import { MOST_SILENCES, type Silence } from '../messages/monitoring.ts';
import { systemCode } from '../storage/storage-error.ts';
import { MAX_YAML_LENGTH, parseYaml } from '../storage/yaml.ts';
import { ALERT_RULES, type AlertRule, SEVERITIES } from './alert-rules.ts';

/** Alert rules of this installation, and where they are announced. */
export interface MonitoringConfig {
  /** The rules that are switched on, without the ones that only Prometheus can evaluate. */
  readonly rules: readonly AlertRule[];
  readonly disabled: readonly AlertRule[];
  /** Silences of the file. */
  readonly silences: readonly Silence[];
  readonly hookUrls: readonly string[];
}

/** A day: more is a mistake in the unit. */
const MOST_SECONDS = 86_400;
const MOST_HOOKS = 16;
const seconds = z.number().min(0).max(MOST_SECONDS);

const RuleSettings = z.strictObject({
  enabled: z.boolean().optional(),
  severity: z.enum(SEVERITIES).optional(),
  threshold: z.number().min(0).optional(),
  for_seconds: seconds.optional(),
  clear_threshold: z.number().min(0).optional(),
  clear_seconds: seconds.optional(),
});
type RuleSettings = z.infer<typeof RuleSettings>;

const OWN_RULES = ALERT_RULES.filter(({ prometheusOnly }) => !prometheusOnly);
const RULE_NAMES: readonly string[] = OWN_RULES.map(({ name }) => name);

const noRule = (name: string): string => `is no rule ("${name.slice(0, 64)}"); the rules are ${RULE_NAMES.join(', ')}`;
const RuleName = z.enum(RULE_NAMES, { error: ({ input }) => noRule(String(input)) });

const isHttp = (url: string): boolean => /^https?:$/u.test(URL.parse(url)?.protocol ?? '');

const MonitoringFile = z.strictObject({
  rules: z.partialRecord(RuleName, RuleSettings).default({}),
  silences: z
    .array(
      z.strictObject({
        rule: RuleName,
        camera: CameraId.optional(),
        until: IsoTime,
        reason: z.string().min(1).max(MOST.shelfReason),
      }),
    )
    .max(MOST_SILENCES)
    .default([]),
  hook_urls: z
    .array(
      z
        .string()
        .max(MOST.url)
        .refine(isHttp, { error: ({ input }) => `must be an http or https URL, not "${urlOrigin(String(input))}"` }),
    )
    .max(MOST_HOOKS)
    .default([]),
});

/** The rules as they come, without a file. */
export const DEFAULT_MONITORING: MonitoringConfig = parseMonitoring({}, 'defaults');

/**
 * The settings of `config/monitoring.yaml`, as parsed from YAML. Throws `CONFIG_INVALID`, which names the field and its
 * value; `source` names the file.
 */
export function parseMonitoring(raw: unknown, source: string): MonitoringConfig {
  const parsed = MonitoringFile.safeParse(raw ?? {});
  if (!parsed.success) throw fromIssue(parsed.error.issues[0], raw, source);
  const { rules: settings, silences, hook_urls: hookUrls } = parsed.data;
  const all = OWN_RULES.map((rule) => withSettings(rule, settings[rule.name] ?? {}, source));
  const isOn = ({ name }: AlertRule): boolean => settings[name]?.enabled ?? true;
  return {
    rules: all.filter(isOn),
    disabled: all.filter((rule) => !isOn(rule)),
    silences: silences.map(({ rule, camera, until, reason }, index) => ({
      silenceId: `file-${index + 1}`,
      rule,
      cameraId: camera ?? null,
      until,
      reason,
      by: source,
    })),
    hookUrls,
  };
}

/** Reads the file; defaults where there is none. Rejects `CONFIG_INVALID`, or with a `StorageError` for bad YAML. */
export async function readMonitoring(path: string): Promise<MonitoringConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return DEFAULT_MONITORING;
    const why = systemCode(thrown) ?? String(thrown);
    throw new InfraError('CONFIG_INVALID', `${path} could not be read (${why})`, { field: path }, thrown);
  }
  if (text.length > MAX_YAML_LENGTH)
    throw new InfraError('CONFIG_INVALID', `${path} has more than ${MAX_YAML_LENGTH} characters`, { field: path });
  return parseMonitoring(parseYaml(text, path), path);
}

function withSettings(rule: AlertRule, settings: RuleSettings, source: string): AlertRule {
  const threshold = settings.threshold ?? rule.threshold;
  const field = `rules.${rule.name}`;
  if (rule.unit === 'share' && threshold > 1)
    throw invalid(source, `${field}.threshold`, 'must be a share from 0 to 1, as 0.05 for 5 %', threshold);
  // A threshold of one's own keeps the distance between the two in proportion.
  const clearThreshold =
    settings.clear_threshold ?? (rule.threshold === 0 ? threshold : threshold * (rule.clearThreshold / rule.threshold));
  const isRight = rule.comparison === 'above' ? clearThreshold <= threshold : clearThreshold >= threshold;
  if (!isRight)
    throw invalid(
      source,
      `${field}.clear_threshold`,
      `must be at ${rule.comparison === 'above' ? 'most' : 'least'} the threshold, ${threshold}`,
      clearThreshold,
    );
  return {
    ...rule,
    severity: settings.severity ?? rule.severity,
    threshold,
    clearThreshold,
    forSeconds: settings.for_seconds ?? rule.forSeconds,
    clearSeconds: settings.clear_seconds ?? rule.clearSeconds,
  };
}

function fromIssue(issue: z.core.$ZodIssue | undefined, raw: unknown, source: string): InfraError {
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const [first = ''] = issue.keys;
    if (path.length === 1 && path[0] === 'rules')
      return invalid(source, fieldOf(['rules', first.slice(0, 64)]), noRule(first), undefined);
    const unknown = issue.keys.slice(0, 5).map((key) => fieldOf([...path, key.slice(0, 64)]));
    return new InfraError('CONFIG_INVALID', `${source}: ${unknown.join(', ')}: there is no such field`, {
      source,
      field: unknown.join(', '),
    });
  }
  const isUrl = path[0] === 'hook_urls';
  return invalid(source, fieldOf(path), issue?.message ?? 'is not valid', isUrl ? null : valueAt(raw, path));
}

function invalid(source: string, field: string, problem: string, value: unknown): InfraError {
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const shown = isPlain ? ` (it is ${JSON.stringify(value).slice(0, 200)})` : '';
  return new InfraError('CONFIG_INVALID', `${source}: ${field}: ${problem}${shown}`, {
    source,
    field,
    ...(isPlain ? { value } : {}),
  });
}

const fieldOf = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? 'the file'
    : path.reduce<string>(
        (text, part) =>
          typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
        '',
      );

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, part) ? Reflect.get(node, part) : undefined,
    raw,
  );
