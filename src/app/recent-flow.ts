import type { FlowStageName } from '../http/schemas/system-schema.ts';

/** Totals of one stage since the start of its process. */
export interface StageTotals {
  readonly done: number;
  readonly failed: number;
  /** By the reason. */
  readonly shed: Readonly<Record<string, number>>;
}
export type FlowTotals = Readonly<Partial<Record<FlowStageName, StageTotals>>>;

/** One stage over the last minute. */
export interface StageRate {
  readonly perSecond: number;
  readonly failed: number;
  readonly shed: Readonly<Record<string, number>>;
}

const WINDOW_MS = 60_000;
/** Totals kept: one every second of the window, at most. */
const MOST_KEPT = 64;

/** The last minute of a process's stages, from their totals at several times. Pure: calls take the time, epoch ms. */
export class RecentFlow {
  #kept: { readonly at: number; readonly totals: FlowTotals }[] = [];

  /** Call it every few seconds, and not more than once a second. */
  note(totals: FlowTotals, now: number): void {
    // The clock was set back.
    if (now < (this.#kept.at(-1)?.at ?? now)) this.#kept = [];
    this.#kept.push({ at: now, totals });
    // The newest of those that are a minute old is where the window begins.
    while ((this.#kept[1]?.at ?? now) <= now - WINDOW_MS || this.#kept.length > MOST_KEPT) this.#kept.shift();
  }

  /** Nothing before the second note; over less than a minute at first. */
  rate(stage: FlowStageName): StageRate {
    const [first] = this.#kept;
    const last = this.#kept.at(-1);
    const to = last?.totals[stage];
    if (first === undefined || last === undefined || to === undefined || last.at <= first.at) return NOTHING;
    const from = first.totals[stage];
    // An actor that was started anew counts from zero.
    const since = (now: number, before = 0): number => (now < before ? now : now - before);
    const shed = Object.entries(to.shed)
      .map(([reason, count]) => [reason, since(count, from?.shed[reason])] as const)
      .filter(([, count]) => count > 0);
    return {
      perSecond: Math.round((since(to.done, from?.done) / ((last.at - first.at) / 1_000)) * 100) / 100,
      failed: since(to.failed, from?.failed),
      shed: Object.fromEntries(shed),
    };
  }
}

const NOTHING: StageRate = { perSecond: 0, failed: 0, shed: {} };
