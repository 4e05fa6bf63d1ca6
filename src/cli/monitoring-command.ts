import { MonitoringReport } from '../http/schemas/monitoring-schema.ts';
import { readingText } from '../monitoring/reading-text.ts';
import type { Output } from './output.ts';
import { askGantry } from './running-api.ts';
import { textTable } from './text-table.ts';

/** `gantry monitoring`. Exit code 0: shown, also while alerts fire. Rejects as {@link askGantry}. */
export async function run(args: { readonly 'data-dir': string | undefined }, output: Output): Promise<number> {
  const report = await askGantry(args['data-dir'], MonitoringReport, { path: '/api/monitoring' });
  output.result(report, textOf(report));
  return 0;
}

function textOf({ rules, alerts, silences, problem }: MonitoringReport): string {
  return [
    ...(problem === null ? [] : [`the changed file of rules is not in force: ${problem}`]),
    textTable([['rule', 'state', 'severity', 'now', 'threshold'], ...rules.map(ruleRow)]),
    ...(alerts.length === 0 ? ['no alerts'] : ['alerts:', textTable(alerts.map(alertRow))]),
    ...(silences.length === 0 ? [] : ['silences:', textTable(silences.map(silenceRow))]),
  ].join('\n\n');
}

const ruleRow = ({ name, state, severity, value, comparison, threshold, unit }: MonitoringReport['rules'][number]) => [
  name,
  state,
  severity,
  value === null ? '-' : readingText(value, unit),
  unit === 'state' ? '' : `${comparison} ${readingText(threshold, unit)}`,
];

const alertRow = ({
  rule,
  severity,
  state,
  silencedUntil,
  labels,
  node,
  shared,
  value,
  unit,
  since,
}: MonitoringReport['alerts'][number]) => [
  rule,
  severity,
  silencedUntil === null ? state : `${state}, silenced until ${silencedUntil}`,
  [...Object.values(labels), ...(shared ? [] : [`node ${node}`])].join(', '),
  readingText(value, unit),
  `since ${since}`,
];

const silenceRow = ({ rule, cameraId, until, by, reason }: MonitoringReport['silences'][number]) => [
  rule,
  cameraId ?? 'all',
  `until ${until}`,
  `by ${by}`,
  reason,
];
