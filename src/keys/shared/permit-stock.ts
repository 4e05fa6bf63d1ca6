import type { WindowLimit } from '../sliding-windows.ts';
import type { Report } from './commands.ts';
import type { Demand } from './gate.ts';
import { HOLD_MS } from './gate-scripts.ts';
import { BudgetLog, type LogEntry } from './node-share.ts';

/** A permit in hand: Redis granted it at `since` or later. */
interface Permit {
  readonly id: string;
  readonly since: number;
}

export interface Budget {
  readonly log: BudgetLog;
  /** In the order in which they were granted. */
  readonly stock: Permit[];
  limits: readonly WindowLimit[];
  guardMs: number;
  /** No permit before this, as Redis said. */
  blockedUntil: number;
  /** Redis's time up to which entries were copied. */
  seenTo: number;
}

/** A budget and its calls as they were at one moment. */
export interface BudgetSnapshot {
  readonly name: string;
  readonly budget: Budget;
  readonly entries: readonly LogEntry[];
}

/** A permit runs out in Redis after `HOLD_MS`. The margin is for its call to leave. */
const USABLE_MS = HOLD_MS - 2_000;

/** One node's permits: those in hand, those whose call has not left, and the calls of each budget. */
export class PermitStock {
  readonly budgets = new Map<string, Budget>();
  /** Own permits whose call has not left: the budget of each. */
  readonly #unsent = new Map<string, string>();
  readonly #report: (budget: string, id: string, sentAt: number | null) => void;
  #inHand = 0;

  /** `report` is told when the call of a permit left; `sentAt` null: it is not made. */
  constructor(report: (budget: string, id: string, sentAt: number | null) => void) {
    this.#report = report;
  }

  budget(name: string): Budget {
    const known = this.budgets.get(name);
    if (known !== undefined) return known;
    const made: Budget = { log: new BudgetLog(), stock: [], limits: [], guardMs: 0, blockedUntil: 0, seenTo: 0 };
    this.budgets.set(name, made);
    return made;
  }

  /** Sets the limits of these budgets. */
  limit(demand: readonly Demand[]): void {
    for (const { budget, limits, guardMs } of demand) Object.assign(this.budget(budget), { limits, guardMs });
  }

  isUnsent(id: string): boolean {
    return this.#unsent.has(id);
  }

  get unsent(): readonly Report[] {
    return [...this.#unsent].map(([id, budget]) => ({ budget, id, what: 'held' }));
  }

  /** Permits in hand, of all budgets. */
  get inHand(): number {
    return this.#inHand;
  }

  /** Redis granted it, `since` or later: the answer may have waited for a process that stood still. */
  add(name: string, id: string, since: number): void {
    this.budget(name).stock.push({ id, since });
    this.#inHand++;
    this.#unsent.set(id, name);
  }

  /** Whether a usable permit is in hand. Permits that may run out before their call leaves go back. */
  has(name: string, now: number): boolean {
    const stock = this.budgets.get(name)?.stock ?? [];
    for (let oldest = stock[0]; oldest !== undefined && oldest.since + USABLE_MS <= now; oldest = stock[0])
      this.#giveBack(name, stock, 1);
    return stock.length > 0;
  }

  /** The oldest in hand. Only after `has`. */
  take(name: string): string | undefined {
    const permit = this.budget(name).stock.shift();
    if (permit !== undefined) this.#inHand--;
    return permit?.id;
  }

  /** Its call is about to be made, and counts `weight` times. */
  use(name: string, id: string, weight: number, now: number): void {
    this.budget(name).log.put(id, now + HOLD_MS, true, weight);
    this.#unsent.set(id, name);
  }

  sent(name: string, id: string, at: number): void {
    this.#unsent.delete(id);
    this.budget(name).log.put(id, at, true);
    this.#report(name, id, at);
  }

  refund(name: string, id: string): void {
    this.#unsent.delete(id);
    this.budget(name).log.remove(id);
    this.#report(name, id, null);
  }

  /** Gives back all permits in hand without a waiter, but for the newest `most`. */
  keep(most: number, wanted: ReadonlySet<string>): void {
    if (this.#inHand <= most) return;
    const idle = [...this.budgets]
      .filter(([name]) => !wanted.has(name))
      .flatMap(([name, { stock }]) => stock.map(({ since }) => ({ name, since })));
    for (const { name } of idle.toSorted((a, b) => a.since - b.since).slice(0, Math.max(0, idle.length - most)))
      this.#giveBack(name, this.budget(name).stock, 1);
  }

  /** Gives back the permits in hand since before `time`. */
  giveBack(time: number): void {
    for (const [name, { stock }] of this.budgets)
      this.#giveBack(name, stock, stock.filter(({ since }) => since < time).length);
  }

  /** Calls of one budget count in another as well. Permits in hand of the first go back. */
  move(from: string, to: string): void {
    const left = this.budgets.get(from);
    if (left === undefined) return;
    this.#giveBack(from, left.stock, left.stock.length);
    // Calls that have not left are reported to the old budget; in the new one they run out.
    this.budget(to).log.inherit(left.log);
  }

  /** Redis is down: permits in hand run out there by themselves. */
  drop(budget: Budget): void {
    this.#inHand -= budget.stock.length;
    for (const { id } of budget.stock.splice(0)) this.#unsent.delete(id);
  }

  /** Every budget with the calls known now. */
  snapshot(): readonly BudgetSnapshot[] {
    return [...this.budgets].map(([name, budget]) => ({ name, budget, entries: budget.log.list() }));
  }

  /** Whether calls of our own were made, or left, since this snapshot. */
  changedSince(snapshot: readonly BudgetSnapshot[]): boolean {
    const told = new Map(snapshot.flatMap(({ entries }) => entries.map(({ id, at }) => [id, at] as const)));
    const isNews = ({ id, at }: LogEntry): boolean => (this.isUnsent(id) ? !told.has(id) : told.get(id) !== at);
    return [...this.budgets.values()].some(({ log }) => log.list().some((entry) => entry.own && isNews(entry)));
  }

  /** Redis, which has this snapshot, decides from now on. */
  joined(snapshot: readonly BudgetSnapshot[]): void {
    for (const { budget, entries } of snapshot) {
      budget.log.settleWeights();
      budget.blockedUntil = 0;
      for (const { id } of entries) if (id.startsWith('assumed:')) budget.log.remove(id);
    }
  }

  orphaned(now: number): void {
    this.giveBack(Infinity);
    for (const [id, name] of this.#unsent) this.sent(name, id, now);
  }

  /** The `count` oldest. */
  #giveBack(name: string, stock: Permit[], count: number): void {
    const back = stock.splice(0, count);
    this.#inHand -= back.length;
    for (const { id } of back) this.refund(name, id);
  }
}
