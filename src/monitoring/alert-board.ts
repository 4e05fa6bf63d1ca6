import type { NodeAlerts, SystemAlert } from '../messages/monitoring.ts';
import { alertKey } from './alert-engine.ts';

/** A node that told nothing for so long is left out. */
const GONE_MS = 30_000;
const MOST_NODES = 1_000;

/** The alerts of all nodes. Pure: every call takes the time, epoch ms. */
export class AlertBoard {
  /** The one that told last at the end. */
  readonly #nodes = new Map<string, { readonly at: number; readonly told: NodeAlerts }>();

  note(told: NodeAlerts, now: number): void {
    this.#nodes.delete(told.nodeId);
    this.#nodes.set(told.nodeId, { at: now, told });
    for (const [nodeId, { at }] of this.#nodes)
      if (now - at > GONE_MS || this.#nodes.size > MOST_NODES) this.#nodes.delete(nodeId);
  }

  isPresent(nodeId: string, now: number): boolean {
    const node = this.#nodes.get(nodeId);
    return node !== undefined && now - node.at <= GONE_MS;
  }

  /** The oldest first; of an alert that several nodes share, the first to fire. */
  list(now: number): readonly SystemAlert[] {
    const found = new Map<string, SystemAlert>();
    for (const { told } of this.#present(now))
      for (const alert of told.alerts) {
        const key = alertKey(alert);
        const known = found.get(key);
        if (known === undefined || isFurther(alert, known)) found.set(key, alert);
      }
    return [...found.values()].toSorted((a, b) => a.since.localeCompare(b.since));
  }

  /** The readings of a rule, one for each node that has one. */
  valuesOf(rule: string, now: number): readonly number[] {
    return this.#present(now).flatMap(({ told }) =>
      Object.hasOwn(told.values, rule) ? [told.values[rule] ?? Number.NaN] : [],
    );
  }

  #present(now: number): readonly { readonly told: NodeAlerts }[] {
    return [...this.#nodes.values()].filter(({ at }) => now - at <= GONE_MS);
  }
}

const STEPS = ['pending', 'clearing', 'firing'] as const;
const isFurther = (a: SystemAlert, b: SystemAlert): boolean =>
  STEPS.indexOf(a.state) - STEPS.indexOf(b.state) > 0 || (a.state === b.state && a.since < b.since);
