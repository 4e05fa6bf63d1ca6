import { alertFacts } from '../alarms/alert-facts.ts';
import type { OpenAlarm } from '../alarms/open-alarm.ts';
import type { Handled } from '../alarms/alarm-guard.types.ts';
import { ScopedAlarms } from '../alarms/scoped-alarms.ts';
import type { AlarmListener, AlarmPort, AlarmScope } from '../http/alarm-port.ts';
import { ANY_BODY, type Bus, type StoredMessage } from '../infra/bus.ts';
import { Aggregate } from '../messages/aggregate.ts';
import type { Alarm, AlarmId, AlarmLoad } from '../messages/alarm.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, pause, systemClock, type TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

/** Alerts of this long before the start are read. */
const BACK_MS = 24 * 60 * 60_000;
/** Revisions of alerts read at the start: the newest ones. */
const MOST_BACK = 10_000;
const AGAIN_MS = 1_000;
/** Changes of an alarm that call nobody are told this often. */
const TELL_EVERY_MS = 500;
/** Sources and floods that are over are looked for this often. */
const ADVANCE_EVERY_MS = 10_000;
/** Alerts acknowledged at a time. */
const AT_ONCE = 16;
const UNHANDLED: Handled = { acknowledged: false, isFalse: null };

/** The handling of alerts, as the guard needs it. */
export interface AlarmDesk {
  readonly isShelved: (
    alert: { readonly cameraId: CameraId; readonly kinds: readonly EventKind[] },
    at: number,
  ) => boolean;
  readonly handled: (alert: { readonly alertId: RequestId; readonly cameraId: CameraId }) => Handled;
  /** Rejects `BUS_DOWN`. */
  readonly acknowledge: (
    alert: { readonly alertId: RequestId; readonly cameraId: CameraId },
    by: string,
  ) => Promise<void>;
}

export interface AlarmWatchOptions {
  readonly bus: Pick<Bus, 'last' | 'read' | 'follow'>;
  readonly log: ActorLog;
  readonly clock?: Clock;
  /** Default: nothing is shelved, and acknowledgements are kept by this process only. */
  readonly desk?: AlarmDesk;
}

/**
 * Follows the alerts of all nodes, from a day ago on, and makes alarms of them. Every node with the role `web` makes
 * the same ones.
 */
export class AlarmWatch implements AlarmPort {
  readonly #options: AlarmWatchOptions;
  readonly #clock: Clock;
  readonly #desk: AlarmDesk | null;
  readonly #alarms = new ScopedAlarms();
  readonly #stop = new AbortController();
  /** Time of the newest alert, and when it came here; epoch ms. */
  #newest = { at: 0, cameAt: 0 };
  #timer: TimerHandle | null = null;
  /** Alarms of the past call nobody: set once they are read. */
  #live = false;

  constructor(options: AlarmWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#desk = options.desk ?? null;
  }

  figures(): ScopedAlarms['figures'] {
    return this.#alarms.figures;
  }

  /** Begins to follow. */
  start(): void {
    this.#tick();
    void this.#begin();
  }

  close(): void {
    this.#stop.abort();
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
  }

  list(scope: AlarmScope, from: number): readonly Alarm[] {
    return this.#alarms.list(scope, from);
  }

  load(scope: AlarmScope, hours: number): AlarmLoad {
    return this.#alarms.load(scope, hours, this.#clock.now());
  }

  watch(scope: AlarmScope, listener: AlarmListener): () => void {
    const changed = new Set<OpenAlarm>();
    let timer: TimerHandle | null = null;
    const tell = (alarm: OpenAlarm, announce: boolean): void => {
      const view = this.#alarms.view(scope, alarm);
      if (view !== null) listener(view, announce);
    };
    const unwatch = this.#alarms.watch(scope, ({ alarm, announce }) => {
      if (announce && this.#live) {
        changed.delete(alarm);
        tell(alarm, true);
        return;
      }
      changed.add(alarm);
      timer ??= this.#clock.setTimeout(() => {
        timer = null;
        for (const each of changed) tell(each, false);
        changed.clear();
      }, TELL_EVERY_MS);
    });
    return () => {
      unwatch();
      if (timer !== null) this.#clock.clearTimeout(timer);
    };
  }

  async acknowledge(scope: AlarmScope, alarmId: AlarmId, by: string): Promise<Alarm | null> {
    const alerts = this.#alarms.alertsOf(scope, alarmId);
    if (alerts === null) return null;
    for (let first = 0; first < alerts.length; first += AT_ONCE)
      await Promise.all(
        alerts.slice(first, first + AT_ONCE).map(async (alert) => {
          await this.#desk?.acknowledge(alert, by);
          const now = this.#desk?.handled(alert) ?? UNHANDLED;
          this.handled(alert.alertId, { ...now, acknowledged: true });
        }),
      );
    return this.#alarms.find(scope, alarmId);
  }

  rescope(): void {
    this.#alarms.rescope();
  }

  /** An alert was acknowledged or judged, here or on another node, or that was taken back. */
  handled(alertId: RequestId, handled: Handled): void {
    this.#alarms.handle(alertId, handled);
  }

  /** Reads what is kept, then follows. Never rejects. */
  async #begin(): Promise<void> {
    const { bus, log } = this.#options;
    const { signal } = this.#stop;
    let next: number | null = null;
    while (next === null && !signal.aborted) {
      try {
        next = await this.#firstWanted();
      } catch (thrown) {
        log.debug({ err: asError(thrown).message }, 'the alerts that alarms are made of cannot be read yet');
        await pause(this.#clock, AGAIN_MS, signal);
      }
    }
    if (next === null) return;
    bus.follow({
      stream: streams.alerts,
      filter: subjects.alerts,
      parser: Aggregate,
      from: { seq: next },
      signal,
      onMessage: (message) => this.#take(message),
    });
  }

  /** Sequence of the first alert of the last day, or of the last {@link MOST_BACK}. */
  async #firstWanted(): Promise<number> {
    const { bus, log } = this.#options;
    const about = { stream: streams.alerts, parser: ANY_BODY };
    const last = await bus.last({ ...about, subject: subjects.alerts });
    if (last === null) return 1;
    const [first] = await bus.read({ ...about, from: { time: this.#clock.now() - BACK_MS }, limit: 1 });
    const ofDay = first?.seq ?? last.seq + 1;
    const bound = last.seq - MOST_BACK + 1;
    if (bound > ofDay)
      log.info({ left: bound - ofDay }, `alarms are made of the newest ${MOST_BACK} alerts; older ones are left out`);
    return Math.max(ofDay, bound, 1);
  }

  #take({ body, storedAt }: StoredMessage<Aggregate>): void {
    const { cameraId, requestId } = body;
    this.#live = storedAt > this.#clock.now() - 60_000;
    const facts = alertFacts(body, storedAt);
    this.#newest = { at: facts.at, cameAt: this.#clock.now() };
    const kinds = facts.incidents.flatMap(({ kind }) => kind ?? []);
    if (this.#desk?.isShelved({ cameraId, kinds }, facts.at) === true) return;
    this.#alarms.take(facts);
    if (this.#desk !== null) this.handled(requestId, this.#desk.handled({ alertId: requestId, cameraId }));
  }

  #tick(): void {
    this.#timer = this.#clock.setTimeout(() => {
      // Alerts may lag behind the clock: their time goes on from the newest.
      const { at, cameAt } = this.#newest;
      if (at > 0) this.#alarms.advance(at + this.#clock.now() - cameAt);
      this.#tick();
    }, ADVANCE_EVERY_MS);
  }
}
