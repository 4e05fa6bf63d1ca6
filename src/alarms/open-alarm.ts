import { type Alarm, type AlarmLevel, type AlarmReason, MOST_IN_ALARM } from '../messages/alarm.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import type { EventKind } from '../messages/scene-constants.ts';

/** Newer members are named before older ones, which operators have seen. */
const FRESH_MS = 30 * 60_000;

/** A member of an alarm: an incident, or an alert about a group. */
export interface Member {
  readonly key: string;
  readonly alertId: RequestId;
  readonly incidentId: string | null;
  readonly cameraId: CameraId;
  readonly kind: EventKind | null;
  /** When the guard took it, epoch ms. */
  readonly takenAt: number;
  /** Time of its alert's frame, epoch ms. */
  readonly frameAt: number;
  level: AlarmLevel;
  /** Points, see `alarm-trust.ts`. */
  trust: number;
  confirmed: boolean;
  over: boolean;
  acknowledged: boolean;
  /** By the people who looked at its alert; null while they have not said. */
  isFalse: boolean | null;
}

/** Whether news change nothing of a member. */
export const isSame = (member: Member, news: Pick<Member, 'level' | 'trust' | 'confirmed' | 'over'>): boolean =>
  member.level === news.level &&
  member.confirmed === news.confirmed &&
  member.over === news.over &&
  member.trust === news.trust;

/** An alarm while the guard knows it. Its memory is bounded by the guard, which forgets its oldest members. */
export class OpenAlarm {
  readonly alarmId: string;
  readonly openedAt: number;
  readonly #members = new Map<string, Member>();
  /** The members named in messages, best first; those of the last half hour push out the older. */
  #top: Member[] = [];
  readonly #cameras = new Set<CameraId>();
  readonly #kinds = new Set<EventKind>();
  reason: AlarmReason;
  updatedAt: number;
  /** When it took its newest member. */
  takenAt: number;
  level: AlarmLevel;
  /** Whether it takes further members. */
  accepts: boolean;
  #count = 0;
  #unacknowledged = 0;
  #going = 0;

  constructor(reason: AlarmReason, first: Member, now: number) {
    this.alarmId = `${reason.charAt(0)}-${first.key}`;
    this.reason = reason;
    this.openedAt = now;
    this.updatedAt = now;
    this.takenAt = now;
    this.level = first.level;
    this.accepts = reason !== 'incident';
    this.add(first, now);
  }

  /** Members in all, forgotten ones included. */
  get count(): number {
    return this.#count;
  }

  get members(): Iterable<Member> {
    return this.#members.values();
  }

  /** True when the alarm's level rose. */
  add(member: Member, now: number): boolean {
    this.#members.set(member.key, member);
    this.#cameras.add(member.cameraId);
    if (member.kind !== null) this.#kinds.add(member.kind);
    this.#count += 1;
    this.#unacknowledged += member.acknowledged ? 0 : 1;
    this.#going += member.over ? 0 : 1;
    this.#rank(member, now);
    this.updatedAt = now;
    this.takenAt = now;
    return this.#raise(member.level);
  }

  /** Takes what is new about a member. True when the alarm's level rose. */
  update(member: Member, news: Pick<Member, 'level' | 'trust' | 'confirmed' | 'over'>, now: number): boolean {
    this.#going += (news.over ? 0 : 1) - (member.over ? 0 : 1);
    Object.assign(member, news);
    this.#top = this.#top.filter((each) => each !== member);
    this.#rank(member, now);
    this.updatedAt = now;
    return this.#raise(member.level);
  }

  acknowledge(member: Member, acknowledged: boolean, now: number): void {
    if (member.acknowledged === acknowledged) return;
    member.acknowledged = acknowledged;
    this.#unacknowledged += acknowledged ? -1 : 1;
    this.updatedAt = now;
  }

  /** Gives a member up to another alarm. */
  remove(member: Member, now: number): void {
    this.forget(member);
    this.#count -= 1;
    this.updatedAt = now;
  }

  /** Counts a member on, but remembers nothing else of it. */
  forget(member: Member): void {
    if (!this.#members.delete(member.key)) return;
    this.#unacknowledged -= member.acknowledged ? 0 : 1;
    this.#going -= member.over ? 0 : 1;
    this.#top = this.#top.filter((each) => each !== member);
  }

  get state(): Alarm['state'] {
    if (this.#unacknowledged > 0) return 'open';
    const isOver = this.reason === 'incident' ? this.#going === 0 : !this.accepts;
    return isOver ? 'closed' : 'acknowledged';
  }

  /** As told to operators; of cameras that `sees` accepts only. Null when it has none. */
  view(sees: ((cameraId: CameraId) => boolean) | null = null): Alarm | null {
    const [cameras, top] =
      sees === null
        ? [[...this.#cameras], this.#top]
        : [[...this.#cameras].filter(sees), this.#top.filter(({ cameraId }) => sees(cameraId))];
    if (cameras.length === 0) return null;
    const fresh = (member: Member): boolean => member.takenAt > this.updatedAt - FRESH_MS;
    return {
      alarmId: this.alarmId,
      reason: this.reason,
      openedAt: timeOf(this.openedAt),
      updatedAt: timeOf(this.updatedAt),
      level: this.level,
      cameraIds: cameras.slice(0, MOST_IN_ALARM.cameras),
      cameras: cameras.length,
      kinds: [...this.#kinds],
      count: this.#count,
      members: [...top.filter(fresh), ...top.filter((each) => !fresh(each))].map(
        ({ alertId, incidentId, cameraId, kind, level, frameAt }) => ({
          alertId,
          incidentId,
          cameraId,
          kind,
          level,
          at: timeOf(frameAt),
        }),
      ),
      state: this.state,
    };
  }

  #raise(level: AlarmLevel): boolean {
    if (level !== 'high' || this.level === 'high') return false;
    this.level = 'high';
    return true;
  }

  #rank(member: Member, now: number): void {
    const top = this.#top;
    const place = top.findIndex((each) => each.trust < member.trust);
    top.splice(place === -1 ? top.length : place, 0, member);
    if (top.length <= MOST_IN_ALARM.members) return;
    const stale = top.findLastIndex(({ takenAt }) => takenAt <= now - FRESH_MS);
    top.splice(stale === -1 ? top.length - 1 : stale, 1);
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
