import type { Priority } from '../messages/task.ts';
import type { CircuitStats } from './circuit.ts';
import type { CooldownPolicy } from './cooldown.ts';
import type { ExtraBody, KeyStrategy, ResponseFormat, SchedulerSection } from './key-config.schema.ts';
import type { ModelStats } from './model-history.ts';
import type { TransitSample } from './transit-guard.ts';
import type { Blame, CallOutcome, CallOutcomeKind } from './outcome.ts';
import type { LimitMode } from './shared/gate.ts';
import type { Secret } from './secret.ts';
import type { CallTokens } from './tokens.ts';

export interface PoolSettings {
  readonly strategy: KeyStrategy;
  readonly cooldown: CooldownPolicy;
  /** Failures in a row after which a key cools. */
  readonly failuresToCool: number;
  readonly queueSize: number;
  readonly ageingMs: number;
  readonly guardMs: number;
  /** A lease that is not settled within this time is taken back. */
  readonly leaseMs: number;
}

/** A lease may be settled this long after the call's own time-out. */
const SETTLE_GRACE_MS = 5_000;

export const poolSettings = (strategy: KeyStrategy, section: SchedulerSection): PoolSettings => ({
  strategy,
  cooldown: {
    adaptive: section.adaptive_cooldown,
    flatMs: section.key_cooldown_seconds * 1_000,
    minMs: section.min_cooldown * 1_000,
    maxMs: section.max_cooldown * 1_000,
  },
  failuresToCool: section.max_retry_per_key,
  queueSize: section.queue_size,
  ageingMs: section.ageing_seconds * 1_000,
  guardMs: section.transit_guard_ms,
  leaseMs: section.timeout_seconds * 1_000 + SETTLE_GRACE_MS,
});

export interface LeaseRequest {
  /** Chosen by the requester, unique among its waiting requests; `cancel` names it. */
  readonly waiterId: string;
  readonly priority: Priority;
  /** Names of keys already tried. */
  readonly exclude: readonly string[];
  /** Epoch ms. */
  readonly deadline: number;
  /**
   * Bound of the call's tokens; default {@link ASSUMED_CALL}. Reserved under `tpm_limit`, less where experience allows.
   */
  readonly tokens?: CallTokens;
  /** The model of the call; default: the key's own. */
  readonly model?: string;
  /** Names of the keys that may serve; default: any. */
  readonly only?: readonly string[];
  /**
   * The call is made only if nobody misses it: while no other request waits and the keys have room for more, see
   * {@link hasSpare}. The number of schedulers that share the keys, from 1. Default: an ordinary request.
   */
  readonly spareOf?: number;
}

/**
 * Permission to make one call with one key. Its holder reports when the call leaves, and how it ended. It carries the
 * secret, so it stays inside the process.
 */
export interface LeaseGrant {
  readonly kind: 'granted';
  readonly leaseId: string;
  readonly keyName: string;
  readonly secret: Secret;
  readonly baseUrl: string;
  readonly model: string;
  readonly responseFormat: ResponseFormat;
  readonly maxOutputTokens: number;
  /** Pictures of its call at most. */
  readonly maxImages: number;
  readonly extraBody: ExtraBody | null;
  readonly grantedAt: number;
  /** A trial of a key that rested or was refused, or of its provider. One that fails costs the task no attempt. */
  readonly trial: boolean;
}

/**
 * - `no-keys`: no key is enabled. - `tried-all`: every enabled key is excluded.
 * - `deadline`: none comes free in time. - `queue-full`: too many wait. - `cancelled`: by the requester.
 * - `duplicate`: a request with this id waits already.
 * - `provider-down`: as `deadline`, and the circuit of every key that might have served is not closed.
 */
export type RefusalReason =
  | 'no-keys'
  | 'tried-all'
  | 'deadline'
  | 'queue-full'
  | 'cancelled'
  | 'duplicate'
  | 'provider-down';
export interface LeaseRefusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly message: string;
  /** Whether any key is meant to be used; absent when the pool could not be asked. */
  readonly keysWanted?: boolean;
}
export type LeaseReply = LeaseGrant | LeaseRefusal;

/** How the call under a lease ended. */
export interface Settlement {
  readonly leaseId: string;
  readonly outcome: CallOutcome;
  /** Default: the key. */
  readonly blame?: Blame;
  readonly transit?: TransitSample | null;
  /** As the provider counted; absent or null when it did not say: then the reservation counts. */
  readonly tokens?: CallTokens | null;
  /** How the call differed from the plain one; absent or null when that is not known. */
  readonly adaptations?: readonly string[] | null;
}

/** The optional parts of a {@link Settlement}, in its order. */
export type Told = [transit?: TransitSample | null, tokens?: CallTokens | null, adaptations?: readonly string[] | null];

