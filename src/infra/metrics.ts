import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { CameraId } from '../messages/ids.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSnapshot, TreeSnapshot } from '../runtime/inspect.ts';
import { labelLimit } from './metric-labels.ts';

export const KEY_STATUSES = ['available', 'in_use', 'cooling', 'disabled'] as const;
export type KeyStatus = (typeof KEY_STATUSES)[number];
export const CIRCUIT_STATES = ['closed', 'open', 'half-open'] as const;
export type CircuitState = (typeof CIRCUIT_STATES)[number];
/** How a call to the model ended. */
export type LlmCallStatus =
  | 'success'
  | 'timeout'
  | 'rate_limited'
  | 'rejected'
  | 'provider_error'
  | 'unreadable'
  | 'content_refused';
/** How an assessment ended: judged by the model or by rules, or not at all. */
export type AssessmentOutcome = 'vlm' | 'rules' | 'unknown';

/** What was left out on purpose, and why: too much work for the keys, or NATS away for longer than the buffer lasts. */
export type ShedWhat = 'detection' | 'group';
export type ShedReason = 'overload' | 'nats-away';

/** The live feed's figures, totals since the start unless said otherwise. */
export interface FeedFigures {
  readonly viewers: number;
  readonly previewViewers: number;
  readonly droppedFrames: number;
  readonly refusedViewers: number;
  readonly closedSlow: number;
  /** Gaps that viewers were told of, and alerts sent again to viewers that came back. */
  readonly gaps: number;
  readonly replayed: number;
  /** As of now: viewers for whom something waits, and bytes that viewers have not taken yet. */
  readonly lagging: number;
  readonly bytesWaiting: number;
}

/** Records what happens; seconds are seconds, totals are since the start. No recorder throws. */
export interface Metrics {
  detection(cameraId: CameraId, modelType: string, latencySeconds: number): void;
  llmCall(status: LlmCallStatus, latencySeconds: number): void;
  /** Tokens and cost of one call. */
  llmUsage(keyId: string, promptTokens: number, completionTokens: number, cost: number): void;
  /** `disputed`: the model's level was more than one step below what was measured. Default false. */
  assessment(outcome: AssessmentOutcome, disputed?: boolean): void;
  /** Work that was left out on purpose. `count`: default 1. */
  shed(cameraId: CameraId, what: ShedWhat, reason: ShedReason, count?: number): void;
  /** From the frame's arrival to the push of its aggregate. */
  endToEnd(seconds: number): void;
  /** From NATS having an aggregate to Redis having pushed it. */
  redisPush(seconds: number): void;
  /** Detections and aggregates that were not cached: too much waited for Redis. */
  cacheDropped(count: number): void;
  lockWait(seconds: number): void;
  lockFailed(): void;
  imageFailed(): void;
  consumerLag(consumer: string, messages: number): void;
  apiKey(keyId: string, status: KeyStatus): void;
  forgetKey(keyId: string): void;
  /** State of each provider's circuit; those not named are forgotten. */
  circuits(states: readonly { readonly group: string; readonly state: CircuitState }[]): void;
  queueDepth(queue: string, messages: number): void;
  /** Age of the oldest entry that waits; 0 while none does. */
  queueAge(queue: string, seconds: number): void;
  /** Calls made a second time, and those of them that answered first; totals kept elsewhere. */
  hedges(total: number, wins: number): void;
  redisFailedWrites(total: number): void;
  camerasByState(counts: Readonly<Record<string, number>>): void;
  forgetCamera(cameraId: CameraId): void;
  tree(snapshot: TreeSnapshot): void;
  /** Messages that reached no actor. */
  deadLetters(total: number): void;
  /** Messages of the bus that were given up, by consumer. */
  buried(counts: readonly { readonly stream: string; readonly consumer: string; readonly total: number }[]): void;
  feed(figures: FeedFigures): void;
  /** Connections, requests and bodies that were refused, totals by reason. */
  httpRefused(totals: Readonly<Record<string, number>>): void;
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
  /** Distinct values one label may take; what comes after is counted as `other`. Default 1,000. */
  readonly maxLabelValues?: number;
  /** Adds the process's own figures (memory, event loop, garbage collection). Default true. */
  readonly process?: boolean;
}

const SCRAPE_TIMEOUT_MS = 2_000;

