/**
 * The figures that alert rules look at, in an algebra small enough to be written as PromQL and to be worked out from
 * this process's own metrics. Pure.
 */
import type { LabelsOf, MetricName, NameOf } from '../infra/metric-table.ts';

/** A gauge of the table, or the one of the process itself that rules need. */
export type GaugeName = NameOf<'gauge'> | 'process_resident_memory_bytes';
export type MeasuredName = MetricName | 'process_resident_memory_bytes';

/** Only series whose label has one of these values. */
export type LabelFilter = Readonly<Partial<Record<string, readonly string[]>>>;

interface Sum<N extends NameOf<'counter'>> {
  readonly counter: N;
  readonly where?: LabelFilter;
}

/** The value of an estimated quantile, in the histogram's unit. */
export interface QuantileMeasure {
  readonly kind: 'quantile';
  readonly histogram: NameOf<'histogram'>;
  /** Over 0, below 1. */
  readonly quantile: number;
  readonly windowSeconds: number;
  /** With fewer values in the window there is no reading. */
  readonly atLeast: number;
  readonly by: readonly [];
}

/** The part of one counter's increase in another's, 0 to 1. */
export interface RatioMeasure {
  readonly kind: 'ratio';
  readonly part: Sum<NameOf<'counter'>>;
  readonly whole: Sum<NameOf<'counter'>>;
  readonly windowSeconds: number;
  /** With a smaller increase of the whole in the window there is no reading. */
  readonly atLeast: number;
  /** Labels of both counters; one reading for each of their values. */
  readonly by: readonly string[];
}

/** The largest, the smallest or the sum of the series of a gauge as it stands. */
export interface GaugeMeasure {
  readonly kind: 'gauge';
  readonly gauge: GaugeName;
  readonly fold: 'max' | 'min' | 'sum';
  readonly where?: LabelFilter;
  readonly by: readonly string[];
  /** Every node has the same figure, as of a queue in NATS. Else each node's is a reading of its own. */
  readonly shared: boolean;
}

/** Whether Prometheus reaches a node: 1 or 0. Only Prometheus can tell. */
export interface ScrapeMeasure {
  readonly kind: 'scrape';
  readonly job: string;
}

export type Measure = QuantileMeasure | RatioMeasure | GaugeMeasure | ScrapeMeasure;

/** Estimated from the buckets of a histogram, as Prometheus does. */
export const quantileOf = (
  histogram: NameOf<'histogram'>,
  quantile: number,
  { windowSeconds, atLeast }: Pick<QuantileMeasure, 'windowSeconds' | 'atLeast'>,
): QuantileMeasure => ({ kind: 'quantile', histogram, quantile, windowSeconds, atLeast, by: [] });

type Where<N extends MetricName> = Readonly<Partial<Record<keyof LabelsOf<N>, readonly string[]>>>;

export const sumOf = <N extends NameOf<'counter'>>(counter: N, where?: Where<N>): Sum<N> =>
  where === undefined ? { counter } : { counter, where };

export const ratioOf = <P extends NameOf<'counter'>, W extends NameOf<'counter'>>(
  part: Sum<P>,
  whole: Sum<W>,
  options: Pick<RatioMeasure, 'windowSeconds' | 'atLeast'> & {
    readonly by?: readonly (keyof LabelsOf<P> & keyof LabelsOf<W> & string)[];
  },
): RatioMeasure => ({ kind: 'ratio', part, whole, ...options, by: options.by ?? [] });

type GaugeLabel<N extends GaugeName> = N extends MetricName ? keyof LabelsOf<N> & string : never;

export const gaugeOf = <N extends GaugeName>(
  fold: GaugeMeasure['fold'],
  gauge: N,
  options: {
    readonly by?: readonly GaugeLabel<N>[];
    readonly where?: Readonly<Partial<Record<GaugeLabel<N>, readonly string[]>>>;
    readonly shared?: boolean;
  } = {},
): GaugeMeasure => ({
  kind: 'gauge',
  gauge,
  fold,
  by: options.by ?? [],
  shared: options.shared ?? false,
  ...(options.where === undefined ? {} : { where: options.where }),
});

/** The metrics that a measure reads. */
export function namesOf(measure: Measure): readonly MeasuredName[] {
  switch (measure.kind) {
    case 'quantile':
      return [measure.histogram];
    case 'ratio':
      return [measure.part.counter, measure.whole.counter];
    case 'gauge':
      return [measure.gauge];
    case 'scrape':
      return [];
  }
}

/** One series of a metric as it stands. Of a histogram, those of its buckets with the label `le`. */
export interface Sample {
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  readonly value: number;
}
export type Samples = ReadonlyMap<MeasuredName, readonly Sample[]>;

