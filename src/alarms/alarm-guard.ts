import type { AlarmReason } from '../messages/alarm.ts';
import type { RequestId } from '../messages/ids.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { AlertFacts, IncidentFacts } from './alert-facts.ts';
import { AlarmSources, CHATTERS_IN_FLOOD, FAMILY_CHATTERS, KIND_CHATTERS, type Source } from './alarm-sources.ts';
import { sourceDoubt } from './alarm-trust.ts';
import { Announcements, type Ask, type Situation, TEN_MINUTES_MS } from './announcements.ts';
import type { AlarmChange, GuardFigures, GuardLimits } from './alarm-guard.types.ts';
import { FloodAlarms } from './flood-alarms.ts';
import { isSame, type Member, OpenAlarm } from './open-alarm.ts';

const LIMITS: GuardLimits = { members: 20_000, alarms: 500 };
/** An alarm without news for this long is forgotten. */
const KEPT_MS = 48 * 60 * 60_000;

/**
 * Members after which an alarm of many is full: another one is opened for those that follow, if a call is to spare. An
 * operator reads the first members of each.
 */
const FULL = 1_000;

/**
 * Makes few alarms of many alerts, for one scope. Every incident is a member of exactly one alarm:
 *
 * - in quiet times, of one of its own;
 * - of a source that chatters (a camera, or one kind of event of it), of the source's alarm;
 * - when an operator has been called often enough, of the flood alarm for its family of kinds.
 *
 * An incident that is confirmed as high and is not of a chattering source gets its own alarm as long as there are calls
 * left, also when the confirmation comes later. Within an alarm the most serious and trustworthy come first.
 *
 * Pure: the same alerts in the same order make the same alarms. Time is that of the alerts (epoch ms) and never falls.
 * Bounded; O(1) for each incident.
 */
export class AlarmGuard {
  readonly #limits: GuardLimits;
  readonly #alarms = new Map<string, OpenAlarm>();
  /** By the member's key, the oldest first. */
  readonly #places = new Map<string, { readonly member: Member; alarm: OpenAlarm }>();
  readonly #byAlert = new Map<RequestId, Set<string>>();
  readonly #sources = new AlarmSources();
  readonly #calls = new Announcements();
  readonly #floods = new FloodAlarms();
  /** Alarms that take further members, the one that took its newest member first at the front. */
  readonly #accepting = new Set<OpenAlarm>();
  readonly #callTimes: number[] = [];
  readonly #opened = { incident: 0, source: 0, flood: 0 };
  readonly #folded = { incident: 0, source: 0, flood: 0 };
  #promoted = 0;
  #forgotten = 0;
  #now = 0;
  #changes: AlarmChange[] = [];

  constructor(limits: GuardLimits = LIMITS) {
    this.#limits = limits;
  }

