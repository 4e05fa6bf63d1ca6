import { TokenWindow } from '../tokens.ts';
import { HOLD_MS } from './gate-scripts.ts';

interface TokenPermit {
  readonly id: string;
  readonly tokens: number;
  readonly since: number;
}

/** Permits run out in Redis after `HOLD_MS`, unless prolonged. */
const USABLE_MS = HOLD_MS - 2_000;

/** One budget of tokens as this node has it: permits in hand, and its own use for times without Redis. */
export class TokenBudget {
  /** What this node itself used, under its share: the limit while it is alone. */
  readonly own: TokenWindow;
  #permits: TokenPermit[] = [];
  limit: number;
  guardMs: number;
  /** No permit before this, as Redis said. */
  blockedUntil = 0;
  asking = false;

  constructor(limit: number, guardMs: number, nodes: number) {
    this.limit = limit;
    this.guardMs = guardMs;
    this.own = new TokenWindow(shareOf(limit, nodes), guardMs);
  }

  get permits(): readonly TokenPermit[] {
    return this.#permits;
  }

  /** What holds from now on, for one of so many nodes. */
  setLimit(limit: number, guardMs: number, nodes: number): void {
    this.limit = limit;
    this.guardMs = guardMs;
    this.own.setLimit(shareOf(limit, nodes), guardMs);
  }

  add(permit: TokenPermit): void {
    this.#permits.push(permit);
  }

  /** Whether a permit in hand does for a call of so many tokens. */
  has(tokens: number, now: number): boolean {
    return this.#permits.some((permit) => this.#fits(permit, tokens, now));
  }

  /** Takes the oldest permit that does for a call of so many tokens. */
  take(tokens: number, now: number): TokenPermit | undefined {
    const index = this.#permits.findIndex((permit) => this.#fits(permit, tokens, now));
    return index < 0 ? undefined : this.#permits.splice(index, 1)[0];
  }

  /** Takes the permits that do not do for a call of so many tokens. */
  takeUnfit(tokens: number, now: number): readonly TokenPermit[] {
    const unfit = this.#permits.filter((permit) => !this.#fits(permit, tokens, now));
    this.#permits = this.#permits.filter((permit) => !unfit.includes(permit));
    return unfit;
  }

  takeAll(): readonly TokenPermit[] {
    return this.#permits.splice(0);
  }

  #fits(permit: TokenPermit, tokens: number, now: number): boolean {
    return permit.tokens >= Math.min(tokens, this.limit) && now < permit.since + USABLE_MS;
  }
}

/** One node's part of a limit while it cannot ask the others. */
const shareOf = (limit: number, nodes: number): number => Math.max(1, Math.floor(limit / nodes));
