import type { EventKind } from '../messages/scene-constants.ts';
import { type Family, familyOf } from './kind-families.ts';
import { type Situation, TEN_MINUTES_MS } from './announcements.ts';
import { LastTimes } from './last-times.ts';
import type { OpenAlarm } from './open-alarm.ts';

/** Incidents in ten minutes that make a flood, and below which it is over: ISA-18.2's five. */
const FLOOD = 5;

interface Collecting {
  readonly alarm: OpenAlarm;
  readonly family: Family;
  readonly times: LastTimes;
}

/** The alarms that collect the incidents of all sources: at most one for each family of kinds. */
export class FloodAlarms {
  #collecting: Collecting[] = [];

  /** For an incident of a kind. */
  situation(kind: EventKind | null, now: number): Situation {
    const many = this.#current().filter(({ times }) => times.has(FLOOD, TEN_MINUTES_MS, now));
    return {
      flooded: many.length > 0,
      familyFlooded: many.some(({ family }) => family === familyOf(kind)),
    };
  }

  add(alarm: OpenAlarm, kind: EventKind | null, now: number): void {
    const times = new LastTimes(FLOOD);
    times.add(now);
    this.#collecting = [...this.#current(), { alarm, family: familyOf(kind), times }];
  }

  /** The one for the family of a kind. */
  find(kind: EventKind | null): OpenAlarm | null {
    return this.#current().find(({ family }) => family === familyOf(kind))?.alarm ?? null;
  }

  /** The newest. */
  any(): OpenAlarm | null {
    return this.#current().at(-1)?.alarm ?? null;
  }

  /** The alarm got an incident. */
  count(alarm: OpenAlarm, now: number): void {
    this.#collecting.find((each) => each.alarm === alarm)?.times.add(now);
  }

  #current(): Collecting[] {
    if (this.#collecting.some(({ alarm }) => !alarm.accepts))
      this.#collecting = this.#collecting.filter(({ alarm }) => alarm.accepts);
    return this.#collecting;
  }
}
