import type { TransitSample } from '../keys/guard.ts';

/** The request's arrival, epoch ms (DashScope). */
const ARRIVAL = 'req-arrive-time';
/** The provider's own time for the request, ms (DashScope, OpenAI, Envoy in front of many). */
const PROCESSING = ['req-cost-time', 'openai-processing-ms', 'x-envoy-upstream-service-time'] as const;

/** What the headers of an answer tell of the request's way to the provider; null when they tell nothing. */
export function transitOf(headers: Headers, roundTripMs: number | null): TransitSample | null {
  const at = numberOf(headers, ARRIVAL);
  if (at !== null) return { kind: 'arrival', at, ...(roundTripMs === null ? {} : { roundTripMs }) };
  if (roundTripMs === null) return null;
  for (const name of PROCESSING) {
    const ms = numberOf(headers, name);
    if (ms !== null && ms <= roundTripMs) return { kind: 'round-trip', ms: roundTripMs - ms };
  }
  return null;
}

function numberOf(headers: Headers, name: string): number | null {
  const text = headers.get(name)?.trim() ?? '';
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value >= 0 ? value : null;
}
