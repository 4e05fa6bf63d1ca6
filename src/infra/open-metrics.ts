import type { MetricObjectWithValues, MetricValue } from 'prom-client';

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

interface Exemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}
/** Of a histogram: the name says which of its series it is, and a bucket may have an exemplar. */
type Sample = MetricValue<string> & { readonly metricName?: string; readonly exemplar?: Exemplar | null };
export type Family = Pick<MetricObjectWithValues<Sample>, 'name' | 'help' | 'type' | 'values'>;

/**
 * The registry's families in OpenMetrics 1.0.0. The library writes that format too, but renames its counters to do so,
 * after which its other format is wrong.
 */
export const openMetricsText = (families: readonly Family[]): string =>
  [...families.flatMap((family) => [...linesOf(family)]), '# EOF', ''].join('\n');

function* linesOf({ name, help, type, values }: Family): Generator<string> {
  const kind = String(type);
  const family = kind === 'counter' ? name.replace(/_total$/u, '') : name;
  yield `# TYPE ${family} ${kind}`;
  yield `# HELP ${family} ${escaped(help)}`;
  for (const { metricName, labels, value, exemplar } of values) {
    const series = kind === 'counter' ? `${family}_total` : (metricName ?? name);
    yield `${series}${labelsText(labels)} ${numberText(value)}${exemplarText(exemplar)}`;
  }
}

function exemplarText(exemplar: Exemplar | null | undefined): string {
  if (exemplar === null || exemplar === undefined) return '';
  const { labelSet, value, timestamp } = exemplar;
  return ` # {${pairs(labelSet).join(',')}} ${numberText(value)} ${numberText(timestamp)}`;
}

function labelsText(labels: Sample['labels']): string {
  const written = pairs(labels);
  return written.length === 0 ? '' : `{${written.join(',')}}`;
}

const pairs = (labels: Sample['labels']): string[] =>
  Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };
const escaped = (text: string): string => text.replaceAll(/[\\\n"]/gu, (found) => ESCAPES[found] ?? found);
