import { address } from '../runtime/ref.ts';
import type { Span } from '../tracing/span.ts';

/** Spans of traces that are sampled, to be exported. There is no such actor where traces are not exported. */
export interface TracesMessage {
  readonly type: 'spans';
  readonly spans: readonly Span[];
}
export const TRACES = address<TracesMessage>('/traces');
