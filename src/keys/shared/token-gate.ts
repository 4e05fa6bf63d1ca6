import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { TOKEN_SPAN_MS, type TokenHold } from '../tokens.ts';
import type { Demand, LimitMode, PermitGate, Ticket } from './gate.ts';
import { openLimits, type LimitsRedis } from './limits-redis.ts';
import { PermitIds } from './permit-ids.ts';
import { readReserved, reportTokens, reserveTokens, type TokenCall, type TokenReport } from './token-commands.ts';
import { TokenBudget } from './token-stock.ts';

export interface TokenGateOptions {
  readonly url: string;
  readonly nodeId: string;
  readonly log: ActorLog;
  /** The pool's clock, see `steadyNow`. */
  readonly now: () => number;
  /** The connection; default: one of our own to `url`. */
  readonly connect?: (url: string) => LimitsRedis;
}

type CallGate = PermitGate & { close(): Promise<void> };

const BEAT_MS = 1_000;
const MOST_AT_ONCE = 10;
const REPORTS_AT_ONCE = 500;
const MOST_DROPPED = 1_000;
/**
 * By then all that others may have used unseen has left the minute: the time until they count this node as absent, and
 * until the calls that they leased before are over.
 */
const QUIET_MS = TOKEN_SPAN_MS + 45_000;
/** No call under a forgotten lease takes longer. */
const ORPHAN_MS = 45_000;

/**
 * Limits of tokens held together with other nodes, around a gate that does the same for calls: a lease needs a permit
 * of both. Each is granted by one atomic script on Redis's clock, so each limit holds by itself.
 *
 * Without Redis, a node that was alone goes on under the whole limit. One of several goes on with an equal share, but
 * only after the tokens that the others may have used unseen have left the minute; keys without `tpm_limit`, or rules,
 * serve meanwhile. The same holds when Redis comes back without its data.
 */
export class TokenGate implements PermitGate {
  readonly #inner: CallGate;
  readonly #options: TokenGateOptions;
  readonly #redis: LimitsRedis;
  readonly #budgets = new Map<string, TokenBudget>();
  /** Own calls of the last minute, and those under way. */
  readonly #calls = new Map<string, TokenCall>();
  /** Permits that were in hand, or asked for, when Redis was lost; given back when it is there again. */
  #dropped: TokenReport[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #ids: PermitIds;
  #listener: () => void = () => undefined;
  #shared = false;
  #joining = false;
  #joinAt = -Infinity;
  #closed = false;
  /** Counts joins and losses: what was asked before one is not valid after it. */
  #epoch = 0;
  #nodes = 1;
  #quietUntil = -Infinity;
  #born = '';

