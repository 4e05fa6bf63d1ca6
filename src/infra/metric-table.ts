/** Every metric of Gantry. Operators' dashboards and alert rules depend on these names, labels and buckets. */

const counter = <const L extends readonly string[]>(help: string, ...labels: L) =>
  ({ kind: 'counter', help, labels }) as const;
const gauge = <const L extends readonly string[]>(help: string, ...labels: L) =>
  ({ kind: 'gauge', help, labels }) as const;
const histogram = (help: string, buckets: readonly number[]) =>
  ({ kind: 'histogram', help, labels: [], buckets, traced: false }) as const;
/** Each bucket keeps the trace id of its newest value as an exemplar, which OpenMetrics shows. */
const traced = (help: string, buckets: readonly number[]) =>
  ({ kind: 'histogram', help, labels: [], buckets, traced: true }) as const;

export const METRICS = {
  detection_total: counter('Analysed frames', 'camera_id', 'model_type'),
  detection_latency_seconds: traced(
    "From a frame's arrival to the end of grouping",
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  ),
  inference_skipped_total: counter('Frames that the detector was spared, as nothing moved in them', 'camera_id'),
  detected_objects_total: counter('Road users and fixtures found in analysed frames', 'camera_id', 'class_name'),
  traffic_groups_total: counter('Groups of road users in analysed frames', 'camera_id'),
  incidents_total: counter('Incidents found', 'kind', 'severity'),
  llm_calls_total: counter('Calls to the vision-language model', 'status'),
  llm_requests_total: counter('The same calls, by model and key', 'model', 'api_key_id', 'status'),
  llm_latency_seconds: traced('Duration of one call to the model', [0.25, 0.5, 1, 2, 5, 10, 20, 35]),
  call_send_delay_seconds: histogram(
    'From the lease of a key to its request being written',
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  ),
  llm_tokens_total: counter('Tokens of calls to the model, as the provider counts them', 'key', 'kind'),
  llm_cost_total: counter('Cost of calls to the model, by the prices of the key file', 'key'),
  llm_token_usage_total: counter(
    'Tokens as in llm_tokens_total, by model; prompt and completion',
    'model',
    'token_type',
  ),
  llm_concurrent_tasks: gauge('Tasks that this scheduler assesses now', 'scheduler_id'),
  tasks_generated_total: counter('Tasks put on the bus', 'camera_id'),
  tasks_processed_total: counter('Tasks answered: with a level, or not', 'status'),
  task_queue_size: gauge('Tasks that wait, on the bus by priority and in this scheduler', 'queue_type'),
  questions_carried_total: counter("Questions not asked, because the model's last answer about the group still holds"),
  assessments_total: counter('Assessments, by who answered', 'outcome'),
  assessments_disputed_total: counter('Answers of the model that do not count against what was measured'),
  rules_answers_total: counter('Answers by rules and not by the model, by the reason', 'reason'),
  questions_total: counter('Questions about groups: put to the model, superseded, or without budget', 'outcome'),
  shadow_calls_total: counter(
    'Questions for a release in the shadow: answered, failed, left out for its budget, or as calls were busy',
    'outcome',
  ),
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
  end_to_end_latency_seconds: traced(
    "From a frame's arrival to the first push of its aggregate",
    [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 10, 35],
  ),
  verdict_age_seconds: traced(
    "Age of the frame when the model's verdict about it was published",
    [0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 5, 10, 35],
  ),
  verdicts_total: counter("The model's verdicts that were published about their own frame"),
  verdicts_late_total: counter('Of those, the ones after the freshness limit of their camera'),
  risk_alerts_total: counter('Alerts raised', 'camera_id', 'risk_level'),
  risk_types_detected_total: counter("Kinds of risk in the model's verdicts, in its own words", 'risk_type'),
  redis_push_seconds: histogram(
    'From NATS having an aggregate to Redis having pushed it',
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 1, 10],
  ),
  lock_wait_seconds: histogram('Wait for a lock that one process at a time holds', [0.001, 0.01, 0.1, 0.5, 1, 5, 10]),
  lock_failures_total: counter('Locks that could not be kept'),
  nats_consumer_lag: gauge('Messages a durable consumer has not had yet', 'consumer'),
  nats_messages_sent_total: counter('Messages given to NATS, by the first word of their subject', 'topic'),
  nats_messages_received_total: counter('Messages taken from NATS, by the first word of their subject', 'topic'),
  nats_send_errors_total: counter('Messages that NATS did not take', 'topic'),
  nats_up: gauge('1 while this node reaches NATS, else 0'),
  redis_up: gauge('1 while Redis takes writes of this node, else 0; absent where Redis is off'),
  nats_stream_bytes: gauge('Bytes that a stream holds', 'stream'),
  nats_stream_full_share: gauge('Those bytes as a part of the most it may hold, 0 to 1', 'stream'),
  api_key_status: gauge('1 for the state a key is in, 0 for the others', 'key_id', 'status'),
  api_key_pool_size: gauge('Keys of the pool', 'pool_id'),
  api_key_success_rate: gauge('Part of the calls of a key that succeeded, 0 to 1; 1 before the first', 'key_id'),
  api_key_total_calls: gauge('Calls of a key since the start', 'key_id'),
  api_key_cooldown_seconds: gauge('Seconds until a cooling key may be used again; 0 for others', 'key_id'),
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
  incidents_dropped_total: counter('Incidents, and alerts about them, forgotten because too many were remembered'),
  images_failed_total: counter('JPEGs that could not be encoded or stored'),
  pictures_made_total: counter('JPEGs made because somebody asked for them', 'kind'),
  pictures_missed_total: counter('JPEGs asked for that could not be made', 'reason'),
  picture_seconds: histogram(
    'From the request for a JPEG to its being stored',
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5],
  ),
  alarms_total: counter('Alarms made of alerts, for all cameras together', 'reason'),
  alarm_announcements_total: counter('Calls to the operators of all cameras'),
  alarm_incidents_folded_total: counter('Incidents that joined an alarm of many, by its reason', 'reason'),
  alarms_forgotten_total: counter('Alarms and members of alarms forgotten at a bound or by age'),
  alarm_scopes: gauge('Scopes that alarms are made for, beside that of all cameras'),
  alert_clips_total: counter('Clips of alerts, by how they ended', 'outcome'),
  alert_clip_store_bytes: gauge('Bytes of all clips of alerts in NATS'),
  alert_list_entries: gauge('Alerts in the list of this node'),
  alert_list_dropped_total: counter('Alerts that left the list at its bound'),
  alert_handlings: gauge('Alerts that somebody acknowledged or judged'),
  road_users_counted_total: counter(
    'Road users who crossed a counting line',
    'camera_id',
    'line',
    'direction',
    'class',
  ),
  lane_flow_per_hour: gauge(
    'Vehicles through the middle of a lane, in the newest finished minute',
    'camera_id',
    'lane',
  ),
  lane_speed_kmh: gauge('Mean of their speeds there; absent when none passed', 'camera_id', 'lane'),
  lane_occupancy: gauge('Share of that minute in which a vehicle was there', 'camera_id', 'lane'),
  lane_queue_metres: gauge('Longest queue in that minute', 'camera_id', 'lane'),
  cameras: gauge('Cameras by state', 'state'),
  active_cameras: gauge('Cameras that are online'),
  camera_up: gauge('1 while a camera is online, 0 while it is switched on and is not', 'camera_id'),
  camera_dark_seconds: gauge(
    "Seconds that a camera's next analysed picture is overdue; 0 while pictures come",
    'camera_id',
  ),
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
  burst_wishes_total: counter('Look-backs that cameras wished for', 'outcome'),
  burst_pictures_wanted_total: counter('Pictures of the look-backs that cameras wished for'),
  burst_pictures_total: counter('Pictures of look-backs', 'outcome'),
  shadow_pictures_total: counter(
    'Pictures of cameras where a release is in the shadow: judged by the candidate, or left out, by the reason',
    'outcome',
  ),
  release_detector_failures_total: counter('Detectors of releases that could not be had or loaded'),
  burst_pictures_analysed_total: counter('Pictures of look-backs that were analysed', 'camera_id'),
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
  users_known: gauge('Users who can sign in'),
  sessions_open: gauge('Sessions that have not ended, over all nodes'),
  logins_total: counter('Logins at this node, by how they ended', 'outcome'),
  audit_lost_total: counter('Entries of the audit that could not be stored', 'reason'),
  monitoring_alerts: gauge(
    'Alerts about this node and shared parts that fire and are not silenced',
    'rule',
    'severity',
  ),
  monitoring_series_dropped_total: counter('Readings of alert rules beyond the most that one rule follows', 'rule'),
  release_outcomes_dropped_total: counter('Outcomes that are missing in the figures of a release', 'reason'),
  release_pictures_total: counter('Pictures of alerts that only one way raised, by what became of them', 'outcome'),
  release_state: gauge('1 for the state a release is in, 0 for the others', 'release', 'state'),
  trace_spans_total: counter(
    'Spans of traces: exported, failed at their export, or dropped as too many waited',
    'outcome',
  ),
  scrape_errors_total: counter('Sources of figures that failed at a scrape', 'source'),
  metric_labels_dropped_total: counter('Recordings counted as other, for want of room for one more value', 'label'),
  pipeline_errors_total: counter('Errors of all stages together', 'error_type', 'component'),
  nodes_present: gauge('Nodes that answer, by role', 'role'),
  node_up: gauge('1 while a node answers, 0 for ten minutes after', 'node_id'),
  stage_cpu_seconds_total: counter('Processor time of the threads of a stage', 'stage'),
  processor_busy_share: gauge('Used part of the processors in the last 15 s, 0 to 1'),
  disk_free_bytes: gauge('Free bytes of the file system with the data folder'),
  disk_free_share: gauge('The same as a part of it, 0 to 1'),
  system_info: gauge('1, with what runs here', 'version', 'node_id', 'roles', 'node_version'),
};

