import type { KeyStrategy } from './key-config.schema.ts';
import type { KeySpec } from './key-config.ts';
import { SlidingWindows, type WindowLimit } from './sliding-windows.ts';
import { TokenWindow } from './tokens.ts';
import type { TransitWays } from './transit-guard.ts';

/** Keys as changed while running, so that a restart of the pool's actor does not undo the changes. */
export interface LiveConfig {
  readonly keys: readonly KeySpec[];
  readonly strategy: KeyStrategy;
  /** Names of keys that an operator drained, and disabled. */
  readonly drained: ReadonlySet<string>;
  readonly disabled: ReadonlySet<string>;
}

/** Calls and tokens spent of one budget. */
export interface Spending {
  readonly calls: SlidingWindows;
  readonly tokens: TokenWindow;
}

/** Limits of one budget. */
export interface BudgetLimits {
  readonly windows: readonly WindowLimit[];
  /** Tokens per minute; null: no limit. */
  readonly tokens: number | null;
  readonly guardMs: number;
}

/**
 * The spending of every budget, by name. Kept outside the pool, so that the pool of a restarted actor goes on from it
 * instead of spending budgets twice.
 */
export class LimitMemory {
  readonly #budgets = new Map<string, Spending>();
  /** Measurements of the ways to the providers. */
  ways: TransitWays | null = null;
  /** Changes made while running; null while the configuration of the start holds. */
  live: LiveConfig | null = null;

  /**
   * To be called before a new pool takes over, which forgets the leases of the old one. Their calls have left by
   * `leftBy`, see {@link SlidingWindows.orphaned}, and are over by `overBy`.
   */
  orphaned(leftBy: number, overBy: number): void {
    for (const { calls, tokens } of this.#budgets.values()) {
      calls.orphaned(leftBy);
      tokens.orphaned(overBy);
    }
  }

  /** The spending of this budget, under these limits from now on. */
  spending(budget: string, { windows, tokens, guardMs }: BudgetLimits): Spending {
    const known = this.#budgets.get(budget);
    if (known !== undefined) {
      known.calls.setGuard(guardMs);
      known.calls.setWindows(windows);
      known.tokens.setLimit(tokens, guardMs);
      return known;
    }
    const made = { calls: new SlidingWindows(windows, guardMs), tokens: new TokenWindow(tokens, guardMs) };
    this.#budgets.set(budget, made);
    return made;
  }

  /** The spending of a budget; undefined when it is not known. */
  find(budget: string): Spending | undefined {
    return this.#budgets.get(budget);
  }

  /** Forgets unused budgets once none of their calls counts any more. */
  forget(used: ReadonlySet<string>, now: number): void {
    for (const [name, { calls, tokens }] of this.#budgets)
      if (!used.has(name) && calls.idle(now) && tokens.idle(now)) this.#budgets.delete(name);
  }
}
