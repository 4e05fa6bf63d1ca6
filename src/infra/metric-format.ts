/** The two text formats of a scrape: Prometheus' own, and OpenMetrics, which also carries exemplars. */
export type MetricFormat = 'prometheus' | 'openmetrics';

const OPEN_METRICS = 'application/openmetrics-text';
/** The version that is written. One without a version is taken as this one. */
const VERSION = '1.0.0';
/** More entries than any client sends; the ones after them are not read. */
const MOST_ENTRIES = 50;

/**
 * The format for a request, from its header `Accept`: OpenMetrics 1.0.0 when it is asked for by name and not less
 * wanted than text, else Prometheus' own.
 */
export function metricFormat(accept: string | undefined): MetricFormat {
  let [open, text, any] = [0, null as number | null, 0];
  for (const entry of (accept ?? '').split(',', MOST_ENTRIES)) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    const named = new Map(parameters.map((each) => pairOf(each)));
    const wanted = weight(named.get('q'));
    if (type === OPEN_METRICS && (named.get('version') ?? VERSION) === VERSION) open = Math.max(open, wanted);
    else if (type === 'text/plain') text = Math.max(text ?? 0, wanted);
    else if (type === 'text/*' || type === '*/*') any = Math.max(any, wanted);
  }
  return open > 0 && open >= (text ?? any) ? 'openmetrics' : 'prometheus';
}

function pairOf(parameter: string): readonly [name: string, value: string] {
  const at = parameter.indexOf('=');
  return at < 0
    ? [parameter, '']
    : [
        parameter.slice(0, at).trim(),
        parameter
          .slice(at + 1)
          .replaceAll('"', '')
          .trim(),
      ];
}

/** 0 to 1; one that cannot be read counts as 0. */
function weight(q: string | undefined): number {
  if (q === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/u.test(q) ? Number(q) : 0;
}
