import type { MetricLabels, MetricSink } from '../metric-sink.ts';

/** A worker's recordings since its last batch: sums of counters, last values of gauges, and every measurement. */
export interface MetricBatch {
  readonly counters: readonly MetricValue[];
  readonly gauges: readonly MetricValue[];
  readonly observations: readonly Observation[];
  /** Recordings left out because the batch was full. */
  readonly dropped: number;
}
export type MetricValue = readonly [name: string, value: number, labels?: MetricLabels];
export type Observation = readonly [name: string, value: number, traceId?: string];

/** Series of counters and of gauges, and measurements, that one batch holds; each of the three. */
const CAPACITY = 10_000;
const BATCH_MS = 1_000;

/** A worker's sink: gathers recordings and sends them as one batch a second after the first, or when told to. */
export class MetricBatcher implements MetricSink {
  readonly #send: (batch: MetricBatch) => void;
  #counters = new Map<string, MetricValue>();
  #gauges = new Map<string, MetricValue>();
  #observations: Observation[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (batch: MetricBatch) => void) {
    this.#send = send;
  }

  inc(name: string, by: number, labels?: MetricLabels): void {
    const key = seriesKey(name, labels);
    this.#put(this.#counters, key, value(name, (this.#counters.get(key)?.[1] ?? 0) + by, labels));
  }

  set(name: string, to: number, labels?: MetricLabels): void {
    this.#put(this.#gauges, seriesKey(name, labels), value(name, to, labels));
  }

  observe(name: string, measured: number, traceId?: string): void {
    if (this.#observations.length < CAPACITY)
      this.#observations.push(traceId === undefined ? [name, measured] : [name, measured, traceId]);
    else this.#dropped += 1;
    this.#arm();
  }

  /** Sends what there is, if anything. */
  flush(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    const batch: MetricBatch = {
      counters: [...this.#counters.values()],
      gauges: [...this.#gauges.values()],
      observations: this.#observations,
      dropped: this.#dropped,
    };
    this.#counters = new Map();
    this.#gauges = new Map();
    this.#observations = [];
    this.#dropped = 0;
    this.#send(batch);
  }

  #put(series: Map<string, MetricValue>, key: string, entry: MetricValue): void {
    if (series.size < CAPACITY || series.has(key)) series.set(key, entry);
    else this.#dropped += 1;
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS).unref();
  }
}

/** The host's side: hands a worker's batch on to the system's sink. */
export function recordBatch({ counters, gauges, observations }: MetricBatch, sink: MetricSink): void {
  for (const each of counters) sink.inc(...each);
  for (const each of gauges) sink.set(...each);
  for (const each of observations) sink.observe(...each);
}

const value = (name: string, amount: number, labels: MetricLabels | undefined): MetricValue =>
  labels === undefined ? [name, amount] : [name, amount, labels];
const seriesKey = (name: string, labels: MetricLabels | undefined): string =>
  labels === undefined ? name : JSON.stringify([name, labels]);
