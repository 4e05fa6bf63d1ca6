import type { AlertRule } from './alert-rules.ts';
import type { GaugeMeasure, LabelFilter, Measure, QuantileMeasure, RatioMeasure } from './measure.ts';

/**
 * A measure as a PromQL expression. Each node's figures count alone, as in Gantry's own engine, by Prometheus' label
 * `instance`; shared ones count once. Where the engine reads 0 since a counter has no series yet, Prometheus has no
 * value.
 */
export function toPromQl(measure: Measure): string {
  switch (measure.kind) {
    case 'quantile':
      return quantile(measure);
    case 'ratio':
      return ratio(measure);
    case 'gauge':
      return gauge(measure);
    case 'scrape':
      return `up{job=${JSON.stringify(measure.job)}}`;
  }
}

/** The condition of a rule: it has a value while the measure is on the wrong side of the threshold. */
export const conditionOf = ({ measure, comparison, threshold }: AlertRule): string =>
  `(${toPromQl(measure)}) ${comparison === 'above' ? '>' : '<'} ${threshold}`;

function quantile({ histogram, quantile: q, windowSeconds, atLeast }: QuantileMeasure): string {
  const over = `[${windowSeconds}s]`;
  return (
    `histogram_quantile(${q}, sum by (instance, le) (rate(${histogram}_bucket${over}))) ` +
    `and sum by (instance) (increase(${histogram}_count${over})) >= ${atLeast}`
  );
}

function ratio({ part, whole, windowSeconds, atLeast, by }: RatioMeasure): string {
  const sum = ({ counter, where }: RatioMeasure['part']): string =>
    `sum by (${['instance', ...by].join(', ')}) (increase(${counter}${selector(where)}[${windowSeconds}s]))`;
  return `${sum(part)} / ${sum(whole)} and ${sum(whole)} >= ${atLeast}`;
}

function gauge({ fold, gauge: name, where, by, shared }: GaugeMeasure): string {
  const labels = [...(shared ? [] : ['instance']), ...by];
  return `${fold}${labels.length === 0 ? '' : ` by (${labels.join(', ')})`} (${name}${selector(where)})`;
}

function selector(where: LabelFilter = {}): string {
  const parts = Object.entries(where).map(([label, values = []]) =>
    values.length === 1
      ? `${label}=${JSON.stringify(values[0])}`
      : `${label}=~${JSON.stringify(values.map(literal).join('|'))}`,
  );
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** As a regular expression that matches nothing else. */
const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&');
