import { InfraError } from '../infra/infra-error.ts';
import type { BatchLimits, TraceSettings } from '../tracing/trace-settings.types.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;
const ARGUMENT = 'OTEL_TRACES_SAMPLER_ARG';

/**
 * OpenTelemetry's standard variables, as far as Gantry reads them itself; the exporter reads the others. Null unless an
 * endpoint is named. Throws `CONFIG_INVALID` with the variable's name.
 */
export function readTraceSettings(env: Environment): TraceSettings | null {
  const text = (name: string): string => (env[name] ?? '').trim();
  if (ENDPOINTS.every((name) => text(name) === '') || text('OTEL_SDK_DISABLED').toLowerCase() === 'true') return null;
  if (text('OTEL_TRACES_EXPORTER') === 'none') return null;
  for (const name of ENDPOINTS) checkEndpoint(name, text(name));
  for (const name of PROTOCOLS)
    if (!['', 'http/protobuf'].includes(text(name))) throw invalid(name, 'must be http/protobuf', text(name));
  return { share: shareOf(text('OTEL_TRACES_SAMPLER'), text(ARGUMENT)), batch: batchOf(text) };
}

function checkEndpoint(name: string, text: string): void {
  // The value may have a login in it, so it is not shown.
  if (text !== '' && !/^https?:$/u.test(URL.parse(text)?.protocol ?? ''))
    throw invalid(name, 'must be an http or https URL', null);
}

/** The root of every trace is Gantry's own, so a sampler by the parent decides as the one for roots. */
function shareOf(sampler: string, argument: string): number {
  switch (sampler.replace(/^parentbased_/u, '')) {
    case '':
    case 'always_on':
      return 1;
    case 'always_off':
      return 0;
    case 'traceidratio':
      return argument === '' ? 1 : number(ARGUMENT, argument, 0, 1);
    default:
      throw invalid(
        'OTEL_TRACES_SAMPLER',
        'must be always_on, always_off, traceidratio, or one of them after parentbased_',
        sampler,
      );
  }
}

function batchOf(text: (name: string) => string): BatchLimits {
  const of = (name: string, preset: number, most: number): number =>
    text(name) === '' ? preset : number(name, text(name), 1, most);
  const queue = of('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, 100_000);
  const batch = of('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', Math.min(512, queue), 10_000);
  if (batch > queue)
    throw invalid('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', `must be at most OTEL_BSP_MAX_QUEUE_SIZE (${queue})`, `${batch}`);
  return {
    maxQueueSize: Math.floor(queue),
    maxExportBatchSize: Math.floor(batch),
    scheduledDelayMillis: of('OTEL_BSP_SCHEDULE_DELAY', 5_000, 600_000),
    exportTimeoutMillis: of('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 600_000),
  };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (value >= min && value <= max) return value;
  throw invalid(name, `must be a number from ${min} to ${max}`, text);
}

const invalid = (field: string, rule: string, value: string | null): InfraError =>
  new InfraError('CONFIG_INVALID', `${field} ${rule}${value === null ? '' : `, not "${value}"`}`, {
    field,
    ...(value === null ? {} : { value }),
  });
