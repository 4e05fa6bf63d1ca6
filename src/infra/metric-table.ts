/** Every metric of Gantry. Operators' dashboards and alert rules depend on these names, labels and buckets. */

const counter = <const L extends readonly string[]>(help: string, ...labels: L) =>
  ({ kind: 'counter', help, labels }) as const;
const gauge = <const L extends readonly string[]>(help: string, ...labels: L) =>
  ({ kind: 'gauge', help, labels }) as const;
const histogram = (help: string, buckets: readonly number[]) =>
  ({ kind: 'histogram', help, labels: [], buckets }) as const;

export const METRICS = {
  detection_total: counter('Analysed frames', 'camera_id', 'model_type'),
  detection_latency_seconds: histogram(
    "From a frame's arrival to the end of grouping",
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  ),
  inference_skipped_total: counter('Frames that the detector was spared, as nothing moved in them', 'camera_id'),
  llm_calls_total: counter('Calls to the vision-language model', 'status'),
  llm_latency_seconds: histogram('Duration of one call to the model', [0.25, 0.5, 1, 2, 5, 10, 20, 35]),
  call_send_delay_seconds: histogram(
    'From the lease of a key to its request being written',
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  ),
  llm_tokens_total: counter('Tokens of calls to the model, as the provider counts them', 'key', 'kind'),
  llm_cost_total: counter('Cost of calls to the model, by the prices of the key file', 'key'),
  questions_carried_total: counter("Questions not asked, because the model's last answer about the group still holds"),
  assessments_total: counter('Assessments, by who answered', 'outcome'),
  assessments_disputed_total: counter('Levels of the model more than one step below the measured one'),
  rules_answers_total: counter('Answers by rules and not by the model, by the reason', 'reason'),
  questions_total: counter('Questions about groups: put to the model, superseded, or without budget', 'outcome'),
  budget_calls_allowed: gauge('Calls a minute that all keys together allow now; 0 while not known'),
  budget_calls_used_total: counter('Calls begun'),
  budget_calls_wasted_total: counter('Of those, the ones that brought no answer, or one that nobody waited for'),
  budget_price: gauge('Least value of a question that is worth a call now, 0 to 1; above 1 without calls to spend'),
  budget_short: gauge('1 while rules answer more than a fifth of the questions for want of calls'),
  budget_keys_needed: gauge(
    'Keys like the present ones that the questions of the last minute would take; 0: not known',
  ),
  shed_total: counter(
    'Detections and groups left out on purpose, least dangerous first',
    'camera_id',
    'what',
    'reason',
  ),
  end_to_end_latency_seconds: histogram(
    "From a frame's arrival to the first push of its aggregate",
    [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 10, 35],
  ),
  verdict_age_seconds: histogram(
    "Age of the frame when the model's verdict about it was published",
    [0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 5, 10, 35],
  ),
  redis_push_seconds: histogram(
    'From NATS having an aggregate to Redis having pushed it',
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 1, 10],
  ),
  lock_wait_seconds: histogram('Wait for a lock that one process at a time holds', [0.001, 0.01, 0.1, 0.5, 1, 5, 10]),
  lock_failures_total: counter('Locks that could not be kept'),
  nats_consumer_lag: gauge('Messages a durable consumer has not had yet', 'consumer'),
  api_key_status: gauge('1 for the state a key is in, 0 for the others', 'key_id', 'status'),
  provider_circuit_state: gauge('1 for the state the circuit of a provider is in, 0 for the others', 'group', 'state'),
  queue_depth: gauge('Waiting entries', 'queue'),
  queue_oldest_seconds: gauge('Age of the oldest waiting entry', 'queue'),
  llm_hedges_total: counter('Calls made a second time because the first took long'),
  llm_hedge_wins_total: counter('Of those, the ones that answered first'),
  mailbox_depth: gauge("Messages waiting in an actor's mailbox", 'actor'),
  mailbox_dropped_total: counter("Messages lost to a mailbox's bound", 'actor'),
  actor_restarts_total: counter('Restarts of an actor', 'actor'),
  actor_dead_letters_total: counter('Messages that reached no actor'),
  dead_letters_total: counter(
    'Messages of the bus that this node gave up, see npm run gantry -- dlq',
    'stream',
    'consumer',
  ),
  redis_failed_writes_total: counter('Writes that Redis did not take'),
  cache_dropped_total: counter('Detections and aggregates that were not cached: too much waited for Redis'),
  verdicts_dropped_total: counter('Verdicts about groups that were forgotten because too many groups were remembered'),
  images_failed_total: counter('JPEGs that could not be encoded or stored'),
  pictures_made_total: counter('JPEGs made because somebody asked for them', 'kind'),
  pictures_missed_total: counter('JPEGs asked for that could not be made', 'reason'),
  picture_seconds: histogram(
    'From the request for a JPEG to its being stored',
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5],
  ),
  alert_clips_total: counter('Clips of alerts, by how they ended', 'outcome'),
  alert_clip_store_bytes: gauge('Bytes of all clips of alerts in NATS'),
  cameras: gauge('Cameras by state', 'state'),
  camera_pictures_per_second: gauge(
    'Pictures that all cameras should analyse a second, and did in the last minute',
    'rate',
  ),
  ingest_streams: gauge('Cameras that are read, by the state of their stream', 'state'),
  ingest_bytes_total: counter('Bytes received from cameras'),
  ingest_packets_lost_total: counter('RTP packets that never arrived'),
  ingest_pictures_dropped_total: counter('pictures that came damaged, or without the keyframe that they need'),
  ingest_ring_bytes: gauge('Coded video of the last seconds that is kept, all cameras'),
  pictures_due_total: counter('Pictures of the regular interval that were due'),
  pictures_skipped_total: counter('Of those, the ones that did not come', 'reason'),
  burst_pictures_total: counter('Pictures of look-backs', 'outcome'),
  decoders_running: gauge('Decoders that run'),
  decoder_waiting: gauge('Jobs that wait for a decoder', 'urgency'),
  decoder_pictures_total: counter('Pictures decoded, and those that could not be', 'outcome'),
  decoder_deaths_total: counter('Decoders that ended unasked'),
  decoder_busy: gauge(
    "Used part of the decoders' time in the last 10 s, 0 to 1: all of it, and that of bursts",
    'share',
  ),
  feed_viewers: gauge('Open WebSockets', 'feed'),
  live_viewers: gauge('Viewers of live video, by the kind that they get', 'kind'),
  live_skipped_total: counter('Times that live video was skipped for a slow viewer', 'kind'),
  feed_dropped_total: counter('Messages skipped because a viewer was slow', 'kind'),
  http_refused_total: counter('Connections, requests and bodies refused or cut', 'reason'),
  feed_refused_total: counter('Viewers refused at the connection limit'),
  feed_closed_slow_total: counter('Viewers closed because they were too slow'),
  feed_gaps_total: counter('Gaps that viewers were told of'),
  feed_replayed_total: counter('Alerts sent again to viewers that came back'),
  feed_lagging_viewers: gauge('Viewers for whom something waits'),
  feed_waiting_bytes: gauge('Bytes that viewers have not taken yet'),
  scrape_errors_total: counter('Sources of figures that failed at a scrape', 'source'),
};

