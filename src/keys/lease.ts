import type { LeaseMark, PooledKey } from './key.ts';
import type { Spending } from './limits.ts';
import type { SlidingWindows } from './sliding-windows.ts';
import type { Ticket } from './shared/gate.ts';
import type { CallTokens, TokenHold } from './tokens.ts';
import type { KeySpec } from './key-config.ts';
import type { LeaseGrant } from './pool.types.ts';

export interface LeaseParts {
  readonly key: PooledKey;
  readonly mark: LeaseMark;
  readonly windows: SlidingWindows;
  readonly hold: TokenHold;
  /** The permit of other nodes; null when this process decides alone. */
  readonly ticket: Ticket | null;
  /** The most its call may use, as the asker says. */
  readonly bound: CallTokens;
  readonly expiresAt: number;
}

/** One lease, and everything its call counts in. */
export class Lease {
  readonly key: PooledKey;
  readonly mark: LeaseMark;
  readonly bound: CallTokens;
  readonly expiresAt: number;
  readonly #ticket: Ticket | null;
  /** More than one when the key came to another budget meanwhile. */
  readonly #windows: SlidingWindows[];
  readonly #holds: TokenHold[];
  #sentAt: number | null = null;
  #countedAt = 0;

  constructor({ key, mark, windows, hold, ticket, bound, expiresAt }: LeaseParts) {
    this.key = key;
    this.mark = mark;
    this.bound = bound;
    this.expiresAt = expiresAt;
    this.#windows = [windows];
    this.#holds = [hold];
    this.#ticket = ticket;
  }

  /** When its call left, as the windows know; null while they do not. */
  get sentAt(): number | null {
    return this.#sentAt;
  }

  /** Where the windows count it: the latest it can arrive, but for the least guard. */
  get countedAt(): number {
    return this.#countedAt;
  }

  /** Its call left at `at`, or by then it must have; it counts at `countedAt`. Only the first report counts. */
  left(at: number, countedAt: number): void {
    if (this.#sentAt !== null) return;
    this.#sentAt = at;
    this.#countedAt = countedAt;
    for (const windows of this.#windows) windows.sent(countedAt);
    this.#ticket?.sent(countedAt);
  }

  /** It became known better when its call arrived. */
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

  /** Its call is over and used so many tokens; null: nobody knows. */
  over(tokens: number | null, now: number): void {
    for (const hold of this.#holds) hold.end(tokens, now);
    this.#ticket?.over?.(tokens, now);
  }

  /** What was spent of `from` counts in `to` as well. */
  moved(from: Spending, to: Spending): void {
    if (this.#sentAt === null && this.#windows.includes(from.calls) && !this.#windows.includes(to.calls)) {
      to.calls.adopt();
      this.#windows.push(to.calls);
    }
    const held = this.#holds.find(({ window }) => window === from.tokens);
    if (held !== undefined && !this.#holds.some(({ window }) => window === to.tokens))
      this.#holds.push(to.tokens.reserve(held.tokens));
  }
}

/** The grant of a key's lease, for whoever asked. */
export function grantOf(spec: KeySpec, leaseId: string, grantedAt: number, trial: boolean): LeaseGrant {
  const { name: keyName, secret, baseUrl, model, responseFormat, maxOutputTokens, extraBody } = spec;
  const access = { keyName, secret, baseUrl, model, responseFormat, maxOutputTokens, extraBody };
  return { kind: 'granted', leaseId, ...access, grantedAt, trial };
}
