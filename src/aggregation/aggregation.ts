import { type Aggregate, isAlert } from '../messages/aggregate.ts';
import type { AssessmentResult, RulesReason } from '../messages/assessment.ts';
import type { Detection, PublishedGroup } from '../messages/detection.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import { isCovered } from '../tasks/worth-asking.ts';
import { alertAgain, factsOf } from './aggregate-frame.ts';
import { AwaitedFrames } from './awaited-frames.ts';
import { EarlyAnswers } from './early-answers.ts';
import { FrameShelf } from './frame-shelf.ts';
import { IncidentAlerts } from './incident-alerts.ts';
import { Frame, frameOf } from './joined-frame.ts';
import {
  type AggregationCounters,
  type AggregationOptions,
  newCounters,
  type Publication,
  type StoredAggregate,
} from './aggregation.types.ts';
import { answerOf, type GroupAnswer } from './group-answer.ts';
import { GroupVerdicts } from './group-verdicts.ts';

/**
 * The clock of a camera's node may be ahead by this much, in ms. The time of a frame from further ahead is not
 * believed: its limit would be too late, and its verdict would outlive all others.
 */
const AHEAD_MS = 60_000;
/** An incident of which nothing is heard for this long, in ms, is over, and no answer about it is to come. */
const INCIDENT_GONE_MS = 10 * 60_000;

/**
 * Joins detections with their answers, one aggregate per frame. Revision 0 goes out at once: with the verdict that each
 * group already has, or that of the rules. It is revised once when the last answer is in, at the freshness limit, or
 * when newer frames have the same groups; each later answer revises it again. After a crash `restore` gets the
 * published aggregates; messages that are then delivered again change nothing. Pure: every call takes the time. The
 * options bound the memory, and the caller bounds the frames whose messages are not settled.
 */
export class Aggregation {
  readonly counters: AggregationCounters = newCounters();
  readonly #options: AggregationOptions;
  #freshness: FreshnessSettings;
  readonly #shelf: FrameShelf;
  /** Those for which an answer is awaited, whatever their state. */
  readonly #awaited = new AwaitedFrames();
  readonly #early: EarlyAnswers;
  readonly #verdicts: GroupVerdicts;
  readonly #incidents: IncidentAlerts;

  constructor(options: AggregationOptions) {
    this.#options = options;
    this.#freshness = options.freshness;
    this.#early = new EarlyAnswers(options);
    this.#verdicts = new GroupVerdicts(options.rememberGroups);
    const { rememberIncidents: most, describeIncident: describe } = options;
    this.#incidents = new IncidentAlerts({ most, goneMs: INCIDENT_GONE_MS, describe });
    this.#shelf = new FrameShelf(options, (frame) => this.#incidents.isAlert(frame));
  }

  /** Frames waiting for answers. */
  get pending(): number {
    return this.#awaited.size;
  }

  /** Frames to be published that were not taken yet. */
  get due(): number {
    return this.#shelf.due;
  }

  /** Frames whose content is kept, whatever their state. */
  get remembered(): number {
    return this.#shelf.size + this.#early.size;
  }

  /** Frames of which only the id is kept. */
  get closed(): number {
    return this.#shelf.closed;
  }

  /** Incidents of which the newest state is kept. */
  get incidents(): Pick<IncidentAlerts, 'size' | 'dropped'> {
    return this.#incidents;
  }

  get forgottenAlerts(): number {
    return this.#shelf.forgottenAlerts;
  }

  /** The model's last answers, by group. */
  get verdicts(): Pick<GroupVerdicts, 'size' | 'dropped'> {
    return this.#verdicts;
  }

  /** When to call `onTime` next, epoch ms; null when no frame waits for answers. */
  get nextDeadline(): number | null {
    return this.#awaited.nextLimit;
  }

  /** For frames from now on. */
  configure(freshness: FreshnessSettings): void {
    this.#freshness = freshness;
  }