/** Prometheus metrics on a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registers = [new Registry()] as const;
  const registry = registers[0];
  const limit = labelLimit(options.maxLabelValues ?? 1_000);
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers: [...registers] });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers: [...registers] });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers: [...registers] });

  if (options.process ?? true) collectDefaultMetrics({ register: registry });
  const detections = counter('detection_total', 'Analysed frames', ['camera_id', 'model_type']);
  const detectionLatency = histogram(
    'detection_latency_seconds',
    "From a frame's arrival to the end of grouping",
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  );
  const llmCalls = counter('llm_calls_total', 'Calls to the vision-language model', ['status']);
  const llmLatency = histogram(
    'llm_latency_seconds',
    'Duration of one call to the model',
    [0.25, 0.5, 1, 2, 5, 10, 20, 35],
  );
  const llmTokens = counter('llm_tokens_total', 'Tokens of calls to the model, as the provider counts them', [
    'key',
    'kind',
  ]);
  const llmCost = counter('llm_cost_total', 'Cost of calls to the model, by the prices of the key file', ['key']);
  const assessments = counter('assessments_total', 'Answered assessments, by who judged', ['outcome']);
  const disputed = counter(
    'assessments_disputed_total',
    'Levels of the model more than one step below the measured one',
  );
  const shed = counter('shed_total', 'Detections and groups left out on purpose, least dangerous first', [
    'camera_id',
    'what',
    'reason',
  ]);
  const endToEnd = histogram(
    'end_to_end_latency_seconds',
    "From a frame's arrival to the push of its aggregate",
    [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 10, 35],
  );
  const redisPush = histogram(
    'redis_push_seconds',
    'From NATS having an aggregate to Redis having pushed it',
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 1, 10],
  );
  const lockWait = histogram(
    'lock_wait_seconds',
    'Wait for a lock that one process at a time holds',
    [0.001, 0.01, 0.1, 0.5, 1, 5, 10],
  );
  const lockFailures = counter('lock_failures_total', 'Locks that could not be kept');
  const lag = gauge('nats_consumer_lag', 'Messages a durable consumer has not had yet', ['consumer']);
  const keyStatus = gauge('api_key_status', '1 for the state a key is in, 0 for the others', ['key_id', 'status']);
  const circuitState = gauge(
    'provider_circuit_state',
    '1 for the state the circuit of a provider is in, 0 for the others',
    ['group', 'state'],
  );
  const queues = gauge('queue_depth', 'Waiting entries', ['queue']);
  const queueAges = gauge('queue_oldest_seconds', 'Age of the oldest waiting entry', ['queue']);
  const hedges = counter('llm_hedges_total', 'Calls made a second time because the first took long');
  const hedgeWins = counter('llm_hedge_wins_total', 'Of those, the ones that answered first');
  const mailboxes = gauge('mailbox_depth', "Messages waiting in an actor's mailbox", ['actor']);
  const mailboxDropped = counter('mailbox_dropped_total', "Messages lost to a mailbox's bound", ['actor']);
  const restarts = counter('actor_restarts_total', 'Restarts of an actor', ['actor']);
  const deadLetters = counter('actor_dead_letters_total', 'Messages that reached no actor');
  const buried = counter(
    'dead_letters_total',
    'Messages of the bus that this node gave up, see npm run gantry -- dlq',
    ['stream', 'consumer'],
  );
  const redisFailed = counter('redis_failed_writes_total', 'Writes that Redis did not take');
  const cacheDropped = counter(
    'cache_dropped_total',
    'Detections and aggregates that were not cached: too much waited for Redis',
  );
  const images = counter('images_failed_total', 'JPEGs that could not be stored');
  const cameras = gauge('cameras', 'Cameras by state', ['state']);
  const viewers = gauge('feed_viewers', 'Open WebSockets', ['feed']);
  const feedDropped = counter('feed_dropped_total', 'Messages skipped because a viewer was slow', ['kind']);
  const httpRefused = counter('http_refused_total', 'Connections, requests and bodies refused or cut', ['reason']);
  const feedRefused = counter('feed_refused_total', 'Viewers refused at the connection limit');
  const feedSlow = counter('feed_closed_slow_total', 'Viewers closed because they were too slow');
  const feedGaps = counter('feed_gaps_total', 'Gaps that viewers were told of');
  const feedReplayed = counter('feed_replayed_total', 'Alerts sent again to viewers that came back');
  const feedLagging = gauge('feed_lagging_viewers', 'Viewers for whom something waits');
  const feedWaiting = gauge('feed_waiting_bytes', 'Bytes that viewers have not taken yet');
  const scrapeErrors = counter('scrape_errors_total', 'Sources of figures that failed at a scrape', ['source']);

  const sources = new Map<string, () => void | Promise<void>>();
  const runSource = async (name: string, source: () => void | Promise<void>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${SCRAPE_TIMEOUT_MS} ms`)), SCRAPE_TIMEOUT_MS);
    });
    try {
      await Promise.race([Promise.resolve().then(source), late]);
    } catch (error) {
      scrapeErrors.inc({ source: name });
      options.log.warn(
        { source: name, error: asError(error).message },
        `metrics: the figures of ${name} are old, it failed: ${asError(error).message}`,
      );
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    detection: (cameraId, modelType, latencySeconds) => {
      detections.inc({ camera_id: limit('camera', cameraId), model_type: limit('model', modelType) });
      detectionLatency.observe(latencySeconds);
    },
    llmCall: (status, latencySeconds) => {
      llmCalls.inc({ status });
      llmLatency.observe(latencySeconds);
    },
    llmUsage: (keyId, promptTokens, completionTokens, cost) => {
      const key = limit('key', keyId);
      llmTokens.inc({ key, kind: 'prompt' }, promptTokens);
      llmTokens.inc({ key, kind: 'completion' }, completionTokens);
      llmCost.inc({ key }, cost);
    },
    assessment: (outcome, isDisputed = false) => {
      assessments.inc({ outcome });
      if (isDisputed) disputed.inc();
    },
    shed: (cameraId, what, reason, count = 1) =>
      shed.inc({ camera_id: limit('camera', cameraId), what, reason }, count),
    endToEnd: (seconds) => endToEnd.observe(Math.max(0, seconds)),
    redisPush: (seconds) => redisPush.observe(Math.max(0, seconds)),
    cacheDropped: (count) => cacheDropped.inc(count),
    lockWait: (seconds) => lockWait.observe(seconds),
    lockFailed: () => lockFailures.inc(),
    imageFailed: () => images.inc(),
    consumerLag: (consumer, messages) => lag.set({ consumer: limit('consumer', consumer) }, messages),
    apiKey: (keyId, status) => {
      const key_id = limit('key', keyId);
      for (const each of KEY_STATUSES) keyStatus.set({ key_id, status: each }, each === status ? 1 : 0);
    },
    forgetKey: (keyId) => {
      for (const status of KEY_STATUSES) keyStatus.remove({ key_id: keyId, status });
      limit.forget('key', keyId);
    },
    circuits: (states) => {
      circuitState.reset();
      for (const { group, state } of states)
        for (const each of CIRCUIT_STATES)
          circuitState.set({ group: limit('circuit', group), state: each }, each === state ? 1 : 0);
    },
    queueDepth: (queue, messages) => queues.set({ queue: limit('queue', queue) }, messages),
    queueAge: (queue, seconds) => queueAges.set({ queue: limit('queue', queue) }, seconds),
    hedges: (total, wins) => {
      mirror(hedges, total);
      mirror(hedgeWins, wins);
    },
    redisFailedWrites: (total) => mirror(redisFailed, total),
    camerasByState: (counts) => {
      cameras.reset();
      for (const [state, count] of Object.entries(counts)) cameras.set({ state }, count);
    },
    forgetCamera: (cameraId) => {
      for (const model of limit.known('model')) detections.remove({ camera_id: cameraId, model_type: model });
      for (const what of ['detection', 'group'] as const)
        for (const reason of ['overload', 'nats-away'] as const) shed.remove({ camera_id: cameraId, what, reason });
      limit.forget('camera', cameraId);
    },
    tree: (snapshot) => {
      mailboxes.reset();
      mailboxDropped.reset();
      restarts.reset();
      let count = 0;
      for (const actor of actorsOf(snapshot)) {
        // Actors come and go with their cameras, so their bound is on how many there are now.
        const label = { actor: (count += 1) > (options.maxLabelValues ?? 1_000) ? 'other' : actor.path };
        mailboxes.inc(label, actor.mailbox.depth);
        mailboxDropped.inc(label, actor.mailbox.dropped + actor.mailbox.refused);
        restarts.inc(label, actor.restarts);
      }
    },
    deadLetters: (total) => mirror(deadLetters, total),
    buried: (counts) => {
      buried.reset();
      for (const { stream, consumer, total } of counts) buried.inc({ stream, consumer }, total);
    },
    feed: (figures) => {
      viewers.set({ feed: 'live' }, figures.viewers);
      viewers.set({ feed: 'preview' }, figures.previewViewers);
      feedDropped.reset();
      feedDropped.inc({ kind: 'frame' }, figures.droppedFrames);
      mirror(feedRefused, figures.refusedViewers);
      mirror(feedSlow, figures.closedSlow);
      mirror(feedGaps, figures.gaps);
      mirror(feedReplayed, figures.replayed);
      feedLagging.set(figures.lagging);
      feedWaiting.set(figures.bytesWaiting);
    },
    httpRefused: (totals) => {
      httpRefused.reset();
      for (const [reason, total] of Object.entries(totals)) httpRefused.inc({ reason }, total);
    },
    beforeScrape: (name, source) => {
      sources.set(name, source);
    },
    render: async () => {
      await Promise.all([...sources].map(([name, source]) => runSource(name, source)));
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** Shows a total that is kept elsewhere. */
function mirror(target: Counter, total: number): void {
  target.reset();
  if (total > 0) target.inc(total);
}

function* actorsOf(node: TreeSnapshot): Generator<ActorSnapshot> {
  if (node.type === 'actor') yield node;
  else for (const child of node.children) yield* actorsOf(child);
}
