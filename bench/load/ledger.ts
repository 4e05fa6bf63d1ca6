/** The counts of `npm run bench`. Memory is bounded, except for one number a frame. All times in ms. */
import { type Percentiles, percentiles } from '../../src/cli/check/percentiles.ts';
import type { LoadBatch, ViewerBatch } from '../pipeline/orders.ts';

export interface LoadFigures {
  readonly frames: number;
  readonly groups: number;
  /** From the frame's own time to the viewer. */
  readonly latencyMs: (Percentiles & { readonly mean: number }) | null;
  readonly assessed: number;
  readonly unknown: number;
  readonly missingGroups: number;
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
  readonly pushes: Map<number, number>;
}

/** After this, a frame that has not arrived is lost, and a second copy goes unnoticed. */
const FORGET_MS = 60_000;

export class LoadLedger {
  readonly #recent = new Map<string, Recent>();
  readonly #latencies: number[] = [];
  readonly #now: () => number;
  #frames = 0;
  #groups = 0;
  #assessed = 0;
  #unknown = 0;
  #missing = 0;
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
      this.#of(requestId).timestamp = timestamp;
      this.#frames += 1;
      this.#groups += groups;
    }
    for (const { unknown, calls } of results) {
      if (unknown) this.#unknown += 1;
      else this.#assessed += 1;
      this.#calls += calls.length;
      this.#callsOk += calls.filter((call) => call.outcome === 'ok').length;
    }
    this.#forget(this.#now() - FORGET_MS);
  }

  viewer({ pushed, alerts }: ViewerBatch): void {
    this.#alerts += alerts;
    for (const { requestId, revision, at, missing } of pushed) {
      const { pushes } = this.#of(requestId);
      if (pushes.has(revision)) this.#doubled += 1;
      else pushes.set(revision, at);
      if (revision === 0) this.#missing += missing;
      else this.#revisions += 1;
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
      assessed: this.#assessed,
      unknown: this.#unknown,
      missingGroups: this.#missing,
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
    const made: Recent = { timestamp: null, since: this.#now(), pushes: new Map() };
    this.#recent.set(requestId, made);
    return made;
  }

  #forget(before: number): void {
    for (const [requestId, { timestamp, since, pushes }] of this.#recent) {
      if (since > before) break;
      this.#recent.delete(requestId);
      const first = pushes.get(0);
      if (timestamp === null) continue;
      if (first === undefined) this.#lost += 1;
      else this.#latencies.push(first - timestamp);
    }
  }
}
