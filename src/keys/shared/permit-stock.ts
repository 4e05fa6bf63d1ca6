import type { WindowLimit } from '../limits.ts';
import type { Report } from './commands.ts';
import { HOLD_MS } from './scripts.ts';
import { BudgetLog } from './share.ts';

export interface Budget {
  readonly log: BudgetLog;
  /** Ids of permits in hand. */
  readonly stock: string[];
  limits: readonly WindowLimit[];
  guardMs: number;
  /** No permit before this, as Redis said. */
  blockedUntil: number;
  /** Redis's time up to which entries were copied. */
  seenTo: number;
}

/** One node's permits: those in hand, those whose call has not left, and what each budget's calls were. */
export class PermitStock {
  readonly budgets = new Map<string, Budget>();
  /** Own permits whose call has not left. */
  readonly #held = new Map<string, string>();
  readonly #report: (budget: string, id: string, sentAt: number | null) => void;

  /** `report` is told what became of a permit; `sentAt` null: its call is not made. */
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

  isHeld(id: string): boolean {
    return this.#held.has(id);
  }

  get held(): readonly Report[] {
    return [...this.#held].map(([id, budget]) => ({ budget, id, what: 'held' }));
  }

  /** Redis granted it. */
  add(name: string, id: string): void {
    this.budget(name).stock.push(id);
    this.#held.set(id, name);
  }

  /** Its call is about to be made, and counts `weight` times. */
  use(name: string, id: string, weight: number, now: number): void {
    this.budget(name).log.put(id, now + HOLD_MS, true, weight);
    this.#held.set(id, name);
  }

  sent(name: string, id: string, at: number): void {
    this.#held.delete(id);
    this.budget(name).log.put(id, at, true);
    this.#report(name, id, at);
  }

  refund(name: string, id: string): void {
    this.#held.delete(id);
    this.budget(name).log.remove(id);
    this.#report(name, id, null);
  }

  /** Permits in hand that nobody wants. */
  giveBack(wanted: ReadonlySet<string>): void {
    for (const [name, { stock }] of this.budgets) if (!wanted.has(name)) for (const id of stock.splice(0)) this.refund(name, id);
  }

  /** Redis is away: those in hand run out there by themselves. */
  drop(budget: Budget): void {
    for (const id of budget.stock.splice(0)) this.#held.delete(id);
  }

  orphaned(now: number): void {
    this.giveBack(new Set());
    for (const [id, name] of this.#held) this.sent(name, id, now);
  }
}
