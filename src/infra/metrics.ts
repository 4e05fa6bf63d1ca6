import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry, type RegistryContentType } from 'prom-client';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { MetricLabels, MetricSink } from '../runtime/metric-sink.ts';
import { within } from '../runtime/time-limit.ts';
import { LineLimit } from './line-limit.ts';
import { type LabelLimit, labelLimit } from './metric-labels.ts';
import type { MetricFormat } from './metric-format.ts';
import { OPEN_METRICS_TYPE, openMetricsText } from './open-metrics.ts';
import {
  type LabelName,
  type LabelsOf,
  type MetricName,
  type MetricRecorder,
  METRICS,
  type NameOf,
} from './metric-table.ts';

export const KEY_STATUSES = ['available', 'in_use', 'cooling', 'disabled'] as const;
export type KeyStatus = (typeof KEY_STATUSES)[number];
export const CIRCUIT_STATES = ['closed', 'open', 'half-open'] as const;
/** How a call to the model ended. */
export type LlmCallStatus =
  | 'success'
  | 'timeout'
  | 'rate_limited'
  | 'rejected'
  | 'provider_error'
  | 'unreadable'
  | 'content_refused';

type ByKind = Readonly<Record<string, number>>;

/** The live feed's figures, totals since the start unless said otherwise. */
export interface FeedFigures {
  readonly viewers: number;
  /** Aggregates that were given to the viewers. */
  readonly published: number;
  /** Of live video: viewers now, and times since the start that it was skipped for a slow one, by kind. */
  readonly live: { readonly viewers: ByKind; readonly skipped: ByKind };
  readonly droppedFrames: number;
  readonly refusedViewers: number;
  readonly closedSlow: number;
  /** Gaps that viewers were told of, and alerts sent again to viewers that came back. */
  readonly gaps: number;
  readonly replayed: number;
  /** As of now: viewers with messages waiting, and bytes that viewers have not taken yet. */
  readonly lagging: number;
  readonly bytesWaiting: number;
}

/** One series and its value. */
export type Series<N extends MetricName> = readonly [labels: LabelsOf<N>, value: number];

/** One series of a metric and its value, with labels as the registry has them. */
export interface MetricSeries {
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  readonly value: number;
}

/** The Prometheus metrics of this process. No method but `render` waits, none throws. */
export interface Metrics extends MetricRecorder {
  /** Takes the recordings of actors in all threads, for `startSystem`. Wrong names, labels and values are logged. */
  readonly sink: MetricSink;
  /** Shows exactly these series of a metric, e.g. totals that are kept elsewhere; all others of it are forgotten. */
  replace<N extends NameOf<'counter' | 'gauge'>>(name: N, series: Iterable<Series<N>>): void;

  /**
   * The sum of a metric's series, by the values of label `by` (default: all in one, under the empty name). `where`:
   * only series with these labels. Of a histogram: how many values it has taken. Sources of a scrape are not run.
   */
  totals(
    name: MetricName,
    only?: { readonly by?: string; readonly where?: MetricLabels },
  ): Promise<ReadonlyMap<string, number>>;

  /**
   * The series of these metrics as they stand, after the sources of a scrape were run: of a histogram, those of its
   * buckets with the label `le`. Names that are not known have none.
   */
  read<N extends string>(names: readonly N[]): Promise<ReadonlyMap<N, readonly MetricSeries[]>>;

  /** Shows the state of a key in all its series. */
  apiKey(keyId: string, status: KeyStatus): void;
  /** Removes all series of a key that is gone. Never rejects. */
  forgetKey(keyId: string): Promise<void>;
  /** Removes all series of a camera that is gone. Never rejects. */
  forgetCamera(cameraId: string): Promise<void>;

  /**
   * Runs `source` before every scrape, to set gauges. One that fails or takes over 2 s leaves its old figures, is
   * logged and counted in `scrape_errors_total`.
   */
  beforeScrape(name: string, source: () => void | Promise<void>): void;
  /** A scrape. Default format: Prometheus' own. */
  render(format?: MetricFormat): Promise<string>;
  contentType(format?: MetricFormat): string;
}

