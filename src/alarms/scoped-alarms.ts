import type { Alarm, AlarmLoad } from '../messages/alarm.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import { AlarmGuard } from './alarm-guard.ts';
import type { AlarmChange, GuardFigures, Handled } from './alarm-guard.types.ts';
import { alarmLoad, type LoadIncident } from './alarm-load.ts';
import type { AlertFacts } from './alert-facts.ts';
import type { OpenAlarm } from './open-alarm.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Bounds of the memory that all scopes share. At a bound the oldest facts and the least used guard are forgotten. */
export interface ScopedLimits {
  /** Revisions of alerts. */
  readonly facts: number;
  /** Guards, that of all cameras apart. A scope beyond them sees its part of that one's alarms. */
  readonly scopes: number;
}
export const SCOPED_LIMITS: ScopedLimits = { facts: 20_000, scopes: 64 };

export interface Scope {
  /** Null: every camera. */
  readonly groups: readonly string[] | null;
  readonly sees: (cameraId: CameraId) => boolean;
}

/** Told of changed alarms; the guard's alarm may be of more cameras than the scope, see `view`. */
export type ScopeListener = (change: AlarmChange) => void;

interface ScopedGuard {
  readonly scope: Scope;
  guard: AlarmGuard;
  readonly listeners: Set<ScopeListener>;
}

/**
 * A guard for each scope that somebody looks at, all fed with the same alerts. A guard that is needed again is made of
 * the facts of the last day, so it has the alarms that it would have had all along. Pure.
 */
export class ScopedAlarms {
  readonly #limits: ScopedLimits;
  readonly #ofAll: ScopedGuard = newGuard({ groups: null, sees: () => true });
  /** The one that was asked for first at the front. */
  readonly #scopes = new Map<string, ScopedGuard>();
  #facts: AlertFacts[] = [];
  readonly #handled = new Map<RequestId, Handled>();
  #dropped = 0;
  #now = 0;

  constructor(limits: ScopedLimits = SCOPED_LIMITS) {
    this.#limits = limits;
  }

