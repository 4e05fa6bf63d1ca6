import type { MetricName } from '../infra/metric-table.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { MetricLabels } from '../runtime/metric-sink.ts';

interface ErrorSource {
  readonly metric: MetricName;
  readonly errorType: string;
  /** The part that failed, or the label that names it. */
  readonly component: string | { readonly label: string };
  readonly where?: MetricLabels;
}

/** Everything that is an error and no choice: work left out on purpose is in `shed_total`. */
const SOURCES: readonly ErrorSource[] = [
  { metric: 'dead_letters_total', errorType: 'dead-letter', component: { label: 'consumer' } },
  { metric: 'nats_send_errors_total', errorType: 'not-sent', component: { label: 'topic' } },
  { metric: 'tasks_processed_total', errorType: 'not-assessed', component: 'scheduler', where: { status: 'failed' } },
  { metric: 'images_failed_total', errorType: 'not-encoded', component: 'imaging' },
  { metric: 'decoder_pictures_total', errorType: 'not-decoded', component: 'decoders', where: { outcome: 'failed' } },
  { metric: 'decoder_deaths_total', errorType: 'died', component: 'decoders' },
  { metric: 'redis_failed_writes_total', errorType: 'not-written', component: 'redis' },
  { metric: 'lock_failures_total', errorType: 'lock-lost', component: 'locks' },
  { metric: 'scrape_errors_total', errorType: 'not-read', component: { label: 'source' } },
  { metric: 'actor_dead_letters_total', errorType: 'undelivered', component: 'actors' },
  { metric: 'audit_lost_total', errorType: 'lost', component: 'audit' },
];
const CALL_ERRORS = ['timeout', 'rate_limited', 'rejected', 'provider_error', 'unreadable', 'content_refused'];

/** The errors of all stages in one metric, summed up from the others before every scrape. */
export async function showPipelineErrors(
  metrics: Pick<Metrics, 'replace' | 'totals'>,
  badBodies: number,
): Promise<void> {
  const found = await Promise.all(
    SOURCES.map(async ({ metric, errorType, component, where = {} }) => {
      const by = typeof component === 'string' ? {} : { by: component.label };
      const totals = await metrics.totals(metric, { where, ...by });
      return [...totals].map(
        ([value, total]) =>
          [{ error_type: errorType, component: typeof component === 'string' ? component : value }, total] as const,
      );
    }),
  );
  const calls = await metrics.totals('llm_calls_total', { by: 'status' });
  metrics.replace('pipeline_errors_total', [
    ...found.flat(),
    ...CALL_ERRORS.map((status) => [{ error_type: status, component: 'calls' }, calls.get(status) ?? 0] as const),
    [{ error_type: 'unreadable', component: 'bus' }, badBodies],
  ]);
}