  /** Takes over an aggregate that was published before a crash. To be called with the oldest first. */
  restore(aggregate: Aggregate): void {
    const { requestId, replayOf } = aggregate;
    const publishedAt = Date.parse(aggregate.publishedAt);
    const at = Date.parse(aggregate.timestamp);
    const live = replayOf === undefined && at <= publishedAt + AHEAD_MS;
    const limit = (live ? at : publishedAt) + this.#freshness.freshnessMs;
    const known = this.#shelf.of(requestId);
    if (known !== undefined && aggregate.revision <= known.revision) return;
    const frame = known ?? frameOf(aggregate, { live, limit });
    this.#shelf.add(frame);
    frame.adopt(aggregate);
    this.#incidents.restore(aggregate, publishedAt);
    if (known === undefined) this.#await(frame);
    else this.#awaited.update(frame);
    for (const slot of frame.slots) this.#verdicts.remember(frame, slot, publishedAt);
    this.#shelf.move(frame, frame.nextState);
    for (const alertId of this.#incidents.alertsOf(frame)) this.#reviseAlert(alertId, publishedAt);
  }

  /** A detection was delivered, perhaps not for the first time. */
  onDetection(detection: Detection, now: number): void {
    const { requestId } = detection;
    if (this.#isClosed(requestId)) return;
    const known = this.#shelf.of(requestId);
    if (known !== undefined) {
      this.counters.duplicates += 1;
      this.#repeated(known);
      return;
    }
    this.#expire(now);
    const frame = this.#open(detection, now);
    for (const [groupIndex, answer] of this.#early.take(requestId)) this.#addAnswer(frame, groupIndex, answer, now);
    for (const alertId of this.#incidents.alertsOf(frame)) this.#reviseAlert(alertId, now);
    if (frame.limit <= now) this.#late(frame);
    this.#await(frame);
    this.#shelf.move(frame, 'due');
  }

  /** An answer was delivered: in time, before its detection, late, or not for the first time. */
  onResult(result: AssessmentResult, now: number): void {
    const { requestId, groupIndex, cameraId, groupId, frameTimestamp } = result;
    const frame = this.#shelf.of(requestId);
    const answer = answerOf(result);
    // The frame has all that it waits for, and its answer still tells about the incident.
    if (this.#shelf.isClosed(requestId) && groupId !== undefined && frameTimestamp !== undefined)
      this.#learn(cameraId, groupId, answer, Date.parse(frameTimestamp), now);
    if (this.#isClosed(requestId)) return;
    if (frame === undefined) {
      const { added, givenUp } = this.#early.add(requestId, groupIndex, answer, now);
      if (!added) this.counters.duplicates += 1;
      this.counters.orphans += givenUp;
      return;
    }
    this.#addAnswer(frame, groupIndex, answer, now);
    this.#repeated(frame);
    this.#goOn(frame);
  }

  /** Ends the wait of frames at their freshness limit, and gives up answers whose detection never came. */
  onTime(now: number): void {
    for (const frame of this.#awaited.over(now)) {
      this.#late(frame);
      this.#goOn(frame);
    }
    this.#expire(now);
    this.counters.orphans += this.#early.expire(now);
  }

  /** Removes the next aggregate to publish, oldest first; null when none is due. A frame has at most one taken. */
  take(now: number): Publication | null {
    const frame = this.#shelf.first();
    if (frame === undefined) return null;
    this.#shelf.move(frame, 'sent');
    // The alert as it stood, before a revision that may be none.
    if (frame.again !== null && frame.unsure !== null) return alertAgain(frame.unsure);
    frame.changed = false;
    frame.revision += 1;
    frame.madeAt = now;
    for (const slot of frame.slots) this.#verdicts.carry(frame, slot, this.#freshness);
    const incidents = this.#incidents.show(frame);
    const newVerdicts = frame.takeNews();
    const late = now > frame.limit;
    return { ...frame.aggregate(incidents, this.#options.assessByRules), alertOnly: false, newVerdicts, late };
  }

  /**
   * AGGREGATES has the taken aggregate. Answers of `found` are taken over; answers that it lacks make a new revision.
   * Returns null when there is nothing left to do for this revision: its frame goes out again under a higher one.
   *
   * @param found the aggregate that stands there under that revision from before a crash; null when ours was stored,
   *   `gone` when another one was stored and is there no more
   */
  stored({ aggregate, alertOnly }: Publication, found: Aggregate | 'gone' | null): StoredAggregate | null {
    const frame = this.#shelf.of(aggregate.requestId);
    if (frame === undefined) return null;
    if (found === 'gone') {
      frame.changed = true;
      this.#shelf.move(frame, 'due');
      return null;
    }
    if (found !== null) {
      this.counters.found += 1;
      frame.merge(found);
      this.#incidents.restore(found, Date.parse(found.publishedAt));
      frame.changed ||= this.#incidents.isOutdated(frame, frame.madeAt);
      for (const alertId of this.#incidents.alertsOf(frame))
        if (alertId !== aggregate.requestId) this.#reviseAlert(alertId, frame.madeAt);
    }
    if (!alertOnly) this.counters[aggregate.revision === 0 ? 'published' : 'revised'] += 1;
    const content = found ?? aggregate;
    const first = alertOnly ? frame.again === 'first' : !frame.alerted || frame.unsure !== null;
    return { aggregate: content, alert: !isAlert(content) ? 'none' : first ? 'first' : 'revision' };
  }

  /** The taken aggregate is where it belongs, an alert in ALERTS too. */
  done(requestId: RequestId, alert: StoredAggregate['alert'] = 'none'): void {
    const frame = this.#shelf.of(requestId);
    if (frame === undefined) return;
    if (alert !== 'none') {
      frame.alerted = true;
      if (alert === 'first') frame.unsure = null;
      if (alert === 'first' || frame.again === 'revision') frame.again = null;
    }
    this.#awaited.update(frame);
    this.#shelf.move(frame, frame.nextState);
  }

  /** The bus refused the taken aggregate for good. */
  refused(requestId: RequestId): void {
    this.#incidents.refused(requestId);
    this.done(requestId);
  }

  /** True when the bus has all that is known of this frame, or it was given up: its messages may be settled. */
  isSettled(requestId: RequestId): boolean {
    const frame = this.#shelf.of(requestId);
    return frame === undefined ? !this.#early.has(requestId) : frame.state === 'idle';
  }

  /** Removes and returns the frames whose answers were given up because their detection never came. */
  takeGivenUp(): readonly RequestId[] {
    return this.#early.takeGivenUp();
  }

  #open(detection: Detection, now: number): Frame {
    const { freshnessSeconds, replayOf } = detection;
    const at = Date.parse(detection.timestamp);
    const live = replayOf === undefined && at <= now + AHEAD_MS;
    const from = replayOf === undefined ? Math.min(now + AHEAD_MS, at) : now;
    const freshnessMs = freshnessSeconds === undefined ? this.#freshness.freshnessMs : freshnessSeconds * 1_000;
    const frame = new Frame(
      factsOf(detection),
      { live, limit: Math.max(now, from + freshnessMs) },
      detection.incidents,
    );
    const wanted = this.#incidents.open(frame, this.#freshness.recheckMs, now);
    frame.open((group) => this.#reasonFor(frame, group, wanted, now));
    this.#shelf.add(frame);
    return frame;
  }

  /** Whether an answer about this group will come; see `GroupSlot.reason`. */
  #reasonFor(
    frame: Frame,
    group: PublishedGroup,
    wanted: readonly MeasuredIncident[],
    now: number,
  ): RulesReason | null {
    const isAnswered = this.#verdicts.isAnswered(frame, group, this.#freshness.recheckMs, now);
    if (frame.replayed || !(isAnswered || isCovered(group, wanted))) return 'pending';
    this.counters.unchanged += 1;
    return null;
  }

  /** Waits for the frame's answers. The newest frame of a group ends the wait of older ones. */
  #await(frame: Frame): void {
    this.#awaited.add(frame, (older, groups) => {
      this.counters.unanswered.superseded += groups;
      if (older !== frame) this.#goOn(older);
    });
  }

  #late(frame: Frame): void {
    const late = frame.giveUp('late');
    if (late > 0) this.counters.incomplete += 1;
    this.counters.unanswered.late += late;
  }

  #addAnswer(frame: Frame, subjectIndex: number, answer: GroupAnswer, now: number): void {
    const slot = frame.slot(subjectIndex);
    const incident = frame.incident(subjectIndex);
    const subject = slot ?? incident;
    if (subject === undefined) {
      this.counters.orphans += 1;
      return;
    }
    if (subject.answered) this.counters.duplicates += 1;
    if (!frame.take(subjectIndex, answer)) return;
    if (answer.by === 'rules' && answer.reason !== 'pending') this.counters.unanswered[answer.reason] += 1;
    if (slot !== undefined && answer.by === 'model') this.#verdicts.remember(frame, slot, now);
    if (incident !== undefined && !frame.replayed)
      this.#learn(frame.facts.cameraId, incident.measured.incidentId, answer, frame.at, now);
  }

  /** Keeps an answer about an incident for its later frames and its alert. `frameAt`: epoch ms. */
  #learn(cameraId: CameraId, incidentId: string, answer: GroupAnswer, frameAt: number, now: number): void {
    this.#incidents.learn(cameraId, incidentId, answer, frameAt);
    this.#reviseAlert(this.#incidents.alertOf(cameraId, incidentId), now);
  }

  /** Publishes an alert again when it tells less than is known about its incidents. */
  #reviseAlert(requestId: RequestId | null, now: number): void {
    const alert = requestId === null ? undefined : this.#shelf.of(requestId);
    if (alert === undefined || alert.changed || !this.#incidents.isOutdated(alert, now)) return;
    alert.changed = true;
    this.#goOn(alert);
  }

  #expire(now: number): void {
    this.#verdicts.expire(now);
    for (const requestId of this.#incidents.expire(now)) {
      const alert = this.#shelf.of(requestId);
      if (alert?.state === 'idle') this.#shelf.move(alert, 'idle');
    }
  }

  /** The message was not settled before the crash, so ALERTS may lack the alert. */
  #repeated(frame: Frame): void {
    if (frame.unsure === null) return;
    frame.again = 'first';
    if (frame.state === 'idle' || frame.state === 'waiting') this.#shelf.move(frame, 'due');
  }

  /** Publishes a frame for which no answer is awaited any more. */
  #goOn(frame: Frame): void {
    this.#awaited.update(frame);
    if (frame.state !== 'due' && frame.state !== 'sent') this.#shelf.move(frame, frame.nextState);
  }

  /** An answer to a frame that has all is never better than the first one of its group, so it is a duplicate. */
  #isClosed(requestId: RequestId): boolean {
    if (this.#shelf.isClosed(requestId)) this.counters.duplicates += 1;
    return this.#shelf.isClosed(requestId);
  }
}
