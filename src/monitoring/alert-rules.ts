/**
 * The rules by which Gantry itself is watched: the one list that Gantry's own engine and Prometheus' rules are made
 * from.
 */
import { gaugeOf, type Measure, quantileOf, ratioOf, sumOf } from './measure.ts';

export const SEVERITIES = ['warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Unit of a rule's readings and threshold: `share` is 0 to 1. */
export type AlertUnit = 'seconds' | 'share' | 'messages' | 'keys' | 'bytes' | 'state';

export interface AlertRule {
  readonly name: string;
  readonly severity: Severity;
  readonly measure: Measure;
  readonly comparison: 'above' | 'below';
  readonly threshold: number;
  /** How long the reading must have been on the wrong side before the rule fires. */
  readonly forSeconds: number;
  /** The reading must be at or beyond this, on the right side, to count as well again. */
  readonly clearThreshold: number;
  /** How long it must be well again before the alert ends. */
  readonly clearSeconds: number;
  readonly unit: AlertUnit;
  /** One sentence without a full stop. */
  readonly summary: string;
  /** The operator's next step. */
  readonly runbook: string;
  /** Only Prometheus can evaluate it. */
  readonly prometheusOnly: boolean;
}

const FIVE_MINUTES = { windowSeconds: 300 } as const;
const GB = 1_000_000_000;
/** Ends of calls that are the provider's, the key's or the network's fault, not the picture's. */
const FAILED_CALLS = ['timeout', 'rate_limited', 'rejected', 'provider_error', 'unreadable'] as const;

type Given = Omit<AlertRule, 'name' | 'clearThreshold' | 'clearSeconds' | 'prometheusOnly'> &
  Partial<Pick<AlertRule, 'clearThreshold' | 'clearSeconds' | 'prometheusOnly'>>;

const rule = (name: string, given: Given): AlertRule => ({
  ...given,
  name,
  clearThreshold: given.clearThreshold ?? given.threshold,
  clearSeconds: given.clearSeconds ?? 60,
  prometheusOnly: given.prometheusOnly ?? false,
});

const endToEnd = quantileOf('end_to_end_latency_seconds', 0.95, { ...FIVE_MINUTES, atLeast: 20 });
const lag = gaugeOf('max', 'nats_consumer_lag', { by: ['consumer'], shared: true });
const free = gaugeOf('min', 'disk_free_share');

export const ALERT_RULES: readonly AlertRule[] = [
  rule('end_to_end_latency', {
    severity: 'warning',
    measure: endToEnd,
    comparison: 'above',
    threshold: 2.5,
    clearThreshold: 2,
    forSeconds: 300,
    unit: 'seconds',
    summary: 'One frame in twenty takes longer than the threshold from its arrival to the screen',
    runbook: 'See System, Work: the stage with the longest queue is the slow one; fewer pictures a second help at once',
  }),
  rule('end_to_end_latency_critical', {
    severity: 'critical',
    measure: endToEnd,
    comparison: 'above',
    threshold: 5,
    clearThreshold: 4,
    forSeconds: 120,
    unit: 'seconds',
    summary: 'One frame in twenty takes far too long from its arrival to the screen',
    runbook: 'See System, Work: the stage with the longest queue is the slow one; fewer pictures a second help at once',
  }),
  rule('model_error_rate', {
    severity: 'critical',
    measure: ratioOf(sumOf('llm_calls_total', { status: FAILED_CALLS }), sumOf('llm_calls_total'), {
      ...FIVE_MINUTES,
      atLeast: 20,
    }),
    comparison: 'above',
    threshold: 0.05,
    clearThreshold: 0.03,
    forSeconds: 300,
    unit: 'share',
    summary: 'Too many calls to the model fail',
    runbook: 'See Keys for the last failure of each key; rules assess the groups meanwhile',
  }),
  rule('consumer_lag', {
    severity: 'warning',
    measure: lag,
    comparison: 'above',
    threshold: 1_000,
    clearThreshold: 500,
    forSeconds: 60,
    unit: 'messages',
    summary: 'Messages pile up before a consumer',
    runbook: 'See System, Work, and whether the process of that stage runs; start another node of its role',
  }),
  rule('consumer_lag_critical', {
    severity: 'critical',
    measure: lag,
    comparison: 'above',
    threshold: 5_000,
    clearThreshold: 2_500,
    forSeconds: 60,
    unit: 'messages',
    summary: 'So many messages wait before a consumer that old ones will be lost at the bound of their stream',
    runbook: 'Start another node of that role, or take cameras off until the queue is empty',
  }),
  rule('key_failure_rate', {
    severity: 'warning',
    measure: ratioOf(sumOf('llm_requests_total', { status: FAILED_CALLS }), sumOf('llm_requests_total'), {
      ...FIVE_MINUTES,
      atLeast: 10,
      by: ['api_key_id'],
    }),
    comparison: 'above',
    threshold: 0.2,
    clearThreshold: 0.1,
    forSeconds: 60,
    unit: 'share',
    summary: 'Too many calls with a key fail',
    runbook: 'See Keys for its last failure; replace the key, or take it out of use',
  }),
  rule('keys_failure_rate', {
    severity: 'critical',
    measure: ratioOf(sumOf('llm_requests_total', { status: FAILED_CALLS }), sumOf('llm_requests_total'), {
      ...FIVE_MINUTES,
      atLeast: 20,
    }),
    comparison: 'above',
    threshold: 0.2,
    clearThreshold: 0.1,
    forSeconds: 60,
    unit: 'share',
    summary: 'Too many calls with all keys together fail',
    runbook: "See the provider's own status page, then Keys for the last failures",
  }),
  rule('available_keys', {
    severity: 'critical',
    measure: gaugeOf('sum', 'api_key_status', { where: { status: ['available', 'in_use'] } }),
    comparison: 'below',
    threshold: 2,
    forSeconds: 120,
    unit: 'keys',
    summary: 'Fewer keys can be used than it takes to bear the loss of one',
    runbook: 'Add a key, or see Keys for the reason why the others rest; with one key only, set the threshold to 1',
  }),
  rule('memory_usage', {
    severity: 'warning',
    measure: gaugeOf('max', 'process_resident_memory_bytes'),
    comparison: 'above',
    threshold: 8 * GB,
    clearThreshold: 7.5 * GB,
    forSeconds: 300,
    unit: 'bytes',
    summary: 'A process of Gantry holds much memory',
    runbook: 'Compare the number of its cameras with docs/performance.md; move some to another node',
  }),
  rule('cpu_usage', {
    severity: 'warning',
    measure: gaugeOf('max', 'processor_busy_share'),
    comparison: 'above',
    threshold: 0.8,
    clearThreshold: 0.7,
    forSeconds: 300,
    unit: 'share',
    summary: 'The processors of a node are nearly full',
    runbook: 'Fewer pictures a second, a smaller detector, or another node',
  }),
  rule('camera_dark', {
    severity: 'critical',
    measure: gaugeOf('max', 'camera_dark_seconds', { by: ['camera_id'] }),
    comparison: 'above',
    threshold: 60,
    clearThreshold: 10,
    forSeconds: 0,
    clearSeconds: 15,
    unit: 'seconds',
    summary: 'No picture of a camera is analysed',
    runbook: "See the camera's page for the reason: its network, its login, or its power",
  }),
  rule('freshness_missed', {
    severity: 'warning',
    measure: ratioOf(sumOf('verdicts_late_total'), sumOf('verdicts_total'), { ...FIVE_MINUTES, atLeast: 20 }),
    comparison: 'above',
    threshold: 0.1,
    clearThreshold: 0.05,
    forSeconds: 120,
    unit: 'share',
    summary: "Too many of the model's verdicts come after the freshness limit",
    runbook: 'See Budget: more keys, a faster model, or fewer cameras',
  }),
  rule('disk_nearly_full', {
    severity: 'warning',
    measure: free,
    comparison: 'below',
    threshold: 0.1,
    clearThreshold: 0.15,
    forSeconds: 60,
    unit: 'share',
    summary: 'Little room is left on the disk with the data folder',
    runbook: 'Free some, or set GANTRY_STREAMS_MB lower',
  }),
  rule('disk_full', {
    severity: 'critical',
    measure: free,
    comparison: 'below',
    threshold: 0.03,
    clearThreshold: 0.05,
    forSeconds: 0,
    unit: 'share',
    summary: 'Nearly no room is left on the disk with the data folder: NATS will soon take no more messages',
    runbook: 'Free some at once',
  }),
  rule('nats_away', {
    severity: 'critical',
    measure: gaugeOf('min', 'nats_up'),
    comparison: 'below',
    threshold: 1,
    forSeconds: 30,
    clearSeconds: 15,
    unit: 'state',
    summary: 'A node does not reach NATS: nothing is assessed there, or shown',
    runbook: 'See whether NATS runs and the network between; Gantry connects again by itself',
  }),
  rule('redis_away', {
    severity: 'warning',
    measure: gaugeOf('min', 'redis_up'),
    comparison: 'below',
    threshold: 1,
    forSeconds: 30,
    clearSeconds: 15,
    unit: 'state',
    summary: 'A node does not reach Redis, or it takes no writes: live push uses NATS',
    runbook: "See whether Redis runs and has room; Gantry's health says which it is",
  }),
  rule('node_away', {
    severity: 'critical',
    measure: gaugeOf('max', 'node_up', { by: ['node_id'], shared: true }),
    comparison: 'below',
    threshold: 1,
    forSeconds: 60,
    clearSeconds: 15,
    unit: 'state',
    summary: 'A node answers no more',
    runbook: 'See whether its process runs; after ten minutes it is forgotten, as one that was taken away on purpose',
  }),
  rule('not_scraped', {
    severity: 'critical',
    measure: { kind: 'scrape', job: 'gantry' },
    comparison: 'below',
    threshold: 1,
    forSeconds: 60,
    unit: 'state',
    summary: 'Prometheus does not reach a node of Gantry',
    runbook: 'See whether its process runs, and whether the token of the scrape is right',
    prometheusOnly: true,
  }),
];