/** One value of a measure, with the labels that it is grouped by. */
export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A measure's sums at one moment, by group: of a quantile, the counts of the buckets by their upper bounds; of a ratio,
 * part and whole; of a gauge, its value.
 */
export type Totals = ReadonlyMap<string, GroupTotals>;
interface GroupTotals {
  readonly labels: Readonly<Record<string, string>>;
  readonly sums: ReadonlyMap<string, number>;
}

/** Groups of one measure; further ones are left out. Their labels are bounded already, see `createMetrics`. */
const MOST_GROUPS = 2_000;
const PART = 'part';
const WHOLE = 'whole';
const VALUE = 'value';

/** A measure's sums now. */
export function totalsOf(measure: Measure, samples: Samples): Totals {
  const groups = new Map<string, { labels: Record<string, string>; sums: Map<string, number> }>();
  const add = (sample: Sample, sum: string, fold: (a: number, b: number) => number): void => {
    if (!Number.isFinite(sample.value)) return;
    const labels = Object.fromEntries(byOf(measure).map((label) => [label, String(sample.labels[label] ?? '')]));
    const key = JSON.stringify(labels);
    let group = groups.get(key);
    if (group === undefined) {
      if (groups.size >= MOST_GROUPS) return;
      groups.set(key, (group = { labels, sums: new Map() }));
    }
    const known = group.sums.get(sum);
    group.sums.set(sum, known === undefined ? sample.value : fold(known, sample.value));
  };
  switch (measure.kind) {
    case 'quantile':
      for (const sample of samples.get(measure.histogram) ?? []) {
        const { le } = sample.labels;
        if (le !== undefined) add(sample, String(le), plus);
      }
      break;
    case 'ratio':
      for (const [sum, { counter, where }] of [[PART, measure.part] as const, [WHOLE, measure.whole] as const])
        for (const sample of samples.get(counter) ?? []) if (passes(sample, where)) add(sample, sum, plus);
      break;
    case 'gauge':
      for (const sample of samples.get(measure.gauge) ?? [])
        if (passes(sample, measure.where)) add(sample, VALUE, FOLDS[measure.fold]);
      break;
    case 'scrape':
      break;
  }
  return groups;
}

/**
 * The readings between two moments. Gauges need only the second. A group that the first lacks began at 0; a sum that
 * fell began anew.
 */
export function evaluate(measure: Measure, before: Totals | null, now: Totals): readonly Reading[] {
  if (measure.kind === 'gauge')
    return [...now.values()].map(({ labels, sums }) => ({ labels, value: sums.get(VALUE) ?? 0 }));
  if (before === null || measure.kind === 'scrape') return [];
  return [...now].flatMap(([key, { labels, sums }]) => {
    const old = before.get(key)?.sums;
    const grown = (sum: string): number => increase(old?.get(sum) ?? 0, sums.get(sum) ?? 0);
    if (measure.kind === 'ratio') {
      const whole = grown(WHOLE);
      return whole < measure.atLeast || whole <= 0 ? [] : [{ labels, value: grown(PART) / whole }];
    }
    const buckets = [...sums.keys()].map((le) => ({ upTo: boundOf(le), count: grown(le) }));
    const value = quantileIn(buckets, measure);
    return value === null ? [] : [{ labels, value }];
  });
}

/** As Prometheus' `histogram_quantile`: evenly spread within a bucket. Null with fewer values than needed. */
function quantileIn(
  unordered: readonly { readonly upTo: number; readonly count: number }[],
  { quantile, atLeast }: QuantileMeasure,
): number | null {
  const buckets = unordered.toSorted((a, b) => a.upTo - b.upTo);
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0 || total < atLeast) return null;
  const rank = quantile * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const found = buckets[at];
  const below = buckets[at - 1] ?? { upTo: 0, count: 0 };
  if (found === undefined) return null;
  if (found.upTo === Infinity) return below.upTo;
  return below.upTo + ((found.upTo - below.upTo) * (rank - below.count)) / (found.count - below.count);
}

const byOf = (measure: Measure): readonly string[] => (measure.kind === 'scrape' ? [] : measure.by);
const boundOf = (le: string): number => (le === '+Inf' ? Infinity : Number(le));
const increase = (from: number, to: number): number => (to < from ? to : to - from);
const plus = (a: number, b: number): number => a + b;
const FOLDS = { max: Math.max, min: Math.min, sum: plus } as const;

const passes = (sample: Sample, where: LabelFilter = {}): boolean =>
  Object.entries(where).every(([label, values]) => values?.includes(String(sample.labels[label] ?? '')) === true);
