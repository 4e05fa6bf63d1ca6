import type { PooledKey } from './key.ts';
import type { KeyStats, KeyView } from './pool.types.ts';
import { MINUTE_MS, SECOND_MS } from './sliding-windows.ts';

const iso = (at: number): string => new Date(at).toISOString();

/** A key in figures, named as the HTTP contract names them. */
export const keyStats = (key: PooledKey, now: number): KeyStats => ({
  key_id: key.spec.name,
  status: key.status(now),
  quota_group: key.spec.quotaGroup,
  priority: key.spec.priority,
  model: key.spec.model,
  base_url: key.spec.baseUrl,
  ...key.counts.stats,
  consecutive_failures: key.rest.consecutiveFailures,
  in_flight: key.inFlight,
  cooldown_until: now < key.rest.until ? iso(key.rest.until) : null,
  last_used_at: key.lastUsedAt === 0 ? null : iso(key.lastUsedAt),
  disabled_reason: disabledReason(key),
  qps_limit: key.spec.qpsLimit,
  rpm_limit: key.spec.rpmLimit,
  used_last_second: key.windows.used(now, SECOND_MS),
  used_last_minute: key.windows.used(now, MINUTE_MS),
  tpm_limit: key.spec.tpmLimit,
  tokens_last_minute: key.spending.tokens.used(now),
});

/** A key for administration: its figures and its entry. Never the secret. */
export const keyView = (
  key: PooledKey,
  now: number,
  learnt: { readonly spreadMs: number | null; readonly adaptations: readonly string[] },
): KeyView => ({
  ...keyStats(key, now),
  enabled: key.spec.enabled,
  fingerprint: key.spec.secret.fingerprint(),
  response_format: key.spec.responseFormat,
  max_output_tokens: key.spec.maxOutputTokens,
  max_images: key.spec.maxImages,
  extra_body: key.spec.extraBody,
  max_in_flight: key.spec.maxInFlight,
  drained: key.drained,
  switched_off: key.switchedOff,
  on_trial: key.onTrial,
  spread_ms: learnt.spreadMs,
  adaptations: learnt.adaptations,
  probe_at: key.refusal === null ? null : iso(key.refusal.probeAt),
});

function disabledReason({ spec, switchedOff, drained, refusal }: PooledKey): string | null {
  if (!spec.enabled) return 'disabled in the configuration';
  if (switchedOff) return 'disabled by an operator';
  if (drained) return 'drained by an operator';
  return refusal?.reason ?? null;
}
