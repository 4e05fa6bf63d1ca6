import { AlertHandling } from '../messages/alert-handling.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { type Changed, changeNewest, type DeskStore } from './desk-store.ts';
import { type HandlingChange, unhandled } from './handling-changes.ts';

/** Handled alerts in memory, about 400 bytes each. The stream keeps fewer. */
export const MOST_HANDLED = 100_000;

export interface HandlingsOptions {
  readonly store: DeskStore;
  readonly signal: AbortSignal;
  /** Called with each change, of this node and of others, once. */
  readonly onChange: (handling: AlertHandling) => void;
}

/** The states before and after a change. */
interface HandlingStates {
  readonly before: AlertHandling;
  readonly after: AlertHandling;
}
type HandlingChanged = Changed<AlertHandling, HandlingStates | 'conflict'>;

/** How alerts were handled: the stream's newest state of each, in memory. */
export class Handlings {
  readonly #options: HandlingsOptions;
  /** In the order of their last change, the oldest first. */
  readonly #byId = new Map<string, AlertHandling>();

  constructor(options: HandlingsOptions) {
    this.#options = options;
    const { store, signal } = options;
    store.follow({
      stream: streams.alertDesk,
      filter: subjects.alertHandlings,
      parser: AlertHandling,
      from: { seq: 1 },
      signal,
      onMessage: ({ body }) => this.#learn(body),
      // The follower then reads the rest of the stream.
      onReset: () => this.#byId.clear(),
    });
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Null while nobody has done anything. */
  get(alertId: string): AlertHandling | null {
    return this.#byId.get(alertId) ?? null;
  }

  /**
   * Applies a change to the newest state, and again when another node wrote in between. Resolves to both states, or to
   * `conflict` when the newest state hasn't the wanted revision. Rejects `BUS_DOWN`.
   *
   * @param revision that the newest state must have; null: any
   */
  async change(
    alert: Pick<AlertHandling, 'alertId' | 'cameraId'>,
    change: HandlingChange,
    revision: number | null = null,
  ): Promise<HandlingStates | 'conflict'> {
    const where = { subject: subjects.alertHandling(alert.alertId), parser: AlertHandling };
    const { result, stored } = await changeNewest(this.#options.store, where, (newest): HandlingChanged => {
      const before = newest ?? unhandled(alert);
      if (revision !== null && before.revision !== revision) return { result: 'conflict' };
      const after = change(before);
      const states = { before, after };
      return after === before ? { result: states } : { result: states, body: after };
    });
    if (stored !== null) this.#learn(stored.body);
    return result;
  }

  #learn(handling: AlertHandling): void {
    const { alertId, revision } = handling;
    if ((this.#byId.get(alertId)?.revision ?? 0) >= revision) return;
    this.#byId.delete(alertId);
    this.#byId.set(alertId, handling);
    const [oldest] = this.#byId.size > MOST_HANDLED ? this.#byId.keys() : [];
    if (oldest !== undefined) this.#byId.delete(oldest);
    this.#options.onChange(handling);
  }
}
