/** The counts of `npm run bench`. Memory is bounded, except for one number a frame. All times in ms. */
import { type Percentiles, percentiles } from '../../src/cli/check/percentiles.ts';
import type { LoadBatch, ViewerBatch } from '../pipeline/orders.ts';

export interface LoadFigures {
  readonly frames: number;
  readonly groups: number;
  /** From the frame's own time to the viewer: of the revision with the model's answers about all its groups. */
  readonly latencyMs: (Percentiles & { readonly mean: number }) | null;
  /** The same of the first revision. */
  readonly firstMs: Percentiles | null;
  readonly assessed: number;
  /** Answers of the rules in the model's place. */
  readonly byRules: number;
  /** Groups that the viewer never saw assessed by the model. */
  readonly unjudged: number;
  readonly calls: number;
  readonly callsOk: number;
  readonly revisions: number;
  readonly alerts: number;
  readonly lost: number;
  readonly doubled: number;
}

interface Recent {
  /** The frame's own time; null until the load reports it. */
  timestamp: number | null;
  /** When it was first reported. */
  readonly since: number;
  groups: number;
  /** Revisions that reached the viewer: when, and with how many groups assessed by the model. */
  readonly pushes: Map<number, { readonly at: number; readonly judged: number }>;
}

/** After this, a frame that has not arrived is lost, and a second copy goes unnoticed. */
const FORGET_MS = 60_000;

export class LoadLedger {
  readonly #recent = new Map<string, Recent>();
  readonly #latencies: number[] = [];
  readonly #firsts: number[] = [];
  readonly #now: () => number;
  #frames = 0;
  #groups = 0;
  #assessed = 0;
  #byRules = 0;
  #unjudged = 0;
  #calls = 0;
  #callsOk = 0;
  #revisions = 0;
  #alerts = 0;
  #lost = 0;
  #doubled = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  load({ sent, results }: LoadBatch): void {
    for (const { requestId, timestamp, groups } of sent) {
      const frame = this.#of(requestId);
      frame.timestamp = timestamp;
      frame.groups = groups;
      this.#frames += 1;
      this.#groups += groups;
    }
    for (const { byModel, calls } of results) {
      if (byModel) this.#assessed += 1;
      else this.#byRules += 1;
      this.#calls += calls.length;
      this.#callsOk += calls.filter((call) => call.outcome === 'ok').length;
    }
    this.#forget(this.#now() - FORGET_MS);
  }

  viewer({ pushed, alerts }: ViewerBatch): void {
    this.#alerts += alerts;
    for (const { requestId, revision, at, judged } of pushed) {
      const { pushes } = this.#of(requestId);
      if (pushes.has(revision)) this.#doubled += 1;
      else pushes.set(revision, { at, judged });
      if (revision > 0) this.#revisions += 1;
    }
  }

  /** The counts at the end, recent frames included. */
  figures(): LoadFigures {
    this.#forget(Infinity);
    const found = percentiles(this.#latencies);
    return {
      frames: this.#frames,
      groups: this.#groups,
      latencyMs:
        found === null
          ? null
          : { ...found, mean: this.#latencies.reduce((sum, each) => sum + each, 0) / this.#latencies.length },
      firstMs: percentiles(this.#firsts),
      assessed: this.#assessed,
      byRules: this.#byRules,
      unjudged: this.#unjudged,
      calls: this.#calls,
      callsOk: this.#callsOk,
      revisions: this.#revisions,
      alerts: this.#alerts,
      lost: this.#lost,
      doubled: this.#doubled,
    };
  }

  #of(requestId: string): Recent {
    const known = this.#recent.get(requestId);
    if (known !== undefined) return known;
    const made: Recent = { timestamp: null, since: this.#now(), groups: 0, pushes: new Map() };
    this.#recent.set(requestId, made);
    return made;
  }

  #forget(before: number): void {
    for (const [requestId, { timestamp, since, groups, pushes }] of this.#recent) {
      if (since > before) break;
      this.#recent.delete(requestId);
      if (timestamp === null) continue;
      const arrived = [...pushes.values()];
      const [first] = arrived;
      if (first === undefined) this.#lost += 1;
      else this.#firsts.push(first.at - timestamp);
      this.#unjudged += groups - Math.max(0, ...arrived.map(({ judged }) => judged));
      const whole = arrived.find(({ judged }) => judged === groups);
      if (whole !== undefined) this.#latencies.push(whole.at - timestamp);
    }
  }
}
