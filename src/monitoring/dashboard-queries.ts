/** PromQL over the metrics of the table, for panels that follow the dashboard's variables. Pure. */
import { type LabelsOf, type MetricName, METRICS, type NameOf } from '../infra/metric-table.ts';

/** Grafana's name for a window that always holds a few scrapes. */
const WINDOW = '[$__rate_interval]';
const NODES = 'instance=~"$instance"';
const CAMERAS = 'camera_id=~"$camera"';

type LabelOf<N extends MetricName> = keyof LabelsOf<N> & string;

export interface Selection<N extends MetricName> {
  /** One line for each value of these labels. Default: one line. */
  readonly by?: readonly (LabelOf<N> | 'instance')[];
  /** Only series whose label has one of these values. */
  readonly where?: Readonly<Partial<Record<LabelOf<N>, readonly string[]>>>;
}

type Fold = 'sum' | 'max' | 'min';

/** A counter's growth a second. */
export const rateOf = <N extends NameOf<'counter'>>(counter: N, selection: Selection<N> = {}): string =>
  folded('sum', selection, `rate(${counter}${seriesOf(counter, selection)}${WINDOW})`);

/** A gauge as it stands. Take `max` where every node shows the same figure, or it counts several times. */
export const gaugeNow = <N extends NameOf<'gauge'>>(fold: Fold, gauge: N, selection: Selection<N> = {}): string =>
  folded(fold, selection, gauge + seriesOf(gauge, selection));

/** How many keys are in each state. Every scheduler shows all keys. */
export const keysByState = (): string =>
  `sum by (status) (max by (key_id, status) (${'api_key_status' satisfies MetricName}{${NODES}}))`;

/** A quantile, 0 to 1, of a histogram's values of all nodes. */
export const quantileNow = (quantile: number, histogram: NameOf<'histogram'>): string =>
  `histogram_quantile(${quantile}, ${bucketsOf(histogram, 'rate')})`;

/** The values in each bucket, for a heat map. */
export const heatOf = (histogram: NameOf<'histogram'>): string => bucketsOf(histogram, 'increase');

/** One query's part in another, 0 to 1. No value while the whole is 0. */
export const share = (part: string, whole: string): string => `${part} / (${whole} > 0)`;

/** A figure of the process itself, which the library adds to those of the table. */
export const processNow = (name: 'process_resident_memory_bytes' | 'nodejs_eventloop_lag_p99_seconds'): string =>
  `max by (instance) (${name}{${NODES}})`;

/** The processors that a node uses. */
export const processorsUsed = (): string => `sum by (instance) (rate(process_cpu_seconds_total{${NODES}}${WINDOW}))`;

const bucketsOf = (histogram: NameOf<'histogram'>, growth: 'rate' | 'increase'): string =>
  `sum by (le) (${growth}(${histogram}_bucket{${NODES}}${WINDOW}))`;

function folded(fold: Fold, { by = [] }: { readonly by?: readonly string[] }, expression: string): string {
  return `${fold}${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`;
}

function seriesOf<N extends MetricName>(name: N, { where }: Selection<N>): string {
  const labels: readonly string[] = METRICS[name].labels;
  const chosen = Object.entries<readonly string[] | undefined>(where ?? {}).map(
    ([label, values = []]) => `${label}=~"${values.join('|')}"`,
  );
  return `{${[NODES, ...(labels.includes('camera_id') ? [CAMERAS] : []), ...chosen].join(', ')}}`;
}
