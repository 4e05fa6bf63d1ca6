import type { WindowLimit } from '../sliding-windows.ts';

/** `shared`: decided in Redis for all nodes. `degraded`: Redis is down; this node keeps to its share of each budget. */
export type LimitMode = 'local' | 'shared' | 'degraded';

/** Calls of one budget that could be made at once if there were permits. */
export interface Demand {
  readonly budget: string;
  readonly limits: readonly WindowLimit[];
  readonly guardMs: number;
  readonly count: number;
  /** Tokens a minute, and how many to reserve for each call; absent without a limit. */
  readonly tokens?: { readonly limit: number; readonly perCall: number };
}

/** One call allowed. Until `sent` or `refund` it counts as if it might arrive at any time. */
export interface Ticket {
  /** The call counts at `at` (by the pool's clock, may lie a little ahead). Called again with a better estimate. */
  sent(at: number): void;
  refund(): void;
  /** The call is over at `at` and used so many tokens; null: its reservation stays. */
  over?(tokens: number | null, at: number): void;
}

/**
 * Other nodes' consent to a lease, beside this process's own windows. All methods answer at once. Asking Redis takes
 * time and happens after `want`; `onChange` is called when that brought permits.
 */
export interface PermitGate {
  /**
   * `now` when a permit for a call of so many tokens is in hand; a later moment before which none can come; null when
   * only an event brings one.
   */
  nextAt(budget: string, now: number, tokens: number): number | null;
  /** Only after `nextAt(budget, now, tokens) === now`. */
  take(budget: string, now: number, tokens: number): Ticket;
  /** Replaces the demand. Few of the permits in hand without demand are kept. */
  want(demand: readonly Demand[], now: number): void;
  /** `next` tells the demand of the next `count` calls, so that permits can be fetched before a task waits. */
  foresee?(next: (count: number, now: number) => readonly Demand[]): void;
  onChange(listener: () => void): void;
  /** The spending of one budget counts in another as well: a key came to another group. */
  moved?(from: string, to: string): void;
  /** The pool's actor was restarted and forgot its leases: their calls leave now at the latest. */
  orphaned(): void;
  readonly mode: LimitMode;
  /** Permits that no call has used yet. */
  readonly inHand?: number;
}