export interface MetricsOptions {
  readonly log: ActorLog;
  /** Distinct values one label may take; later ones are counted as `other`. Default 1,000. */
  readonly maxLabelValues?: number;
  /** Adds the process's own figures (memory, event loop, garbage collection). Default true. */
  readonly process?: boolean;
}

/** Prometheus metrics on a registry of their own. */
export const createMetrics = (options: MetricsOptions): Metrics => new PrometheusMetrics(options);

const SCRAPE_TIMEOUT_MS = 2_000;
const LOG_EVERY_MS = 60_000;
/** Gauges whose 0 means that something is wrong, which nobody has found yet. */
const ABSENT_UNTIL_SET = [
  'nats_up',
  'redis_up',
  'disk_free_bytes',
  'disk_free_share',
] as const satisfies readonly MetricName[];

/** Takes a value of a histogram, with the id of its trace where there is one. */
type Observe = (value: number, traceId?: string) => void;

class PrometheusMetrics implements Metrics {
  readonly #log: ActorLog;
  readonly #registry = new Registry<RegistryContentType>();
  readonly #limit: LabelLimit;
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Observe>();
  readonly #sources = new Map<string, () => void | Promise<void>>();
  readonly #lines = new Map<string, LineLimit>();
  #running: Promise<unknown> | null = null;
  readonly sink: MetricSink;