  constructor(inner: CallGate, options: TokenGateOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#ids = new PermitIds(options.nodeId);
    this.#redis = openLimits(
      options.url,
      options.connect,
      (error) => this.#lost(error),
      () => void this.#join(),
    );
    inner.onChange(() => this.#follow());
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  get mode(): LimitMode {
    return this.#shared ? this.#inner.mode : 'degraded';
  }

  /** Of calls. */
  get inHand(): number {
    return this.#inner.inHand ?? 0;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  nextAt(name: string, now: number, tokens: number): number | null {
    const callAt = this.#inner.nextAt(name, now, tokens);
    const budget = this.#budgets.get(name);
    if (callAt === null || budget === undefined) return callAt;
    const at = this.#tokensAt(budget, now, tokens);
    return at === null ? null : Math.max(callAt, at);
  }

  take(name: string, now: number, tokens: number): Ticket {
    const ticket = this.#inner.take(name, now, tokens);
    const budget = this.#budgets.get(name);
    if (budget === undefined) return ticket;
    const permit = this.#shared ? budget.take(tokens, now) : undefined;
    const id = permit?.id ?? this.#ids.next();
    const call: TokenCall = { budget: name, tokens: permit?.tokens ?? tokens, overAt: null, copies: [] };
    this.#calls.set(id, call);
    const hold = budget.own.reserve(call.tokens);
    return {
      sent: (at) => ticket.sent(at),
      refund: () => {
        ticket.refund();
        hold.refund();
        const all = withCopies(id, call);
        for (const [each] of all) this.#calls.delete(each);
        this.#report(all.map(([each, one]) => [each, one, 'refund']));
      },
      over: (used, at) => this.#over(id, call, hold, used, at),
    };
  }

  want(demand: readonly Demand[], now: number): void {
    this.#inner.want(demand, now);
    const wanted = new Map(demand.map((one) => [one.budget, one]));
    for (const { budget: name, tokens, guardMs } of demand) {
      if (tokens === undefined) this.#budgets.delete(name);
      else this.#limit(name, tokens.limit, guardMs);
    }
    for (const [name, budget] of this.#budgets) {
      const { tokens, count = 0 } = wanted.get(name) ?? {};
      this.#giveBack(name, tokens === undefined ? budget.takeAll() : budget.takeUnfit(tokens.perCall, now));
      if (
        this.#shared &&
        tokens !== undefined &&
        budget.permits.length === 0 &&
        budget.blockedUntil <= now &&
        this.#quietUntil <= now
      )
        void this.#ask(name, budget, Math.min(count, MOST_AT_ONCE), tokens.perCall);
    }
  }

  /** A call of a key with a limit of tokens waits for those in any case. */
  foresee(next: (count: number, now: number) => readonly Demand[]): void {
    this.#inner.foresee?.((count, now) => next(count, now).filter(({ tokens }) => tokens === undefined));
  }

  orphaned(): void {
    this.#inner.orphaned();
    const overAt = this.#options.now() + ORPHAN_MS;
    for (const [name, budget] of this.#budgets) {
      this.#giveBack(name, budget.takeAll());
      budget.own.orphaned(overAt);
    }
    for (const call of this.#calls.values()) call.overAt ??= overAt;
    this.#report([...this.#calls].map(([id, call]) => [id, call, 'over']));
  }

  /** What this node used of `from` counts in `to` as well. */
  moved(from: string, to: string): void {
    this.#inner.moved?.(from, to);
    const target = this.#budgets.get(to);
    const source = this.#budgets.get(from);
    if (target !== undefined && source !== undefined) target.own.inherit(source.own);
    for (const call of [...this.#calls.values()].filter((one) => one.budget === from)) {
      const id = this.#ids.next();
      const copy: TokenCall = { budget: to, tokens: call.tokens, overAt: call.overAt, copies: [] };
      if (call.overAt === null) call.copies?.push([id, copy]);
      this.#calls.set(id, copy);
      this.#report([asItIs(id, copy)]);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const [name, budget] of this.#budgets) this.#giveBack(name, budget.takeAll());
    this.#closed = true;
    await this.#inner.close();
    this.#redis.disconnect();
  }

  #tokensAt(budget: TokenBudget, now: number, tokens: number): number | null {
    if (now < this.#quietUntil) return this.#quietUntil;
    if (!this.#shared) return budget.own.nextAt(now, tokens);
    if (budget.has(tokens, now)) return now;
    return budget.blockedUntil > now ? budget.blockedUntil : null;
  }

  #limit(name: string, limit: number, guardMs: number): void {
    const known = this.#budgets.get(name);
    if (known === undefined) this.#budgets.set(name, new TokenBudget(limit, guardMs, this.#nodes));
    else known.setLimit(limit, guardMs, this.#nodes);
  }

  #over(id: string, call: TokenCall, hold: TokenHold, used: number | null, at: number): void {
    if (call.overAt !== null) return;
    hold.end(used, at);
    const all = withCopies(id, call);
    for (const [, one] of all) Object.assign(one, { overAt: at, tokens: used ?? call.tokens });
    this.#report(all.map(([each, one]) => [each, one, 'over']));
  }

  #giveBack(name: string, permits: readonly { readonly id: string; readonly tokens: number }[]): void {
    this.#report(permits.map((permit) => refundOf(permit.id, name, permit.tokens)));
  }

  /** Fetches permits. A count of 0 only asks how many nodes there are. */
  async #ask(name: string, budget: TokenBudget, count: number, perCall: number): Promise<void> {
    if (budget.asking) return;
    budget.asking = true;
    const epoch = this.#epoch;
    const first = this.#ids.reserve(count);
    const tokens = Math.min(perCall, budget.limit);
    const asked = { node: this.#options.nodeId, prefix: this.#ids.prefix, first, count, tokens };
    try {
      const reserved = readReserved(await this.#redis.eval(...reserveTokens(name, budget, asked)));
      const now = this.#options.now();
      if (epoch !== this.#epoch || reserved === null) {
        this.#drop(name, first, count, tokens);
        return;
      }
      if (reserved === 'unjoined') {
        budget.blockedUntil = now + BEAT_MS;
        return;
      }
      this.#heard(reserved.born, reserved.nodes, now);
      for (let i = 0; i < reserved.granted; i++) budget.add({ id: this.#ids.at(first + i), tokens, since: now });
      if (count > 0) budget.blockedUntil = reserved.waitMs > 0 ? Math.ceil(now + reserved.waitMs) : 0;
    } catch (error) {
      this.#drop(name, first, count, tokens);
      if (epoch === this.#epoch) this.#lost(error);
    } finally {
      budget.asking = false;
      this.#listener();
    }
  }

  /** Notes permits to be given back. Those that Redis does not learn of run out there by themselves. */
  #drop(budget: string, first: number, count: number, tokens: number): void {
    const refunds = Array.from({ length: count }, (_, i) => refundOf(this.#ids.at(first + i), budget, tokens));
    this.#dropped = [...this.#dropped, ...refunds].slice(-MOST_DROPPED);
  }

  #heard(born: string, nodes: number, now: number): void {
    this.#nodes = Math.max(1, nodes);
    if (this.#born !== '' && this.#born !== born && this.#nodes > 1) this.#quietUntil = now + QUIET_MS;
    this.#born = born;
  }

  #report(reports: readonly TokenReport[]): void {
    if (!this.#shared || reports.length === 0) return;
    this.#send(reports).catch((error: unknown) => this.#lost(error));
  }

  async #send(reports: readonly TokenReport[]): Promise<void> {
    const now = this.#options.now();
    for (let from = 0; from < reports.length; from += REPORTS_AT_ONCE)
      await this.#redis.eval(...reportTokens(reports.slice(from, from + REPORTS_AT_ONCE), now));
  }

  /** Called once a second: prolongs permits under way or in hand, and forgets calls older than a minute. */
  #beat(): void {
    const now = this.#options.now();
    for (const [id, { overAt }] of this.#calls) if (overAt !== null && overAt < now - QUIET_MS) this.#calls.delete(id);
    this.#follow();
    const [one] = this.#budgets;
    if (this.#shared && one !== undefined) void this.#ask(...one, 0, 1);
    const inHand = [...this.#budgets].flatMap(([budget, { permits }]) =>
      permits.map(({ id, tokens }): TokenReport => [id, { budget, tokens, overAt: null }, 'held']),
    );
    const underWay = [...this.#calls].filter(([, { overAt }]) => overAt === null);
    this.#report([...inHand, ...underWay.map(([id, call]) => asItIs(id, call))]);
  }

  #follow(): void {
    if (this.#shared && this.#inner.mode !== 'shared') this.#lost(new Error('limits of calls are not shared'));
    else if (!this.#shared) void this.#join();
    this.#listener();
  }

  /** Tells Redis of the calls that this node made on its own. */
  async #join(): Promise<void> {
    if (
      this.#joining ||
      this.#shared ||
      this.#closed ||
      this.#inner.mode !== 'shared' ||
      this.#redis.status !== 'ready' ||
      this.#options.now() < this.#joinAt
    )
      return;
    this.#joining = true;
    try {
      const dropped = this.#dropped;
      await this.#send([...dropped, ...[...this.#calls].map(([id, call]) => asItIs(id, call))]);
      this.#dropped = this.#dropped.filter((one) => !dropped.includes(one));
      this.#shared = this.#inner.mode === 'shared';
      this.#epoch++;
      // Again, for calls that ended meanwhile.
      this.#report([...this.#calls].map(([id, call]) => asItIs(id, call)));
    } catch (error) {
      this.#joinAt = this.#options.now() + BEAT_MS;
      this.#options.log.warn(
        { err: asError(error).message },
        'the limits of tokens cannot be shared yet: Redis refuses or does not answer',
      );
    } finally {
      this.#joining = false;
      this.#listener();
    }
  }

  #lost(thrown: unknown): void {
    if (this.#closed || !this.#shared) return;
    this.#shared = false;
    this.#epoch++;
    for (const [name, budget] of this.#budgets) {
      for (const { id, tokens } of budget.takeAll()) this.#dropped.push(refundOf(id, name, tokens));
      budget.blockedUntil = 0;
      budget.setLimit(budget.limit, budget.guardMs, this.#nodes);
    }
    if (this.#nodes > 1) this.#quietUntil = this.#options.now() + QUIET_MS;
    if (this.#budgets.size > 0) {
      const until = new Date(Math.max(this.#options.now(), this.#quietUntil)).toISOString();
      this.#options.log.warn(
        { err: asError(thrown).message, nodes: this.#nodes },
        `Redis is down: API keys with tpm_limit rest until ${until}, then this node keeps to 1 of ${this.#nodes} ` +
          'of their tokens',
      );
    }
    this.#listener();
  }
}

/** The call, and the same call in other budgets. */
const withCopies = (id: string, call: TokenCall): readonly (readonly [id: string, call: TokenCall])[] => [
  [id, call],
  ...(call.copies ?? []).flatMap((copy) => withCopies(...copy)),
];

const asItIs = (id: string, call: TokenCall): TokenReport => [id, call, call.overAt === null ? 'held' : 'over'];
const refundOf = (id: string, budget: string, tokens: number): TokenReport => [
  id,
  { budget, tokens, overAt: null },
  'refund',
];
