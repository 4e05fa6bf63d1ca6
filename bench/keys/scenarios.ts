/** One scenario: keys with their limits, and events during the run. */
export interface BenchKey {
  readonly name: string;
  readonly key: string;
  readonly qps: number;
  readonly rpm: number;
  readonly group?: string;
}

export interface Scenario {
  readonly name: string;
  readonly keys: readonly BenchKey[];
  readonly jitterMs?: number;
  /** Processes that share the keys over Redis. Default 1, without Redis. */
  readonly processes?: number;
  readonly event?: 'revoke' | 'storm';
  /**
   * Other programs keep every core busy, and the provider, at no higher priority, waits for one as well: the strictest
   * case, since then calls that have left are late, too. Answers take longer than a window, so that few calls have
   * theirs when the next ones are allowed.
   */
  readonly coresFull?: true;
  /** Seconds with `--quick`; default 6. Those compared run less long. */
  readonly quickSeconds?: number;
  /** Seconds without it; default 130. */
  readonly seconds?: number;
  /** How long answers take; default 80 ms, and 250 ms at P95. */
  readonly latency?: { readonly medianMs: number; readonly p95Ms: number };
  /** The guard while nothing is late, as the operator set it. */
  readonly guardMs: number;
}

const keys = (count: number, qps: number, rpm: number, groups = 0): readonly BenchKey[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `k${index + 1}`,
    key: `bench-secret-${index + 1}`,
    qps,
    rpm,
    ...(groups === 0 ? {} : { group: `g${(index % groups) + 1}` }),
  }));

const GUARD_MS = 50;
/** Calls answered 429 in the storm although the limits were kept. */
export const STORM_CALLS = 20;

export const SCENARIOS: readonly Scenario[] = [
  { name: '1 key, 5 QPS 300 RPM', keys: keys(1, 5, 300), quickSeconds: 9, guardMs: GUARD_MS },
  { name: '10 keys, 5 QPS 300 RPM', keys: keys(10, 5, 300), quickSeconds: 8, guardMs: GUARD_MS },
  { name: '10 keys in 3 quota groups', keys: keys(10, 5, 300, 3), guardMs: GUARD_MS },
  { name: 'RPM-bound, 10 QPS 60 RPM', keys: keys(4, 10, 60), guardMs: GUARD_MS },
  { name: 'jitter 0-200 ms', keys: keys(4, 5, 300), jitterMs: 200, guardMs: 200 },
  { name: '4 processes over Redis', keys: keys(10, 5, 300), processes: 4, quickSeconds: 8, guardMs: GUARD_MS },
  { name: 'one of ten keys revoked', keys: keys(10, 5, 300), event: 'revoke', quickSeconds: 8, guardMs: GUARD_MS },
  { name: '429 storm', keys: keys(10, 5, 300), event: 'storm', guardMs: GUARD_MS },
  {
    name: 'every core full',
    keys: [
      ...keys(2, 5, 300),
      ...keys(2, 10, 600).map((key) => ({ ...key, name: `${key.name}-fast`, key: `${key.key}-fast` })),
    ],
    latency: { medianMs: 1_000, p95Ms: 1_500 },
    coresFull: true,
    seconds: 180,
    quickSeconds: 5,
    guardMs: GUARD_MS,
  },
];

/** Argument of a caller process. */
export interface CallerOrder {
  readonly subject: string;
  readonly scenario: Scenario;
  readonly url: string;
  readonly model: string;
  readonly redisUrl: string | null;
  readonly node: string;
  readonly seconds: number;
}

/** Report of a caller process at its end. */
export interface CallerReport {
  readonly assessed: number;
  readonly unknown: number;
}
