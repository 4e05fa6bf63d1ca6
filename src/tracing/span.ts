import type { SpanName } from '../messages/trace-context.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A part of a frame's way. Plain data, so that it crosses threads. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Null for the first span of a trace. */
  readonly parentSpanId: string | null;
  readonly name: SpanName;
  /** As OpenTelemetry's: `producer` for a message to other processes, `client` for a call to a provider. */
  readonly kind: 'internal' | 'producer' | 'client';
  /** Epoch ms, `endMs` not before `startMs`. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Why it failed; null when it did not. */
  readonly error: string | null;
  /** Why the message that tells of it is not there; absent when it is. Such a span has no times of its own. */
  readonly missing?: string;
}

/** Attributes without those that are not known. */
export function known(of: Readonly<Record<string, string | number | boolean | null | undefined>>): SpanAttributes {
  const found: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(of)) if (value !== null && value !== undefined) found[name] = value;
  return found;
}