  get figures(): GuardFigures {
    return {
      opened: { ...this.#opened },
      announced: this.#calls.total,
      folded: { ...this.#folded },
      promoted: this.#promoted,
      forgotten: this.#forgotten,
    };
  }

  /** The remembered alarms, oldest first. */
  get alarms(): Iterable<OpenAlarm> {
    return this.#alarms.values();
  }

  /** Times of the calls to the operator since `from`, epoch ms, oldest first. */
  calls(from: number): readonly number[] {
    return this.#callTimes.filter((at) => at >= from);
  }

  find(alarmId: string): OpenAlarm | null {
    return this.#alarms.get(alarmId) ?? null;
  }

  /** Takes a revision of an alert; returns what changed. */
  take({ alertId, cameraId, at, frameAt, incidents }: AlertFacts): readonly AlarmChange[] {
    this.#advance(at);
    for (const facts of incidents) {
      const known = this.#places.get(facts.key);
      if (known !== undefined) this.#update(known, facts);
      else if (facts.dangerous) this.#place(facts, { alertId, cameraId, frameAt });
    }
    return this.#takeChanges();
  }

  /** Time has come to `now`: ends the sources and floods that are over. Returns what changed. */
  advance(now: number): readonly AlarmChange[] {
    this.#advance(now);
    return this.#takeChanges();
  }

  /** An alert was acknowledged, or its acknowledgement was taken back. Returns what changed. */
  acknowledge(alertId: RequestId, acknowledged: boolean): readonly AlarmChange[] {
    for (const key of this.#byAlert.get(alertId) ?? []) {
      const place = this.#places.get(key);
      if (place === undefined) continue;
      place.alarm.acknowledge(place.member, acknowledged, this.#now);
      this.#changed(place.alarm, false);
    }
    return this.#takeChanges();
  }

  /**
   * Somebody said whether an alert was false; null: that was taken back. Later members of its sources are trusted by
   * their share of false alerts.
   */
  judge(alertId: RequestId, isFalse: boolean | null): void {
    for (const key of this.#byAlert.get(alertId) ?? []) {
      const member = this.#places.get(key)?.member;
      if (member === undefined || member.isFalse === isFalse) continue;
      const { judged } = this.#sources.of(member.cameraId, member.kind);
      judged.all += Number(isFalse !== null) - Number(member.isFalse !== null);
      judged.wrong += Number(isFalse === true) - Number(member.isFalse === true);
      member.isFalse = isFalse;
    }
  }

  #advance(now: number): void {
    this.#now = Math.max(this.#now, now);
    for (const alarm of this.#accepting) {
      if (alarm.takenAt > this.#now - TEN_MINUTES_MS) break;
      this.#stopAccepting(alarm);
    }
    for (const [id, alarm] of this.#alarms) {
      if (alarm.updatedAt > this.#now - KEPT_MS && this.#alarms.size <= this.#limits.alarms) break;
      this.#forget(id, alarm);
    }
  }

  #place(facts: IncidentFacts, of: Pick<Member, 'alertId' | 'cameraId' | 'frameAt'>): void {
    const now = this.#now;
    const { ofKind, family } = this.#sources.add(of.cameraId, facts.kind, now);
    const troubled = this.#chatters(family, FAMILY_CHATTERS) ?? this.#chatters(ofKind, KIND_CHATTERS);
    const { incidentId, kind, key, level, trust, confirmed, over } = facts;
    const doubt = sourceDoubt(troubled !== null, ofKind.judged);
    const member: Member = {
      ...of,
      key,
      incidentId,
      kind,
      level,
      confirmed,
      over,
      trust: trust - doubt,
      takenAt: now,
      acknowledged: false,
      isFalse: null,
    };
    // A serious one of another kind than the camera chatters with is called out.
    const isOdd = this.#sources.isQuiet(ofKind, now);
    const taken =
      (isConfirmedHigh(member) && (isOdd || troubled === null) && this.#openOwn(member, { ofKind, family })) ||
      this.#takeBySource(member, family) ||
      this.#takeBySource(member, ofKind) ||
      (troubled !== null && this.#startSource(member, troubled)) ||
      (troubled === null && this.#openOwn(member, { ofKind, family }));
    if (!taken) this.#takeByFlood(member);
    this.#boundMembers();
  }

  /** The source, if it chatters. */
  #chatters(source: Source, bounds: typeof KIND_CHATTERS): Source | null {
    const { flooded } = this.#situation(null);
    return this.#sources.chatters(source, flooded ? CHATTERS_IN_FLOOD : bounds, this.#now) ? source : null;
  }

  /** An alarm of its own, if there is a call for it. */
  #openOwn(member: Member, { ofKind, family }: { readonly ofKind: Source; readonly family: Source }): boolean {
    const { level } = member;
    const asks = isConfirmedHigh(member)
      ? (['plain', 'confirmed'] as const)
      : level === 'high' && this.#sources.isQuiet(ofKind, this.#now)
        ? (['plain', 'unconfirmed'] as const)
        : (['plain'] as const);
    if (!asks.some((ask) => this.#call(ask, member))) return false;
    const alarm = this.#open('incident', member);
    ofKind.alarm = alarm;
    family.alarm = alarm;
    return true;
  }

  /** The alarm of a source that chatters takes the member, if it has one. */
  #takeBySource(member: Member, source: Source): boolean {
    const { alarm } = source;
    if (alarm === null || alarm.reason !== 'source' || !alarm.accepts) return false;
    if (this.#isNextDue(alarm, member)) source.alarm = this.#open('source', member);
    else this.#fold(member, alarm);
    return true;
  }

  /** Whether an alarm is full and another one may be opened; then it takes no further members. */
  #isNextDue(alarm: OpenAlarm, member: Member): boolean {
    if (alarm.count < FULL || !this.#call('next', member)) return false;
    this.#stopAccepting(alarm);
    return true;
  }

  #stopAccepting(alarm: OpenAlarm): void {
    alarm.accepts = false;
    this.#accepting.delete(alarm);
    this.#changed(alarm, false);
  }

  /** The source has begun to chatter: its newest alarm becomes the source's, or one is opened. */
  #startSource(member: Member, source: Source): boolean {
    const { alarm } = source;
    const now = this.#now;
    if (alarm !== null && alarm.reason === 'incident' && alarm.openedAt > now - TEN_MINUTES_MS) {
      alarm.reason = 'source';
      alarm.accepts = true;
      this.#fold(member, alarm);
      return true;
    }
    const { flooded } = this.#situation(member.kind);
    if (!this.#call(flooded ? 'unconfirmed' : 'plain', member)) return false;
    source.alarm = this.#open('source', member);
    return true;
  }

  #takeByFlood(member: Member): void {
    const now = this.#now;
    const found = this.#floods.find(member.kind);
    const isDue = found !== null && this.#isNextDue(found, member);
    const wanted = isDue ? null : found;
    if (isDue || (wanted === null && this.#call('flood', member))) {
      const alarm = this.#open('flood', member);
      this.#floods.add(alarm, member.kind, now);
      return;
    }
    const alarm = wanted ?? this.#floods.any();
    // The first flood alarm has a call kept for it, see `Announcements`.
    if (alarm === null) throw new Error('there is neither a flood alarm nor a call for one');
    this.#floods.count(alarm, now);
    this.#fold(member, alarm);
  }

  #update(place: { readonly member: Member; alarm: OpenAlarm }, facts: IncidentFacts): void {
    const { member, alarm } = place;
    const ofKind = this.#sources.of(member.cameraId, member.kind);
    const doubt = sourceDoubt(this.#chatters(ofKind, KIND_CHATTERS) !== null, ofKind.judged);
    const { level, confirmed, over } = facts;
    const news = { level, confirmed, over, trust: facts.trust - doubt };
    if (isSame(member, news)) return;
    const before = isConfirmedHigh(member);
    const rose = alarm.update(member, news, this.#now);
    const isNews = isConfirmedHigh(member) && !before;
    if (isNews && alarm.reason === 'flood' && this.#call('confirmed', member)) {
      alarm.remove(member, this.#now);
      this.#changed(alarm, false);
      ofKind.alarm = this.#open('incident', member);
      this.#promoted += 1;
      return;
    }
    this.#changed(alarm, rose && this.#callsForRise(member));
  }

  #fold(member: Member, alarm: OpenAlarm): void {
    const rose = alarm.add(member, this.#now);
    this.#accepting.delete(alarm);
    this.#accepting.add(alarm);
    this.#note(member, alarm);
    this.#folded[alarm.reason] += 1;
    this.#changed(alarm, rose && this.#callsForRise(member));
  }

  #callsForRise(member: Member): boolean {
    return this.#call(isConfirmedHigh(member) ? 'confirmed' : 'unconfirmed', member);
  }

  /** The call for it has been taken. */
  #open(reason: AlarmReason, member: Member): OpenAlarm {
    const alarm = new OpenAlarm(reason, member, this.#now);
    this.#alarms.set(alarm.alarmId, alarm);
    if (alarm.accepts) this.#accepting.add(alarm);
    this.#opened[reason] += 1;
    this.#note(member, alarm);
    this.#changed(alarm, true);
    return alarm;
  }

  #situation(kind: EventKind | null): Situation {
    return this.#floods.situation(kind, this.#now);
  }

  /** Takes a call for a member, if there is one. */
  #call(ask: Ask, { kind }: Member): boolean {
    return this.#calls.take(ask, this.#now, this.#situation(kind));
  }

  #note(member: Member, alarm: OpenAlarm): void {
    this.#places.set(member.key, { member, alarm });
    const keys = this.#byAlert.get(member.alertId);
    if (keys === undefined) this.#byAlert.set(member.alertId, new Set([member.key]));
    else keys.add(member.key);
  }

  #boundMembers(): void {
    if (this.#places.size <= this.#limits.members) return;
    const [oldest] = this.#places.values();
    if (oldest === undefined) return;
    oldest.alarm.forget(oldest.member);
    this.#unplace(oldest.member);
    this.#forgotten += 1;
  }

  #forget(id: string, alarm: OpenAlarm): void {
    for (const member of alarm.members) this.#unplace(member);
    this.#alarms.delete(id);
    this.#accepting.delete(alarm);
    alarm.accepts = false;
    this.#forgotten += 1;
  }

  #unplace({ key, alertId }: Member): void {
    this.#places.delete(key);
    const keys = this.#byAlert.get(alertId);
    keys?.delete(key);
    if (keys?.size === 0) this.#byAlert.delete(alertId);
  }

  #changed(alarm: OpenAlarm, announce: boolean): void {
    if (announce) {
      this.#callTimes.push(this.#now);
      const from = this.#now - KEPT_MS;
      while ((this.#callTimes[0] ?? from) < from) this.#callTimes.shift();
    }
    this.#changes.push({ alarm, announce });
  }

  #takeChanges(): readonly AlarmChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}

const isConfirmedHigh = ({ level, confirmed }: Pick<Member, 'level' | 'confirmed'>): boolean =>
  level === 'high' && confirmed;
