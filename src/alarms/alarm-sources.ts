import type { CameraId } from '../messages/ids.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { TEN_MINUTES_MS } from './announcements.ts';
import { familyOf } from './kind-families.ts';
import { LastTimes } from './last-times.ts';
import type { OpenAlarm } from './open-alarm.ts';

const MINUTE_MS = 60_000;
/** Sources remembered. At the bound the one that has been quiet for longest is forgotten. */
const MOST_SOURCES = 20_000;

interface Bounds {
  readonly perMinute: number;
  readonly perTenMinutes: number;
}

/** From so many incidents in a minute, or in ten, a source chatters: ISA-18.2's three, and a slower kind. */
export const KIND_CHATTERS: Bounds = { perMinute: 3, perTenMinutes: 6 };
/** The same for a family of kinds together, where each may be below its own bound. */
export const FAMILY_CHATTERS: Bounds = { perMinute: 8, perTenMinutes: 20 };
/** A source that makes one of so many incidents, or fewer, is no source of trouble of its own: that is a flood. */
const ONE_OF = 10;

/** Of any source while there is a flood, when chance alone makes short runs. */
export const CHATTERS_IN_FLOOD: Bounds = { perMinute: 20, perTenMinutes: 20 };
const MOST_COUNTED = 20;

/** One kind of event of a camera, or a family of kinds. */
export interface Source {
  readonly times: LastTimes;
  /** The newest alarm about it alone. */
  alarm: OpenAlarm | null;
  /** Its alerts that people judged: `all` true or false, and the false ones. */
  readonly judged: { wrong: number; all: number };
}

/** How often each camera makes incidents of each kind and family. Bounded; O(1) for each incident. */
export class AlarmSources {
  readonly #sources = new Map<string, Source>();
  /** Of all cameras; enough to compare a camera with. */
  readonly #all = new LastTimes(MOST_COUNTED * ONE_OF);

  /** Counts an incident; times never fall. */
  add(cameraId: CameraId, kind: EventKind | null, now: number): { readonly ofKind: Source; readonly family: Source } {
    this.#all.add(now);
    const ofKind = this.of(cameraId, kind);
    const family = this.#sourceOf(`${cameraId}  ${familyOf(kind)}`);
    ofKind.times.add(now);
    family.times.add(now);
    return { ofKind, family };
  }

  of(cameraId: CameraId, kind: EventKind | null): Source {
    return this.#sourceOf(`${cameraId} ${kind ?? ''}`);
  }

  /** Its only incident in ten minutes is the present one. */
  isQuiet({ times }: Source, now: number): boolean {
    return !times.has(2, TEN_MINUTES_MS, now);
  }

  /** Whether a source makes too many incidents, and more than a small part of all. */
  chatters({ times }: Source, { perMinute, perTenMinutes }: Bounds, now: number): boolean {
    if (times.has(perTenMinutes, TEN_MINUTES_MS, now)) return this.#isMuchOfAll(times, perTenMinutes);
    return times.has(perMinute, MINUTE_MS, now) && this.#isMuchOfAll(times, perMinute);
  }

  #isMuchOfAll(times: LastTimes, count: number): boolean {
    return this.#all.at(count * ONE_OF) < times.at(count);
  }

  #sourceOf(name: string): Source {
    const known = this.#sources.get(name);
    // Re-inserted, so that the map's order is that of their newest incidents.
    if (known !== undefined) this.#sources.delete(name);
    const source = known ?? { times: new LastTimes(MOST_COUNTED), alarm: null, judged: { wrong: 0, all: 0 } };
    this.#sources.set(name, source);
    if (this.#sources.size > MOST_SOURCES) {
      const [oldest] = this.#sources.keys();
      if (oldest !== undefined) this.#sources.delete(oldest);
    }
    return source;
  }
}
