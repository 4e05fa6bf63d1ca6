/** The panels of the dashboard, row by row: the one list that `deploy/grafana/gantry.json` is made from. */
import type { NameOf } from '../infra/metric-table.ts';
import {
  gaugeNow,
  heatOf,
  keysByState,
  processNow,
  processorsUsed,
  quantileNow,
  rateOf,
  share,
} from './dashboard-queries.ts';

export interface Query {
  readonly expr: string;
  /** As Grafana writes it: `{{label}}` stands for a label's value. */
  readonly legend: string;
  /** Shows the traces of single values beside the line. */
  readonly exemplars?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly kind: 'lines' | 'areas' | 'numbers' | 'heat map';
  /** Grafana's id of a unit. */
  readonly unit: 'short' | 's' | 'percentunit' | 'bytes' | 'ops' | 'binBps' | 'cpm';
  readonly queries: readonly Query[];
  readonly description?: string;
  /** From here on the value is drawn in red. */
  readonly alarming?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const query = (expr: string, legend: string): Query => ({ expr, legend });
const lines = (title: string, unit: Panel['unit'], queries: readonly Query[], more: Partial<Panel> = {}): Panel => ({
  title,
  kind: 'lines',
  unit,
  queries,
  ...more,
});
const areas = (title: string, unit: Panel['unit'], ...queries: readonly Query[]): Panel =>
  lines(title, unit, queries, { kind: 'areas' });
const numbers = (title: string, unit: Panel['unit'], ...queries: readonly Query[]): Panel =>
  lines(title, unit, queries, { kind: 'numbers' });
const heatMap = (title: string, histogram: NameOf<'histogram'>): Panel =>
  lines(title, 's', [query(heatOf(histogram), '{{le}}')], { kind: 'heat map' });
const quantiles = (title: string, histogram: NameOf<'histogram'>, more: Partial<Panel> = {}): Panel =>
  lines(
    title,
    's',
    [0.5, 0.95, 0.99].map((quantile) => ({
      expr: quantileNow(quantile, histogram),
      legend: `P${quantile * 100}`,
      exemplars: quantile === 0.95,
    })),
    more,
  );

/** Every process shows the queues of the bus; each scheduler has its own others. */
const ON_THE_BUS = ['p1', 'p2', 'p3', 'p4', 'p5', 'questions'];
const IN_SCHEDULERS = ['ready', 'parked'];

const perMinute = (expr: string): string => `60 * ${expr}`;
const late = share(rateOf('verdicts_late_total'), rateOf('verdicts_total'));
const failedCalls = share(
  rateOf('llm_calls_total', {
    where: { status: ['timeout', 'rate_limited', 'rejected', 'provider_error', 'unreadable'] },
  }),
  rateOf('llm_calls_total'),
);

export const DASHBOARD: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      numbers(
        'Alerts about Gantry',
        'short',
        query(gaugeNow('max', 'monitoring_alerts', { by: ['rule'] }), '{{rule}}'),
      ),
      numbers(
        'Cameras and nodes',
        'short',
        query(gaugeNow('sum', 'active_cameras'), 'cameras online'),
        query(gaugeNow('max', 'nodes_present', { by: ['role'] }), '{{role}}'),
      ),
      numbers(
        'Reached',
        'short',
        query(gaugeNow('min', 'nats_up', { by: ['instance'] }), 'NATS from {{instance}}'),
        query(gaugeNow('min', 'redis_up', { by: ['instance'] }), 'Redis from {{instance}}'),
      ),
    ],
  },
  {
    title: 'NATS',
    panels: [
      lines(
        'Lag of consumers',
        'short',
        [query(gaugeNow('max', 'nats_consumer_lag', { by: ['consumer'] }), '{{consumer}}')],
        { alarming: 1_000 },
      ),
      lines('Messages', 'ops', [
        query(rateOf('nats_messages_sent_total', { by: ['topic'] }), '{{topic}} sent'),
        query(rateOf('nats_messages_received_total', { by: ['topic'] }), '{{topic}} received'),
      ]),
      lines('Errors', 'ops', [
        query(rateOf('nats_send_errors_total', { by: ['topic'] }), '{{topic}} not taken'),
        query(rateOf('dead_letters_total', { by: ['stream'] }), 'dead letters of {{stream}}'),
      ]),
      lines('Full part of each stream', 'percentunit', [
        query(gaugeNow('max', 'nats_stream_full_share', { by: ['stream'] }), '{{stream}}'),
      ]),
      areas(
        'Size of each stream',
        'bytes',
        query(gaugeNow('max', 'nats_stream_bytes', { by: ['stream'] }), '{{stream}}'),
      ),
      quantiles('From NATS to Redis', 'redis_push_seconds'),
    ],
  },
  {
    title: 'Key pool',
    panels: [
      areas('Keys by state', 'short', query(keysByState(), '{{status}}')),
      lines('Calls that succeed, by key', 'percentunit', [
        query(gaugeNow('min', 'api_key_success_rate', { by: ['key_id'] }), '{{key_id}}'),
      ]),
      lines('Rest of cooling keys', 's', [
        query(gaugeNow('max', 'api_key_cooldown_seconds', { by: ['key_id'] }), '{{key_id}}'),
      ]),
      lines('Calls a minute against the limits', 'cpm', [
        query(gaugeNow('max', 'budget_calls_allowed'), 'allowed'),
        query(perMinute(rateOf('budget_calls_used_total')), 'used'),
        query(perMinute(rateOf('budget_calls_wasted_total')), 'wasted'),
      ]),
      lines('Calls by how they end', 'ops', [query(rateOf('llm_calls_total', { by: ['status'] }), '{{status}}')]),
      lines('Circuits that are not closed', 'short', [
        query(
          gaugeNow('max', 'provider_circuit_state', {
            by: ['group', 'state'],
            where: { state: ['open', 'half-open'] },
          }),
          '{{group}} {{state}}',
        ),
      ]),
    ],
  },
  {
    title: 'Scheduler',
    panels: [
      lines('Tasks', 'ops', [
        query(rateOf('tasks_generated_total'), 'made'),
        query(rateOf('tasks_processed_total', { by: ['status'] }), 'answered: {{status}}'),
        query(rateOf('questions_total', { by: ['outcome'] }), 'questions: {{outcome}}'),
      ]),
      lines('Tasks that wait', 'short', [
        query(
          gaugeNow('max', 'task_queue_size', { by: ['queue_type'], where: { queue_type: ON_THE_BUS } }),
          '{{queue_type}}',
        ),
        query(
          gaugeNow('sum', 'task_queue_size', { by: ['queue_type'], where: { queue_type: IN_SCHEDULERS } }),
          '{{queue_type}}',
        ),
        query(gaugeNow('sum', 'llm_concurrent_tasks'), 'being assessed'),
      ]),
      quantiles("Provider's latency", 'llm_latency_seconds'),
      lines('Price of a call', 'short', [query(gaugeNow('max', 'budget_price'), 'least value of a question')], {
        description: 'A question of less value, 0 to 1, is left to rules.',
      }),
      lines('Keys', 'short', [
        query(gaugeNow('max', 'budget_keys_needed'), 'needed for all questions'),
        query(gaugeNow('max', 'budget_short'), '1: too few calls'),
      ]),
      lines('Answers by rules', 'ops', [query(rateOf('rules_answers_total', { by: ['reason'] }), '{{reason}}')]),
      lines('Tokens', 'ops', [
        query(rateOf('llm_token_usage_total', { by: ['model', 'token_type'] }), '{{model}} {{token_type}}'),
      ]),
      lines('Cost an hour', 'short', [query(`3600 * ${rateOf('llm_cost_total', { by: ['key'] })}`, '{{key}}')], {
        description: 'In the currency of the prices in the key file.',
      }),
    ],
  },
  {
    title: 'End to end',
    panels: [
      quantiles('From frame to screen', 'end_to_end_latency_seconds', { alarming: 2.5 }),
      heatMap('From frame to screen, all values', 'end_to_end_latency_seconds'),
      lines('Throughput', 'ops', [
        query(rateOf('detection_total'), 'frames'),
        query(rateOf('traffic_groups_total'), 'groups'),
        query(rateOf('assessments_total', { by: ['outcome'] }), 'assessed: {{outcome}}'),
      ]),
      lines('Calls that fail', 'percentunit', [query(failedCalls, 'of all calls')], { alarming: 0.05 }),
      lines('Errors', 'ops', [
        query(rateOf('pipeline_errors_total', { by: ['component', 'error_type'] }), '{{component}} {{error_type}}'),
      ]),
      lines('Left out on purpose', 'ops', [
        query(rateOf('shed_total', { by: ['what', 'reason'] }), '{{what}}: {{reason}}'),
      ]),
    ],
  },
  {
    title: 'Freshness',
    panels: [
      quantiles('Age of the frame at its verdict', 'verdict_age_seconds'),
      heatMap('Age of the frame at its verdict, all values', 'verdict_age_seconds'),
      lines('Verdicts after the limit', 'percentunit', [query(late, 'late')], { alarming: 0.1 }),
    ],
  },
  {
    title: 'Cameras',
    panels: [
      areas('Cameras by state', 'short', query(gaugeNow('sum', 'cameras', { by: ['state'] }), '{{state}}')),
      lines(
        'Dark cameras',
        's',
        [query(gaugeNow('max', 'camera_dark_seconds', { by: ['camera_id'] }), '{{camera_id}}')],
        {
          alarming: 60,
        },
      ),
      lines('Pictures a second', 'short', [
        query(gaugeNow('sum', 'camera_pictures_per_second', { by: ['rate'] }), '{{rate}}'),
      ]),
      lines('Analysed frames, by camera', 'ops', [
        query(rateOf('detection_total', { by: ['camera_id'] }), '{{camera_id}}'),
      ]),
      lines('Pictures that did not come', 'ops', [
        query(rateOf('pictures_skipped_total', { by: ['reason'] }), '{{reason}}'),
        query(rateOf('ingest_packets_lost_total'), 'packets lost'),
      ]),
      lines('Video received', 'binBps', [query(rateOf('ingest_bytes_total'), 'all cameras')]),
    ],
  },
  {
    title: 'Incidents and alarms',
    panels: [
      lines('Incidents a minute, by kind', 'cpm', [
        query(perMinute(rateOf('incidents_total', { by: ['kind'] })), '{{kind}}'),
      ]),
      lines('Alerts a minute, by level', 'cpm', [
        query(perMinute(rateOf('risk_alerts_total', { by: ['risk_level'] })), '{{risk_level}}'),
      ]),
      lines('Alarms a minute', 'cpm', [
        query(perMinute(rateOf('alarms_total', { by: ['reason'] })), '{{reason}}'),
        query(perMinute(rateOf('alarm_announcements_total')), 'calls to an operator'),
      ]),
    ],
  },
  {
    title: 'Processors',
    panels: [
      areas(
        'Processors used, by stage',
        'short',
        query(rateOf('stage_cpu_seconds_total', { by: ['stage'] }), '{{stage}}'),
      ),
      lines('Processors used, by process', 'short', [query(processorsUsed(), '{{instance}}')], {
        description: 'Of its threads; decoders are processes of their own.',
      }),
      lines('Used part of the processors', 'percentunit', [
        query(gaugeNow('max', 'processor_busy_share', { by: ['instance'] }), '{{instance}}'),
        query(gaugeNow('max', 'decoder_busy', { by: ['share'] }), 'decoders: {{share}}'),
      ]),
      quantiles('Detection', 'detection_latency_seconds'),
      lines('Decoders', 'short', [
        query(gaugeNow('sum', 'decoders_running'), 'running'),
        query(gaugeNow('sum', 'decoder_waiting', { by: ['urgency'] }), 'jobs that wait: {{urgency}}'),
      ]),
      lines('Delay of the event loop, P99', 's', [
        query(processNow('nodejs_eventloop_lag_p99_seconds'), '{{instance}}'),
      ]),
    ],
  },
  {
    title: 'Nodes and disk',
    panels: [
      lines('Nodes that answer', 'short', [query(gaugeNow('max', 'node_up', { by: ['node_id'] }), '{{node_id}}')]),
      lines('Memory', 'bytes', [query(processNow('process_resident_memory_bytes'), '{{instance}}')]),
      lines('Free part of the disk', 'percentunit', [
        query(gaugeNow('min', 'disk_free_share', { by: ['instance'] }), '{{instance}}'),
      ]),
      lines('Restarts of actors', 'ops', [query(rateOf('actor_restarts_total', { by: ['actor'] }), '{{actor}}')]),
      lines('Queues of this program', 'short', [query(gaugeNow('sum', 'queue_depth', { by: ['queue'] }), '{{queue}}')]),
      lines('Viewers', 'short', [
        query(gaugeNow('sum', 'feed_viewers', { by: ['feed'] }), '{{feed}}'),
        query(gaugeNow('sum', 'feed_lagging_viewers'), 'slow'),
      ]),
    ],
  },
];