/** A key that a settlement made rest, disabled or enabled. */
export interface KeyChange {
  readonly keyName: string;
  /** `available`: a refused key works again. */
  readonly status: 'cooling' | 'disabled' | 'available';
  /** Outcome that did it. */
  readonly cause: CallOutcomeKind;
  /** End of the rest, epoch ms; null otherwise. */
  readonly until: number | null;
}

/**
 * The result of a call to the pool: replies to give, keys that changed, and when to call `advance` next (null: only
 * after another event).
 */
export interface PoolStep {
  readonly changes: readonly KeyChange[];
  readonly replies: readonly { readonly waiterId: string; readonly reply: LeaseReply }[];
  readonly wakeAt: number | null;
}

/**
 * - `serving`: calls can be made, now or in a while.
 * - `no-keys`: no key is meant to be used, by its entry or by the operator.
 * - `provider-down`: the circuit of every key that could serve is not closed.
 */
export type PoolState = 'serving' | 'no-keys' | 'provider-down';

export type KeyStatus = 'available' | 'in_use' | 'cooling' | 'disabled';

export interface KeyStats {
  readonly key_id: string;
  readonly status: KeyStatus;
  readonly quota_group: string | null;
  readonly priority: number;
  readonly model: string;
  readonly base_url: string;
  /** Calls that were made and settled, by result. */
  readonly total_calls: number;
  readonly success_calls: number;
  readonly failed_calls: number;
  /** 0 to 1; 1 while there were no calls. */
  readonly success_rate: number;
  readonly rate_limited_calls: number;
  /** Leases given back without a result. */
  readonly abandoned_leases: number;
  /** Leases taken back because they were not settled in time. */
  readonly expired_leases: number;
  readonly consecutive_failures: number;
  readonly in_flight: number;
  /** ISO 8601 UTC; null when not cooling. */
  readonly cooldown_until: string | null;
  readonly last_used_at: string | null;
  readonly last_error_code: string | null;
  readonly disabled_reason: string | null;
  readonly qps_limit: number;
  readonly rpm_limit: number;
  /** Permits of the budget (the key's own, or its quota group's) in the last second and minute. */
  readonly used_last_second: number;
  readonly used_last_minute: number;
  /** Tokens a minute; null: no limit. */
  readonly tpm_limit: number | null;
  /** Tokens of the budget that count now: of the last minute, and reserved for calls in flight. */
  readonly tokens_last_minute: number;
}

/** A key for administration. */
export interface KeyView extends KeyStats {
  /** As its entry says. */
  readonly enabled: boolean;
  /** As an operator said while running. */
  readonly drained: boolean;
  readonly switched_off: boolean;
  /** Tells two secrets apart and gives neither away. */
  readonly fingerprint: string;
  readonly response_format: ResponseFormat;
  readonly max_output_tokens: number;
  readonly max_images: number;
  readonly extra_body: ExtraBody | null;
  /** How calls differ from the plain one, as its endpoint and model refused that. */
  readonly adaptations: readonly string[];
  readonly max_in_flight: number | null;
  /** One call at a time until one succeeds: back from a rest, or refused by the provider. */
  readonly on_trial: boolean;
  /**
   * By how much the slowest call of the last ten minutes took longer to the provider than the fastest; null while too
   * few are known. `transit_guard_ms` should be above it.
   */
  readonly spread_ms: number | null;
  /** When a refused key is tried again; ISO 8601 UTC, null when not refused. */
  readonly probe_at: string | null;
}

/** Names of the keys that a change of the configuration affected. */
export interface ConfigureSummary {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Some field differs, the secret perhaps. */
  readonly changed: readonly string[];
  readonly strategy: KeyStrategy;
}

/** Data of `GET /api/scheduler/stats`. */
export interface KeyPoolStats {
  readonly strategy: KeyStrategy;
  /** Who decides on permits: this process, all nodes over Redis, or, while Redis is down, this node for its share. */
  readonly mode: LimitMode;
  readonly total_keys: number;
  readonly available_keys: number;
  readonly in_use_keys: number;
  readonly cooling_keys: number;
  readonly disabled_keys: number;
  readonly total_calls: number;
  readonly success_rate: number;
  readonly in_flight: number;
  readonly waiting: number;
  readonly waiting_by_priority: Readonly<Record<`p${Priority}`, number>>;
  readonly granted: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Settlements that came after their lease had been taken back, or twice. */
  readonly late_settlements: number;
  /** Permits of limits shared over Redis that no call has used yet. */
  readonly permits_in_hand: number;
  readonly keys: readonly KeyStats[];
  /** One for each endpoint and model. */
  readonly models: readonly ModelStats[];
  /** One for each provider, see {@link Circuit}. */
  readonly circuits: readonly CircuitStats[];
}
