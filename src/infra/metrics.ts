import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { MetricLabels, MetricSink } from '../runtime/metric-sink.ts';
import { within } from '../runtime/time-limit.ts';
import { type LabelLimit, labelLimit } from './metric-labels.ts';
import { type LabelsOf, type MetricName, type MetricRecorder, METRICS, type NameOf } from './metric-table.ts';

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

/** The Prometheus metrics of this process. No method but `render` waits, none throws. */
export interface Metrics extends MetricRecorder {
  /** Takes the recordings of actors in all threads, for `startSystem`. Wrong names, labels and values are logged. */
  readonly sink: MetricSink;
  /** Shows exactly these series of a metric, e.g. totals that are kept elsewhere; all others of it are forgotten. */
  replace<N extends NameOf<'counter' | 'gauge'>>(name: N, series: Iterable<Series<N>>): void;

  /** Shows the state of a key in all its series. */
  apiKey(keyId: string, status: KeyStatus): void;
  forgetKey(keyId: string): void;

  /**
   * Runs `source` before every scrape, to set gauges. One that fails or takes over 2 s leaves its old figures, is
   * logged and counted in `scrape_errors_total`.
   */
  beforeScrape(name: string, source: () => void | Promise<void>): void;
  render(): Promise<string>;
  readonly contentType: string;
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

/**
 * Labels whose values come from outside, with the limit that each counts towards. The values of all others are fixed.
 */
const LIMITED: ReadonlyMap<string, string> = new Map([
  ['camera_id', 'camera'],
  ['model_type', 'model'],
  ['key', 'key'],
  ['key_id', 'key'],
  ['consumer', 'consumer'],
  ['group', 'circuit'],
  ['queue', 'queue'],
]);

class PrometheusMetrics implements Metrics {
  readonly #log: ActorLog;
  readonly #registry = new Registry();
  readonly #limit: LabelLimit;
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #sources = new Map<string, () => void | Promise<void>>();
  readonly sink: MetricSink;
  readonly contentType: string;

  constructor(options: MetricsOptions) {
    this.#log = options.log;
    this.#limit = labelLimit(options.maxLabelValues ?? 1_000);
    this.contentType = this.#registry.contentType;
    if (options.process ?? true) collectDefaultMetrics({ register: this.#registry });
    const registers = [this.#registry];
    for (const [name, spec] of Object.entries(METRICS)) {
      const config = { name, help: spec.help, labelNames: [...spec.labels], registers };
      if (spec.kind === 'counter') this.#counters.set(name, new Counter(config));
      else if (spec.kind === 'gauge') this.#gauges.set(name, new Gauge(config));
      else this.#histograms.set(name, new Histogram({ ...config, buckets: [...spec.buckets] }));
    }
    this.sink = {
      inc: (name, by, labels) => this.#record(this.#counters, name, by, (each) => each.inc(this.#limited(labels), by)),
      set: (name, to, labels) => this.#record(this.#gauges, name, to, (each) => each.set(this.#limited(labels), to)),
      observe: (name, seen) => this.#record(this.#histograms, name, seen, (each) => each.observe(Math.max(0, seen))),
    };
  }

  inc: MetricRecorder['inc'] = (name, by, ...labels) => this.sink.inc(name, by, ...labels);
  set: MetricRecorder['set'] = (name, value, ...labels) => this.sink.set(name, value, ...labels);
  observe: MetricRecorder['observe'] = (name, value) => this.sink.observe(name, value);

  replace<N extends NameOf<'counter' | 'gauge'>>(name: N, series: Iterable<Series<N>>): void {
    const target = this.#counters.get(name) ?? this.#gauges.get(name);
    target?.reset();
    // A series that several values fall into, as `other`, is their sum.
    for (const [labels, value] of series) target?.inc(this.#limited(labels), value);
  }

  apiKey(keyId: string, status: KeyStatus): void {
    for (const each of KEY_STATUSES)
      this.set('api_key_status', each === status ? 1 : 0, { key_id: keyId, status: each });
  }

  forgetKey(keyId: string): void {
    for (const status of KEY_STATUSES) this.#gauges.get('api_key_status')?.remove({ key_id: keyId, status });
    this.#limit.forget('key', keyId);
  }

  beforeScrape(name: string, source: () => void | Promise<void>): void {
    this.#sources.set(name, source);
  }

  async render(): Promise<string> {
    await Promise.all([...this.#sources].map(([name, source]) => this.#run(name, source)));
    return this.#registry.metrics();
  }

  async #run(name: string, source: () => void | Promise<void>): Promise<void> {
    try {
      await within(systemClock, Promise.resolve().then(source), SCRAPE_TIMEOUT_MS);
    } catch (thrown) {
      const { message } = asError(thrown);
      this.inc('scrape_errors_total', 1, { source: name });
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
    for (const [label, value] of Object.entries(labels)) {
      const limit = LIMITED.get(label);
      limited[label] = limit === undefined ? value : this.#limit(limit, value);
    }
    return limited;
  }
}
