import { DEFAULT_OUTPUT_TOKENS } from './key-config.schema.ts';

/** Tokens of one call, as the provider counts them, or at most. */
export interface CallTokens {
  readonly prompt: number;
  readonly completion: number;
}

/** The bound of a call that names none: a long prompt with one picture, and a short answer. */
export const ASSUMED_CALL: CallTokens = { prompt: 6_000, completion: DEFAULT_OUTPUT_TOKENS };

/** Tokens reserved for one call; to be ended once by `end` or `refund`. */
export interface TokenHold {
  /** Those that count. */
  readonly tokens: number;
  readonly window: TokenWindow;
  /** The call is over at `now` and used `tokens`; null: unknown, so its reservation stays. */
  end(tokens: number | null, now: number): void;
  /** The call was not made, and will not be. */
  refund(): void;
}

interface Ended {
  readonly at: number;
  readonly tokens: number;
}

export const TOKEN_SPAN_MS = 60_000;
/** An end further ahead than this is from before the clock was set back. Ends of orphans lie ahead by less. */
const MOST_AHEAD_MS = 700_000;
const MOST_LEFT_BEHIND = 1_000;

/**
 * An exact sliding minute over the tokens of one budget. Providers differ in when they count a call: when it arrives,
 * when it is answered, or in between. So the tokens reserved for a call count from the lease until the call is over,
 * and what it really used counts for a minute from then on. Of any calls whose tokens together exceed the limit, the
 * one leased last finds the others over for more than a minute, or does not get its lease: wherever between lease and
 * end each was counted, no minute (closed at both ends) holds more than the limit, as long as no call uses more than
 * was reserved for it. The rule is also necessary: were a lease given earlier, some counting would break the minute.
 *
 * A call that needs more than the whole limit is let out alone, when nothing else counts. Without a limit everything is
 * counted all the same, so that a limit set later knows the minute before.
 *
 * Memory: one entry for each call of the last minute, so as many as the limit of calls allows.
 */
export class TokenWindow {
  #limit: number | null;
  #guardMs: number;
  readonly #open = new Set<TokenHold>();
  #openTokens = 0;
  /** By `at`; those before `#first` have left. */
  #ended: Ended[] = [];
  #first = 0;
  #endedTokens = 0;

  constructor(limit: number | null, guardMs: number) {
    this.#limit = limit;
    this.#guardMs = guardMs;
  }

  get limit(): number | null {
    return this.#limit;
  }

  /** Holds from the next decision on, for the calls already made as well. */
  setLimit(limit: number | null, guardMs: number): void {
    this.#limit = limit;
    this.#guardMs = guardMs;
  }

  /**
   * Earliest time at which a call of so many tokens fits, in whole ms and not before `now`; null: calls must end first.
   */
  nextAt(now: number, tokens: number): number | null {
    return this.#at(now, tokens, this.#openTokens);
  }

  /** As `nextAt`, if every open call were given back. */
  possibleAt(now: number, tokens: number): number {
    return this.#at(now, tokens, 0) ?? now;
  }

  /** Reserves tokens. Call only when `nextAt` allows it, or for tokens reserved in another budget before. */
  reserve(tokens: number): TokenHold {
    const hold: TokenHold = {
      tokens,
      window: this,
      end: (used, now) => {
        if (this.#close(hold)) this.#add({ at: now, tokens: used ?? tokens });
      },
      refund: () => void this.#close(hold),
    };
    this.#open.add(hold);
    this.#openTokens += tokens;
    return hold;
  }

  /** Counts the ended calls of `other` as well. The open ones are for the caller to reserve here. */
  inherit(other: TokenWindow): void {
    for (const ended of other.#ended.slice(other.#first)) this.#add(ended);
  }

  /** Nobody will report the open calls: they are assumed to be over at `at`. */
  orphaned(at: number): void {
    for (const hold of this.#open) hold.end(null, at);
  }

  /** True when no tokens count or are reserved: the window can be forgotten. */
  idle(now: number): boolean {
    return this.used(now) === 0 && this.#open.size === 0;
  }

  /** Tokens that count now: reserved, or used within the last minute. */
  used(now: number): number {
    this.#prune(now);
    return this.#openTokens + this.#endedTokens;
  }

  #at(now: number, tokens: number, open: number): number | null {
    this.#prune(now);
    if (this.#limit === null) return now;
    let over = open + this.#endedTokens + Math.min(tokens, this.#limit) - this.#limit;
    let at = now;
    for (let i = this.#first; over > 0; i++) {
      const ended = this.#ended[i];
      if (ended === undefined) return null;
      over -= ended.tokens;
      at = this.#leavesAt(ended);
    }
    return at;
  }

  #leavesAt(ended: Ended): number {
    return Math.ceil(ended.at + TOKEN_SPAN_MS + this.#guardMs + 1);
  }

  #close(hold: TokenHold): boolean {
    if (!this.#open.delete(hold)) return false;
    this.#openTokens -= hold.tokens;
    return true;
  }

  /** Ends come nearly in order of time: few steps back. */
  #add(ended: Ended): void {
    let index = this.#ended.length;
    while (index > this.#first && (this.#ended[index - 1]?.at ?? 0) > ended.at) index--;
    this.#ended.splice(index, 0, ended);
    this.#endedTokens += ended.tokens;
  }

  #prune(now: number): void {
    const ahead = (this.#ended.at(-1)?.at ?? now) - now;
    if (ahead > MOST_AHEAD_MS) this.#ended = this.#ended.map(({ at, tokens }) => ({ at: at - ahead, tokens }));
    for (
      let ended = this.#ended[this.#first];
      ended !== undefined && this.#leavesAt(ended) <= now;
      ended = this.#ended[++this.#first]
    )
      this.#endedTokens -= ended.tokens;
    if (this.#first < MOST_LEFT_BEHIND) return;
    this.#ended.splice(0, this.#first);
    this.#first = 0;
  }
}
