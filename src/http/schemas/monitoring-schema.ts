import { z } from 'zod';
import { MOST } from '../../messages/bounds.ts';
import { CameraId } from '../../messages/ids.ts';
import { Silence, SystemAlert } from '../../messages/monitoring.ts';
import { ALERT_RULES, type AlertRule, SEVERITIES } from '../../monitoring/alert-rules.ts';
import { RequestTime } from './time-span.ts';

const RULE_NAMES: readonly string[] = ALERT_RULES.filter(({ prometheusOnly }) => !prometheusOnly).map(
  ({ name }) => name,
);
const RuleName = z.enum(RULE_NAMES);

/** How a rule stands: the furthest of its alerts; `unknown`: nothing to read, as of keys where there are none. */
const RuleState = z.enum(['ok', 'pending', 'firing', 'clearing', 'silenced', 'disabled', 'unknown']);

export const RuleView = z.object({
  name: z.string(),
  severity: z.enum(SEVERITIES),
  state: RuleState,
  /** The worst reading of all nodes; null where there is none, and for whom does not see all cameras. */
  value: z.number().nullable(),
  /** When the first of its alerts began. */
  since: z.string().nullable(),
  comparison: z.enum(['above', 'below']),
  threshold: z.number(),
  clearThreshold: z.number(),
  forSeconds: z.number(),
  clearSeconds: z.number(),
  unit: z.enum(['seconds', 'share', 'messages', 'keys', 'bytes', 'state']),
  summary: z.string(),
  runbook: z.string(),
});
export type RuleView = z.infer<typeof RuleView>;

export const MonitoringReport = z.object({
  rules: z.array(RuleView),
  alerts: z.array(SystemAlert),
  silences: z.array(Silence),
  /** Why a changed file of rules is not in force; null while it is. */
  problem: z.string().nullable(),
});
export type MonitoringReport = z.infer<typeof MonitoringReport>;

export const SilenceBody = z.strictObject({
  rule: RuleName,
  cameraId: CameraId.nullable().default(null).meta({ description: 'Left out: of every camera' }),
  until: RequestTime,
  reason: z.string().trim().min(1).max(MOST.shelfReason),
});

export const SilenceParams = z.object({ id: z.string().max(MOST.name) });

/** A rule as it stands, by those of its alerts that may be seen. Pure. */
export function ruleView(
  rule: AlertRule,
  alerts: readonly SystemAlert[],
  values: readonly number[],
  isEnabled: boolean,
): RuleView {
  const own = alerts.filter(({ rule: of }) => of === rule.name);
  const worst = rule.comparison === 'above' ? Math.max(...values) : Math.min(...values);
  const { name, severity, comparison, threshold, clearThreshold, forSeconds, clearSeconds } = rule;
  return {
    name,
    severity,
    state: isEnabled ? stateOf(own, values) : 'disabled',
    value: Number.isFinite(worst) ? worst : null,
    since: own.map(({ since }) => since).toSorted()[0] ?? null,
    comparison,
    threshold,
    clearThreshold,
    forSeconds,
    clearSeconds,
    unit: rule.unit,
    summary: rule.summary,
    runbook: rule.runbook,
  };
}

function stateOf(alerts: readonly SystemAlert[], values: readonly number[]): RuleView['state'] {
  const loud = alerts.filter(({ silencedUntil }) => silencedUntil === null);
  for (const state of ['firing', 'clearing', 'pending'] as const)
    if (loud.some((alert) => alert.state === state)) return state;
  if (alerts.length > 0) return 'silenced';
  return values.length === 0 ? 'unknown' : 'ok';
}