type Table = typeof METRICS;
export type MetricName = keyof Table;
export type NameOf<Kind extends Table[MetricName]['kind']> = {
  [N in MetricName]: Table[N]['kind'] extends Kind ? N : never;
}[MetricName];
export type LabelsOf<N extends MetricName> = Readonly<Record<Table[N]['labels'][number], string>>;
export type LabelName = Table[MetricName]['labels'][number];
/** A histogram's exemplar as a last argument, where it has exemplars. */
type TraceArgument<N extends NameOf<'histogram'>> = Table[N]['traced'] extends true ? [traceId?: string] : [];
/** The labels as a last argument that a metric without labels does not take. */
type LabelArgument<N extends MetricName> = Table[N]['labels']['length'] extends 0 ? [] : [labels: LabelsOf<N>];

/** Records by the names and labels of the table. `ctx.metrics` of any actor is one. Never throws. */
export interface MetricRecorder {
  inc<N extends NameOf<'counter'>>(name: N, by: number, ...labels: LabelArgument<N>): void;
  set<N extends NameOf<'gauge'>>(name: N, value: number, ...labels: LabelArgument<N>): void;
  /** Below 0 counts as 0: the clocks of two machines may differ. */
  observe<N extends NameOf<'histogram'>>(name: N, value: number, ...trace: TraceArgument<N>): void;
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