  constructor(options: MetricsOptions) {
    this.#log = options.log;
    this.#limit = labelLimit(options.maxLabelValues ?? Number.POSITIVE_INFINITY, (label) =>
      this.inc('metric_labels_dropped_total', 1, { label }),
    );
    if (options.process ?? true) collectDefaultMetrics({ register: this.#registry });
    const registers = [this.#registry];
    // A registry of the other format takes no metrics with exemplars, though it writes them well, without these.
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const [name, spec] of Object.entries(METRICS)) {
      const config = { name, help: spec.help, labelNames: [...spec.labels], registers };
      if (spec.kind === 'counter') this.#counters.set(name, new Counter(config));
      else if (spec.kind === 'gauge') this.#gauges.set(name, new Gauge(config));
      else this.#histograms.set(name, observerOf(config, spec));
    }
    // The library shows a gauge without labels as 0 from the beginning.
    for (const name of ABSENT_UNTIL_SET) this.#gauges.get(name)?.remove();
    this.#registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
    this.sink = {
      inc: (name, by, labels) => this.#record(this.#counters, name, by, (each) => each.inc(this.#limited(labels), by)),
      set: (name, to, labels) => this.#record(this.#gauges, name, to, (each) => each.set(this.#limited(labels), to)),
      observe: (name, seen, traceId) =>
        this.#record(this.#histograms, name, seen, (observe) => observe(Math.max(0, seen), traceId)),
    };
  }

  inc: MetricRecorder['inc'] = (name, by, ...labels) => this.sink.inc(name, by, ...labels);
  set: MetricRecorder['set'] = (name, value, ...labels) => this.sink.set(name, value, ...labels);
  observe: MetricRecorder['observe'] = (name, value, ...trace) => this.sink.observe(name, value, ...trace);

  replace<N extends NameOf<'counter' | 'gauge'>>(name: N, series: Iterable<Series<N>>): void {
    const target = this.#counters.get(name) ?? this.#gauges.get(name);
    target?.reset();
    // A series that several values fall into, as `other`, is their sum.
    for (const [labels, value] of series) target?.inc(this.#limited(labels), value);
  }

  async totals(
    name: MetricName,
    { by, where = {} }: { readonly by?: string; readonly where?: MetricLabels } = {},
  ): Promise<ReadonlyMap<string, number>> {
    const sums = new Map<string, number>();
    const metric = await this.#registry.getSingleMetric(name)?.get();
    for (const { labels, value, ...rest } of metric?.values ?? []) {
      // A histogram has a series for each of its buckets too.
      if ('metricName' in rest && METRICS[name].kind === 'histogram' && rest.metricName !== `${name}_count`) continue;
      if (Object.entries(where).some(([label, wanted]) => Reflect.get(labels, label) !== wanted)) continue;
      const key = by === undefined ? '' : String(Reflect.get(labels, by));
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    return sums;
  }

  apiKey(keyId: string, status: KeyStatus): void {
    for (const each of KEY_STATUSES)
      this.set('api_key_status', each === status ? 1 : 0, { key_id: keyId, status: each });
  }

  async forgetKey(keyId: string): Promise<void> {
    await this.#forget(['key_id', 'api_key_id', 'key'], keyId);
  }

  async forgetCamera(cameraId: string): Promise<void> {
    await this.#forget(['camera_id'], cameraId);
  }

  /** Removes every series with that value of one of these labels, which share a bound, and frees its place. */
  async #forget(labels: readonly [LabelName, ...LabelName[]], value: string): Promise<void> {
    for (const [name, spec] of Object.entries(METRICS)) {
      const metric = this.#counters.get(name) ?? this.#gauges.get(name);
      const label = spec.labels.find((each) => labels.includes(each));
      if (metric === undefined || label === undefined) continue;
      for (const each of (await metric.get()).values) if (each.labels[label] === value) metric.remove(each.labels);
    }
    this.#limit.forget(labels[0], value);
  }

  beforeScrape(name: string, source: () => void | Promise<void>): void {
    this.#sources.set(name, source);
  }

  async render(format: MetricFormat = 'prometheus'): Promise<string> {
    await this.#runSources();
    return format === 'prometheus'
      ? this.#registry.metrics()
      : openMetricsText(await this.#registry.getMetricsAsJSON());
  }

  contentType(format: MetricFormat = 'prometheus'): string {
    return format === 'prometheus' ? this.#registry.contentType : OPEN_METRICS_TYPE;
  }

  async read<N extends string>(names: readonly N[]): Promise<ReadonlyMap<N, readonly MetricSeries[]>> {
    await this.#runSources();
    const found = new Map<N, readonly MetricSeries[]>();
    for (const name of new Set(names)) {
      const metric = await this.#registry.getSingleMetric(name)?.get();
      found.set(name, metric?.values ?? []);
    }
    return found;
  }

  /** A scrape and the alert rules often come at the same moment: they share one run. */
  async #runSources(): Promise<void> {
    this.#running ??= Promise.all([...this.#sources].map(([name, source]) => this.#run(name, source))).finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  async #run(name: string, source: () => void | Promise<void>): Promise<void> {
    try {
      await within(systemClock, Promise.resolve().then(source), SCRAPE_TIMEOUT_MS);
    } catch (thrown) {
      const { message } = asError(thrown);
      this.inc('scrape_errors_total', 1, { source: name });
      // Alert rules read every few seconds, so that an outage would fill the log.
      let lines = this.#lines.get(name);
      if (lines === undefined) this.#lines.set(name, (lines = new LineLimit(LOG_EVERY_MS)));
      if (!lines.mayLog()) return;
      this.#log.warn(
        { source: name, error: message },
        `metrics: the figures of ${name} are old, it failed: ${message}`,
      );
    }
  }

  /** Records in the metric of that name. A wrong name, label or value must not end an actor: it is logged. */
  #record<T>(metrics: ReadonlyMap<string, T>, name: string, value: number, record: (metric: T) => void): void {
    try {
      const metric = metrics.get(name);
      if (metric === undefined) throw new TypeError('there is no metric of this name and kind');
      // The library would let NaN into a counter, which then stays NaN.
      if (!Number.isFinite(value)) throw new TypeError(`${value} is not a number that can be recorded`);
      record(metric);
    } catch (thrown) {
      const { message } = asError(thrown);
      this.#log.error({ metric: name, err: asError(thrown) }, `"${name}" could not be recorded: ${message}`);
    }
  }

  #limited(labels: MetricLabels = {}): Record<string, string> {
    const limited: Record<string, string> = {};
    for (const [label, value] of Object.entries(labels)) limited[label] = this.#limit(label, value);
    return limited;
  }
}

/** With exemplars the library takes values another way than without. */
function observerOf(
  config: { readonly name: string; readonly help: string; readonly registers: Registry<RegistryContentType>[] },
  { buckets, traced }: (typeof METRICS)[NameOf<'histogram'>],
): Observe {
  const histogram = new Histogram({ ...config, buckets: [...buckets], enableExemplars: traced });
  if (!traced) return (value) => histogram.observe(value);
  return (value, traceId) =>
    histogram.observe({
      labels: {},
      value,
      ...(traceId === undefined ? {} : { exemplarLabels: { trace_id: traceId } }),
    });
}
