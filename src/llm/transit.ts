import type { TransitSample } from '../keys/transit-guard.ts';

/** Time of the request's arrival, epoch ms (DashScope). */
const ARRIVAL = 'req-arrive-time';
/** Milliseconds the provider spent on the request (DashScope, OpenAI, Envoy in front of many). */
const PROCESSING = ['req-cost-time', 'openai-processing-ms', 'x-envoy-upstream-service-time'] as const;

/** A request that was written whole. */
export interface SentRequest {
  /** Milliseconds from then to the response's headers. */
  readonly roundTripMs: number;
  /** Milliseconds that writing took, until then. */
  readonly writeMs: number;
}

/** The request's way to the provider, from the response's headers; null when they don't tell. */
export function transitOf(headers: Pick<Headers, 'get'>, sent: SentRequest | null): TransitSample | null {
  const at = numberOf(headers, ARRIVAL);
  if (sent === null) return at === null ? null : { kind: 'arrival', at };
  const { roundTripMs, writeMs } = sent;
  const workMs =
    PROCESSING.map((name) => numberOf(headers, name)).find((ms) => ms !== null && ms <= roundTripMs) ?? null;
  if (at !== null) return { kind: 'arrival', at, roundTripMs, writeMs, ...(workMs === null ? {} : { workMs }) };
  return workMs === null ? null : { kind: 'round-trip', ms: roundTripMs - workMs, writeMs };
}

function numberOf(headers: Pick<Headers, 'get'>, name: string): number | null {
  const text = headers.get(name)?.trim() ?? '';
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value >= 0 ? value : null;
}