  /** Of the guard of all cameras; `scopes`: guards now; `dropped`: facts forgotten before their day was over. */
  get figures(): GuardFigures & { readonly scopes: number; readonly dropped: number } {
    return { ...this.#ofAll.guard.figures, scopes: this.#scopes.size, dropped: this.#dropped };
  }

  take(facts: AlertFacts): void {
    this.#now = Math.max(this.#now, facts.at);
    this.#facts.push(facts);
    this.#bound();
    for (const each of this.#guards())
      if (each.scope.sees(facts.cameraId)) tell(each, this.#withHandling(each.guard, facts));
  }

  advance(now: number): void {
    this.#now = Math.max(this.#now, now);
    for (const each of this.#guards()) tell(each, each.guard.advance(now));
  }

  /** Somebody acknowledged or judged an alert, or took that back. */
  handle(alertId: RequestId, handled: Handled): void {
    if (handled.acknowledged || handled.isFalse !== null) this.#handled.set(alertId, handled);
    else this.#handled.delete(alertId);
    for (const each of this.#guards()) tell(each, handleIn(each.guard, alertId, handled));
  }

  /** Calls `listener` until the returned function is called. */
  watch(scope: Scope, listener: ScopeListener): () => void {
    const scoped = this.#scoped(scope);
    scoped.listeners.add(listener);
    return () => void scoped.listeners.delete(listener);
  }

  /** As told to operators of the scope; null when none of its cameras is in it. */
  view(scope: Scope, alarm: OpenAlarm): Alarm | null {
    return alarm.view(scope.groups === null ? null : scope.sees);
  }

  /** Updated at or after `from`, newest first. */
  list(scope: Scope, from: number): readonly Alarm[] {
    return [...this.#scoped(scope).guard.alarms]
      .filter(({ updatedAt }) => updatedAt >= from)
      .toSorted((a, b) => b.updatedAt - a.updatedAt)
      .flatMap((alarm) => this.view(scope, alarm) ?? []);
  }

  /** Alerts of an alarm in the scope; null when there is no such alarm. */
  alertsOf(
    scope: Scope,
    alarmId: string,
  ): readonly { readonly alertId: RequestId; readonly cameraId: CameraId }[] | null {
    const alarm = this.#scoped(scope).guard.find(alarmId);
    if (alarm === null || this.view(scope, alarm) === null) return null;
    const cameras = new Map(
      [...alarm.members]
        .filter(({ cameraId }) => scope.sees(cameraId))
        .map(({ alertId, cameraId }) => [alertId, cameraId]),
    );
    return [...cameras].map(([alertId, cameraId]) => ({ alertId, cameraId }));
  }

  find(scope: Scope, alarmId: string): Alarm | null {
    const alarm = this.#scoped(scope).guard.find(alarmId);
    return alarm === null ? null : this.view(scope, alarm);
  }

  /** @param to epoch ms */
  load(scope: Scope, hours: number, to: number): AlarmLoad {
    const { guard } = this.#scoped(scope);
    const from = to - hours * 60 * 60_000;
    return alarmLoad({
      from,
      to,
      calls: guard.calls(from),
      incidents: this.#incidents(scope),
      stale: staleOf(guard, to),
    });
  }

  /** The groups of cameras changed: makes the guards of scopes anew. Their listeners are told of every alarm. */
  rescope(): void {
    for (const scoped of this.#scopes.values()) {
      scoped.guard = this.#replayed(scoped.scope);
      tell(
        scoped,
        [...scoped.guard.alarms].map((alarm) => ({ alarm, announce: false })),
      );
    }
  }

  /** Each incident once, at its first revision. */
  #incidents({ sees }: Scope): LoadIncident[] {
    const seen = new Set<string>();
    const incidents: LoadIncident[] = [];
    for (const { at, cameraId, incidents: all } of this.#facts) {
      if (!sees(cameraId)) continue;
      for (const { key, kind, dangerous } of all) {
        if (!dangerous || seen.has(key)) continue;
        seen.add(key);
        incidents.push({ at, cameraId, kind });
      }
    }
    return incidents;
  }

  *#guards(): Generator<ScopedGuard> {
    yield this.#ofAll;
    yield* this.#scopes.values();
  }

  #scoped(scope: Scope): ScopedGuard {
    if (scope.groups === null) return this.#ofAll;
    // No name of a group has a line break.
    const key = scope.groups.toSorted().join('\n');
    const known = this.#scopes.get(key);
    if (known !== undefined) {
      this.#scopes.delete(key);
      this.#scopes.set(key, known);
      return known;
    }
    if (this.#scopes.size >= this.#limits.scopes && !this.#dropUnwatched()) return this.#ofAll;
    const made = { ...newGuard(scope), guard: this.#replayed(scope) };
    this.#scopes.set(key, made);
    return made;
  }

  #dropUnwatched(): boolean {
    for (const [key, { listeners }] of this.#scopes) {
      if (listeners.size > 0) continue;
      this.#scopes.delete(key);
      return true;
    }
    return false;
  }

  #replayed({ sees }: Scope): AlarmGuard {
    const guard = new AlarmGuard();
    for (const facts of this.#facts) if (sees(facts.cameraId)) this.#withHandling(guard, facts);
    guard.advance(this.#now);
    return guard;
  }

  #withHandling(guard: AlarmGuard, facts: AlertFacts): readonly AlarmChange[] {
    const changes = guard.take(facts);
    const handled = this.#handled.get(facts.alertId);
    return handled === undefined ? changes : [...changes, ...handleIn(guard, facts.alertId, handled)];
  }

  #bound(): void {
    // Cut in large pieces, so that each fact is moved once or twice only.
    const isFull = this.#facts.length >= this.#limits.facts;
    const old = this.#facts[Math.floor(this.#facts.length / 2)];
    const isOld = old !== undefined && this.#facts.length > 100 && old.at < this.#now - DAY_MS;
    if (!isFull && !isOld) return;
    const half = Math.floor(this.#facts.length / 2);
    if (isFull && !isOld) this.#dropped += half;
    for (const { alertId } of this.#facts.slice(0, half)) this.#handled.delete(alertId);
    this.#facts = this.#facts.slice(half);
  }
}

const newGuard = (scope: Scope): ScopedGuard => ({ scope, guard: new AlarmGuard(), listeners: new Set() });

function handleIn(guard: AlarmGuard, alertId: RequestId, { acknowledged, isFalse }: Handled): readonly AlarmChange[] {
  guard.judge(alertId, isFalse);
  return guard.acknowledge(alertId, acknowledged);
}

function tell({ listeners }: ScopedGuard, changes: readonly AlarmChange[]): void {
  for (const change of changes) for (const listener of listeners) listener(change);
}

function staleOf(guard: AlarmGuard, now: number): AlarmLoad['stale'] {
  return [...guard.alarms]
    .filter(({ openedAt, state }) => state === 'open' && openedAt < now - DAY_MS)
    .slice(0, 100)
    .flatMap((alarm) => {
      const view = alarm.view();
      if (view === null) return [];
      const { alarmId, openedAt, level, cameraIds } = view;
      return [{ alarmId, openedAt, level, cameraIds }];
    });
}