type Table = typeof METRICS;
export type MetricName = keyof Table;
export type NameOf<Kind extends Table[MetricName]['kind']> = {
  [N in MetricName]: Table[N]['kind'] extends Kind ? N : never;
}[MetricName];
export type LabelsOf<N extends MetricName> = Readonly<Record<Table[N]['labels'][number], string>>;
/** The labels as a last argument that a metric without labels does not take. */
type LabelArgument<N extends MetricName> = Table[N]['labels']['length'] extends 0 ? [] : [labels: LabelsOf<N>];

/** Records by the names and labels of the table. `ctx.metrics` of any actor is one. Never throws. */
export interface MetricRecorder {
  inc<N extends NameOf<'counter'>>(name: N, by: number, ...labels: LabelArgument<N>): void;
  set<N extends NameOf<'gauge'>>(name: N, value: number, ...labels: LabelArgument<N>): void;
  /** Below 0 counts as 0: the clocks of two machines may differ. */
  observe(name: NameOf<'histogram'>, value: number): void;
}

/** Feeds counters from totals that are kept elsewhere, where other threads add to the same counters. */
export class CounterTotals {
  readonly #metrics: Pick<MetricRecorder, 'inc'>;
  readonly #last = new Map<string, number>();

  constructor(metrics: Pick<MetricRecorder, 'inc'>) {
    this.#metrics = metrics;
  }

  /** Adds what `total` has grown by since the last call. */
  raise<N extends NameOf<'counter'>>(name: N, total: number, ...labels: LabelArgument<N>): void {
    const series = JSON.stringify([name, ...labels]);
    const by = total - (this.#last.get(series) ?? 0);
    this.#last.set(series, total);
    if (by > 0) this.#metrics.inc(name, by, ...labels);
  }
}
