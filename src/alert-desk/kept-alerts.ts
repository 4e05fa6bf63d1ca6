import { ANY_BODY, type Bus } from '../infra/bus.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { alertEntry, ListedAlert } from './alert-entry.ts';
import { AlertList } from './alert-list.ts';

/** How often alerts that the stream has dropped leave the list. */
const SWEEP_MS = 60_000;
const AGAIN_MS = 1_000;

export interface KeptAlertsOptions {
  readonly bus: Pick<Bus, 'follow' | 'last' | 'read'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly signal: AbortSignal;
  /** Default: `MOST_ENTRIES`. */
  readonly most?: number;
}

/**
 * The list of the alerts that the stream ALERTS keeps, read from its beginning in the background and then followed.
 * After a loss of the stream it is read anew.
 */
export class KeptAlerts {
  readonly list: AlertList;
  readonly #options: KeptAlertsOptions;
  /** The list is complete once it has this sequence; null: not known yet. */
  #target: number | null = null;
  #reached = 0;

  constructor(options: KeptAlertsOptions) {
    this.#options = options;
    this.list = new AlertList(options.most);
    const { bus, signal } = options;
    bus.follow({
      stream: streams.alerts,
      filter: subjects.alerts,
      parser: ListedAlert,
      from: { seq: 1 },
      signal,
      onMessage: ({ seq, body }) => {
        this.#reached = Math.max(seq, this.#reached);
        if (body !== null) this.list.put(alertEntry(body, seq));
      },
      // The follower then reads the rest of the stream.
      onReset: () => {
        this.list.clear();
        this.#reached = 0;
      },
    });
    void this.#watch();
  }

  /** Every alert that was kept at the start is in the list. */
  get complete(): boolean {
    return this.#target !== null && this.#reached >= this.#target;
  }

  /** Never rejects. */
  async #watch(): Promise<void> {
    const { clock, log, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#sweep();
        await pause(clock, SWEEP_MS, signal);
      } catch (thrown) {
        log.debug({ err: asError(thrown).message }, 'the bounds of the stream of alerts cannot be read now');
        await pause(clock, AGAIN_MS, signal);
      }
    }
  }

  async #sweep(): Promise<void> {
    const { bus } = this.#options;
    const about = { stream: streams.alerts, parser: ANY_BODY } as const;
    const had = this.#reached;
    const newest = await bus.last({ ...about, subject: subjects.alerts });
    if (!this.complete) this.#target = newest?.seq ?? 0;
    const [oldest] = await bus.read({ ...about, filter: subjects.alerts, from: { seq: 1 }, limit: 1 });
    if (oldest !== undefined) this.list.forgetBefore(oldest.seq);
    // An alert that was stored meanwhile stays.
    else if (newest === null) this.list.forgetBefore(had + 1);
  }
}
