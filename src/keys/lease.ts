import type { LeaseMark, PooledKey } from './key.ts';
import type { Spending } from './limits.ts';
import type { SlidingWindows } from './sliding-windows.ts';
import type { Ticket } from './shared/gate.ts';
import type { CallTokens, TokenHold } from './tokens.ts';
import type { KeySpec } from './key-config.ts';
import type { LeaseGrant } from './pool.types.ts';

/** A call counted further ahead than this would be taken for one from before the clock was set back. */
const MOST_AHEAD_MS = 4_000;

export interface LeaseOptions {
  readonly key: PooledKey;
  readonly mark: LeaseMark;
  readonly windows: SlidingWindows;
  readonly hold: TokenHold;
  /** The permit of the gate; null when this process decides alone. */
  readonly ticket: Ticket | null;
  /** The most its call may use, by its request. */
  readonly bound: CallTokens;
  /** The model that is called. */
  readonly model: string;
  readonly expiresAt: number;
}

/** One lease, and every window its call counts in. */
export class Lease {
  readonly key: PooledKey;
  readonly mark: LeaseMark;
  readonly bound: CallTokens;
  readonly model: string;
  readonly expiresAt: number;
  readonly #ticket: Ticket | null;
  /** More than one when the key came to another budget meanwhile. */
  readonly #windows: SlidingWindows[];
  readonly #holds: TokenHold[];
  #sentAt: number | null = null;
  #countedAt = 0;

  constructor({ key, mark, windows, hold, ticket, bound, model, expiresAt }: LeaseOptions) {
    this.key = key;
    this.mark = mark;
    this.bound = bound;
    this.model = model;
    this.expiresAt = expiresAt;
    this.#windows = [windows];
    this.#holds = [hold];
    this.#ticket = ticket;
  }

  /** When its call left, as the windows know; null while they do not. */
  get sentAt(): number | null {
    return this.#sentAt;
  }

  /** When the windows count it: the latest that it can arrive, but for the least guard. */
  get countedAt(): number {
    return this.#countedAt;
  }

  /**
   * Its call left at `at`, or by then it must have; it arrives within `aheadMs` and the least guard. Only the first
   * report counts.
   */
  left(at: number, aheadMs: number): void {
    if (this.#sentAt !== null) return;
    this.#sentAt = at;
    this.#countedAt = countedAt(at, aheadMs);
    for (const windows of this.#windows) windows.sent(this.#countedAt);
    this.#ticket?.sent(this.#countedAt);
  }

  /** Its call is still under way and may take `aheadMs`, longer than was thought when it left. */
  heldUp(aheadMs: number): void {
    if (this.#sentAt === null) return;
    const at = countedAt(this.#sentAt, aheadMs);
    if (at > this.#countedAt) this.arrived(at);
  }

  /** A better estimate of when its call arrived. */
  arrived(at: number): void {
    for (const windows of this.#windows) windows.move(this.#countedAt, at);
    this.#ticket?.sent(at);
    this.#countedAt = at;
  }

  /** Its call was never sent. */
  refund(): void {
    for (const windows of this.#windows) windows.refund();
    for (const hold of this.#holds) hold.refund();
    this.#ticket?.refund();
  }

  /** Its call is over and used so many tokens; null: unknown. */
  over(used: CallTokens | null, aheadMs: number, now: number): void {
    this.left(now, aheadMs);
    const tokens = used === null ? null : used.prompt + used.completion;
    for (const hold of this.#holds) hold.end(tokens, now);
    this.#ticket?.over?.(tokens, now);
  }

  /** Its key came to another budget: the call counts in both. */
  moved(from: Spending, to: Spending): void {
    if (this.#sentAt === null && this.#windows.includes(from.calls) && !this.#windows.includes(to.calls)) {
      to.calls.adopt();
      this.#windows.push(to.calls);
    }
    const hold = this.#holds.find(({ window }) => window === from.tokens);
    if (hold !== undefined && !this.#holds.some(({ window }) => window === to.tokens))
      this.#holds.push(to.tokens.reserve(hold.tokens));
  }
}

const countedAt = (sentAt: number, aheadMs: number): number => sentAt + Math.min(MOST_AHEAD_MS, aheadMs);

/** The reply that grants a lease of this key for a call to `model`. */
export function grantOf(spec: KeySpec, model: string, leaseId: string, grantedAt: number, trial: boolean): LeaseGrant {
  const { name: keyName, secret, baseUrl, responseFormat, maxOutputTokens, maxImages, extraBody } = spec;
  const access = { keyName, secret, baseUrl, model, responseFormat, maxOutputTokens, maxImages, extraBody };
  return { kind: 'granted', leaseId, ...access, grantedAt, trial };
}
