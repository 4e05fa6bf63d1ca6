/** Unit tests of the rules for promtool: each rule fires just beyond its threshold, and not at it or just before. */
import { METRICS } from '../infra/metric-table.ts';
import { ALERT_RULES, type AlertRule } from './alert-rules.ts';
import type { GaugeMeasure, LabelFilter, Measure, QuantileMeasure, RatioMeasure } from './measure.ts';
import { annotationsOf } from './prometheus-rules.ts';

const STEP_SECONDS = 15;
/** A counter needs two scrapes for an increase. */
const WARM_UP_SECONDS = 2 * STEP_SECONDS;
/** Calls, frames or verdicts in a step: far over what any rule needs to have a reading. */
const MANY = 10_000;
/** In five minutes these are less than any rule needs. */
const FEW = 0.01;
/** A share this far beyond the threshold, as a part of it, is beyond it for certain. */
const A_BIT = 0.01;
const INSTANCE = 'gantry:8080';

interface InputSeries {
  readonly series: string;
  readonly values: string;
}

interface Case {
  readonly name: string;
  readonly series: readonly InputSeries[];
  readonly isFiring: boolean;
}

/** The tests in the form of promtool. */
export function prometheusRuleTests(rules: readonly AlertRule[] = ALERT_RULES): object {
  return {
    rule_files: ['rules.yml'],
    evaluation_interval: `${STEP_SECONDS}s`,
    tests: rules.flatMap((rule) => casesOf(rule).map((each) => ruleTest(rule, each))),
  };
}

function ruleTest(rule: AlertRule, { name, series, isFiring }: Case): object {
  const { forSeconds, severity } = rule;
  const alert = {
    exp_labels: { severity, ...groupOf(rule.measure) },
    exp_annotations: annotationsOf(rule),
  };
  const at = (seconds: number, alerts: readonly object[]): object => ({
    eval_time: `${seconds}s`,
    alertname: rule.name,
    exp_alerts: alerts,
  });
  const isPending = isFiring && forSeconds > STEP_SECONDS;
  return {
    name: `${rule.name}: ${name}`,
    interval: `${STEP_SECONDS}s`,
    input_series: series,
    alert_rule_test: [
      ...(isPending ? [at(forSeconds - STEP_SECONDS, [])] : []),
      at(forSeconds + WARM_UP_SECONDS, isFiring ? [alert] : []),
    ],
  };
}

function casesOf(rule: AlertRule): readonly Case[] {
  const { measure } = rule;
  const beyond = seriesOf(rule, 'beyond');
  const cases: Case[] = [
    { name: 'beyond the threshold', series: beyond, isFiring: true },
    { name: 'just before it', series: seriesOf(rule, 'before'), isFiring: false },
  ];
  if (measure.kind === 'ratio' || measure.kind === 'quantile')
    cases.push({ name: 'beyond it, but of few', series: seriesOf(rule, 'beyond', FEW), isFiring: false });
  return cases;
}

type Side = 'beyond' | 'before';

function seriesOf(rule: AlertRule, side: Side, eachStep: number = MANY): readonly InputSeries[] {
  const { measure } = rule;
  switch (measure.kind) {
    case 'gauge':
      return [constant(`${measure.gauge}${selector(gaugeLabels(measure))}`, valueAt(rule, side))];
    case 'scrape':
      return [constant(`up${selector({ job: measure.job, instance: INSTANCE })}`, valueAt(rule, side))];
    case 'ratio':
      return ratioSeries(measure, shareAt(rule, side), eachStep);
    case 'quantile':
      return quantileSeries(measure, rule.threshold, side, eachStep);
  }
}

/** At the threshold itself a rule does not fire. */
function valueAt({ comparison, threshold, unit }: AlertRule, side: Side): number {
  if (side === 'before') return threshold;
  const step = unit === 'share' || unit === 'bytes' ? threshold * A_BIT : 1;
  return rounded(comparison === 'above' ? threshold + step : threshold - step);
}

/** A share of counters is worked out, so that it is not exactly at the threshold. */
function shareAt({ comparison, threshold }: AlertRule, side: Side): number {
  const isAbove = (comparison === 'above') === (side === 'beyond');
  return threshold * (isAbove ? 1 + A_BIT : 1 - A_BIT);
}

function ratioSeries({ part, whole, by }: RatioMeasure, share: number, eachStep: number): readonly InputSeries[] {
  const group = { ...valuesOf(by), instance: INSTANCE };
  const partLabels = { ...group, ...firstOf(part.where) };
  const series = [growing(part.counter + selector(partLabels), share * eachStep)];
  // Where the part is of the same counter, the rest of the whole is its other series.
  return part.counter === whole.counter
    ? [...series, growing(whole.counter + selector({ ...partLabels, ...othersOf(part.where) }), (1 - share) * eachStep)]
    : [...series, growing(whole.counter + selector(group), eachStep)];
}

/** A little more, or less, of the values than the quantile leaves over is above the threshold, in the next bucket. */
function quantileSeries(
  { histogram, quantile }: QuantileMeasure,
  threshold: number,
  side: Side,
  eachStep: number,
): readonly InputSeries[] {
  const below = quantile + (side === 'beyond' ? -1 : 1) * (1 - quantile) * 0.2;
  const { buckets } = METRICS[histogram];
  const within = (bound: number): number => (bound > threshold ? 1 : bound < threshold ? 0 : below);
  return [
    ...[...buckets, Infinity].map((bound) =>
      growing(
        `${histogram}_bucket${selector({ le: bound === Infinity ? '+Inf' : String(bound), instance: INSTANCE })}`,
        within(bound) * eachStep,
      ),
    ),
    growing(`${histogram}_count${selector({ instance: INSTANCE })}`, eachStep),
  ];
}

const gaugeLabels = ({ by, where }: GaugeMeasure): Record<string, string> => ({
  ...valuesOf(by),
  ...firstOf(where),
  instance: INSTANCE,
});

/** The labels of the alert that the series give. */
function groupOf(measure: Measure): Record<string, string> {
  if (measure.kind === 'scrape') return { job: measure.job, instance: INSTANCE };
  const isShared = measure.kind === 'gauge' && measure.shared;
  return { ...valuesOf(measure.by), ...(isShared ? {} : { instance: INSTANCE }) };
}

const valuesOf = (labels: readonly string[]): Record<string, string> =>
  Object.fromEntries(labels.map((label) => [label, `a ${label}`]));
const firstOf = (where: LabelFilter = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(where).map(([label, values = []]) => [label, values[0] ?? '']));
const othersOf = (where: LabelFilter = {}): Record<string, string> =>
  Object.fromEntries(Object.keys(where).map((label) => [label, 'success']));

const constant = (series: string, value: number): InputSeries => ({ series, values: `${value}x100` });
const growing = (series: string, by: number): InputSeries => ({ series, values: `0+${rounded(by)}x100` });
const rounded = (value: number): number => Number(value.toPrecision(9));
const selector = (labels: Readonly<Record<string, string>>): string =>
  `{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(',')}}`;
