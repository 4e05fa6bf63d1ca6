import { hash } from 'node:crypto';

// Apart from the schemas of ids: the thread of each camera loads no schemas.

/** The spans of a frame's way, in the order in which they begin. */
export const SPAN_NAMES = [
  'camera',
  'decode',
  'detect',
  'publish',
  'task',
  'lease',
  'call',
  'aggregate',
  'push',
] as const;
export type SpanName = (typeof SPAN_NAMES)[number];

/**
 * 16 hex digits, made of the trace and the span's name and key (as the id of a task), so that every process knows the
 * ids of all spans without being told. `key`: empty for a span of which a trace has one.
 */
export const spanIdOf = (traceId: string, name: SpanName, key = ''): string =>
  hash('sha256', `${traceId} ${name} ${key}`, 'hex').slice(0, 16);

/** The key of a call's span. `leaseAskedAt`: epoch ms. */
export const callKey = (taskId: string, keyName: string, leaseAskedAt: number): string =>
  `${taskId} ${keyName} ${leaseAskedAt}`;

/** Whether a trace is exported. The same for a trace in every process with the same settings. */
export type IsSampled = (traceId: string) => boolean;
export const NONE_SAMPLED: IsSampled = () => false;

/** W3C trace context, version 00. */
export const traceparent = (traceId: string, spanId: string, sampled: boolean): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
