import { ALERT_RULES, type AlertRule } from './alert-rules.ts';
import { conditionOf } from './prom-ql.ts';

/** The rules in the form of a rule file of Prometheus. Each alert has the name that Gantry's own engine gives it. */
export function prometheusRules(rules: readonly AlertRule[] = ALERT_RULES): object {
  return { groups: [{ name: 'gantry', interval: '15s', rules: rules.map(prometheusRule) }] };
}

function prometheusRule(rule: AlertRule): object {
  return {
    alert: rule.name,
    expr: conditionOf(rule),
    for: `${rule.forSeconds}s`,
    // Prometheus has no second threshold to clear an alert by, only the time.
    keep_firing_for: `${rule.clearSeconds}s`,
    labels: { severity: rule.severity },
    annotations: annotationsOf(rule),
  };
}

export const annotationsOf = ({ summary, runbook }: AlertRule): Readonly<Record<string, string>> => ({
  summary,
  runbook,
});
