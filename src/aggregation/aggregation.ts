import { type Aggregate, isAlert } from '../messages/aggregate.ts';
import type { AssessmentResult, RulesReason } from '../messages/assessment.ts';
import type { Detection, PublishedGroup } from '../messages/detection.ts';
import type { RequestId } from '../messages/ids.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import { stillAnswered } from '../tasks/recheck.ts';
import { factsOf } from './aggregate-frame.ts';
import { AwaitedFrames } from './awaited-frames.ts';
import { EarlyAnswers } from './early-answers.ts';
import { Frame, frameOf, type FrameState } from './joined-frame.ts';
import {
  type AggregationCounters,
  type AggregationOptions,
  newCounters,
  type Publication,
  type StoredAggregate,
} from './aggregation.types.ts';
import { answerOf, type GroupAnswer } from './group-answer.ts';
import type { GroupSlot } from './group-slot.ts';
import { holds, verdictOf, Verdicts } from './verdicts.ts';

/**
 * The clock of a camera's node may be ahead by this much, in ms. The time of a frame from further ahead is not
 * believed: its limit would be too late, and its verdict would outlive all others.
 */
const AHEAD_MS = 60_000;
/** A camera names a group that it has not seen for longer anew, unless frames are late. */
const GONE_MS = 60_000;

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
  readonly #frames = new Map<RequestId, Frame>();
  /** To be published, in order. */
  readonly #due = new Set<Frame>();
  /** Published, oldest first. */
  readonly #idle = new Set<Frame>();
  /** Those for which an answer is awaited, whatever their state. */
  readonly #awaited = new AwaitedFrames();
  /** Ids of published frames with all answers, oldest first. Keeping their content would take most of the memory. */
  readonly #closed = new Set<RequestId>();
  readonly #early: EarlyAnswers;
  readonly #verdicts: Verdicts;

  constructor(options: AggregationOptions) {
    this.#options = options;
    this.#freshness = options.freshness;
    this.#early = new EarlyAnswers(options);
    this.#verdicts = new Verdicts({ most: options.rememberGroups, goneMs: GONE_MS });
  }

  /** Frames waiting for answers. */
  get pending(): number {
    return this.#awaited.size;
  }

  /** Frames to be published that were not taken yet. */
  get due(): number {
    return this.#due.size;
  }

  /** Frames whose content is kept, whatever their state. */
  get remembered(): number {
    return this.#frames.size + this.#early.size;
  }

  /** Frames of which only the id is kept. */
  get closed(): number {
    return this.#closed.size;
  }

  /** The model's last answers, by group. */
  get verdicts(): Pick<Verdicts, 'size' | 'dropped'> {
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
    const known = this.#frames.get(requestId);
    if (known !== undefined && aggregate.revision <= known.revision) return;
    const frame = known ?? frameOf(aggregate, { live, limit });
    this.#frames.set(requestId, frame);
    this.#closed.delete(requestId);
    frame.adopt(aggregate);
    frame.unsure = isAlert(aggregate) ? aggregate : null;
    frame.alerted ||= isAlert(aggregate);
    if (known === undefined) this.#await(frame);
    else this.#awaited.update(frame);
    for (const slot of frame.slots) this.#remember(frame, slot, publishedAt);
    this.#move(frame, stateOf(frame));
  }

  /** A detection was delivered, perhaps not for the first time. */
  onDetection(detection: Detection, now: number): void {
    const { requestId } = detection;
    if (this.#isClosed(requestId)) return;
    const known = this.#frames.get(requestId);
    if (known !== undefined) {
      this.counters.duplicates += 1;
      this.#repeated(known);
      return;
    }
    this.#verdicts.expire(now);
    const frame = this.#open(detection, now);
    for (const [groupIndex, answer] of this.#early.take(requestId)) this.#addAnswer(frame, groupIndex, answer, now);
    if (frame.limit <= now) this.#late(frame);
    this.#await(frame);
    this.#move(frame, 'due');
  }

  /** An answer was delivered: in time, before its detection, late, or not for the first time. */
  onResult(result: AssessmentResult, now: number): void {
    const { requestId, groupIndex } = result;
    if (this.#isClosed(requestId)) return;
    const frame = this.#frames.get(requestId);
    const answer = answerOf(result);
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
    this.#verdicts.expire(now);
    this.counters.orphans += this.#early.expire(now);
  }

  /** Removes the next aggregate to publish, oldest first; null when none is due. A frame has at most one taken. */
  take(now: number): Publication | null {
    const [frame] = this.#due;
    if (frame === undefined) return null;
    this.#move(frame, 'sent');
    // The alert as it stood, before a revision that may be none.
    if (frame.again && frame.unsure !== null)
      return { aggregate: frame.unsure, json: JSON.stringify(frame.unsure), alertOnly: true, newVerdicts: 0 };
    frame.changed = false;
    frame.revision += 1;
    frame.madeAt = now;
    let newVerdicts = 0;
    for (const slot of frame.slots) {
      if (slot.takeNews()) newVerdicts += 1;
      this.#carry(frame, slot);
    }
    return { ...frame.aggregate(this.#options.assessByRules), alertOnly: false, newVerdicts };
  }

  /**
   * AGGREGATES has the taken aggregate. Answers of `found` are taken over; answers that it lacks make a new revision.
   * Returns null when there is nothing left to do for this revision: its frame goes out again under a higher one.
   *
   * @param found the aggregate that stands there under that revision from before a crash; null when ours was stored,
   *   `gone` when another one was stored and is there no more
   */
  stored({ aggregate, alertOnly }: Publication, found: Aggregate | 'gone' | null): StoredAggregate | null {
    const frame = this.#frames.get(aggregate.requestId);
    if (frame === undefined) return null;
    if (found === 'gone') {
      frame.changed = true;
      this.#move(frame, 'due');
      return null;
    }
    if (found !== null) {
      this.counters.found += 1;
      frame.merge(found);
    }
    if (!alertOnly) this.counters[aggregate.revision === 0 ? 'published' : 'revised'] += 1;
    const content = found ?? aggregate;
    const first = !frame.alerted || frame.unsure !== null;
    return { aggregate: content, alert: !isAlert(content) ? 'none' : first ? 'first' : 'revision' };
  }

  /** The taken aggregate is where it belongs, an alert in ALERTS too. */
  done(requestId: RequestId, alert: StoredAggregate['alert'] = 'none'): void {
    const frame = this.#frames.get(requestId);
    if (frame === undefined) return;
    if (alert !== 'none') {
      frame.alerted = true;
      frame.unsure = null;
      frame.again = false;
    }
    this.#awaited.update(frame);
    this.#move(frame, stateOf(frame));
  }

  /** True when the bus has all that is known of this frame, or it was given up: its messages may be settled. */
  isSettled(requestId: RequestId): boolean {
    const frame = this.#frames.get(requestId);
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
    const frame = new Frame(factsOf(detection), { live, limit: Math.max(now, from + freshnessMs) });
    frame.open((group) => this.#reasonFor(frame, group, now));
    this.#frames.set(frame.requestId, frame);
    return frame;
  }

  /** Whether an answer about this group will come; see `GroupSlot.reason`. */
  #reasonFor({ live, at, facts: { cameraId } }: Frame, group: PublishedGroup, now: number): RulesReason | null {
    if (!live) return 'pending';
    this.#verdicts.seen(cameraId, group.groupId, now);
    const verdict = this.#verdicts.of(cameraId, group.groupId);
    if (verdict === null || verdict.at > at || !stillAnswered(group, verdict.at, at, this.#freshness.recheckMs))
      return 'pending';
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

  #addAnswer(frame: Frame, groupIndex: number, answer: GroupAnswer, now: number): void {
    const slot = frame.slot(groupIndex);
    if (slot === undefined) {
      this.counters.orphans += 1;
      return;
    }
    if (slot.answered) this.counters.duplicates += 1;
    if (!frame.take(groupIndex, answer)) return;
    if (answer.by === 'model') this.#remember(frame, slot, now);
    else if (answer.reason !== 'pending') this.counters.unanswered[answer.reason] += 1;
  }

  /** Keeps the model's answer about a group for its later frames. */
  #remember({ live, at, facts }: Frame, { group, model, carried }: GroupSlot, now: number): void {
    if (!live) return;
    const { cameraId, detectedObjects } = facts;
    // Restored as carried: its frame is not known, and this one's members are among those that it was about.
    const assessment = model ?? carried;
    if (assessment === null || assessment.riskLevel === 'unknown') return;
    const assessedAt = model === null ? Date.parse(carried?.assessedAt ?? '') : at;
    if (!Number.isFinite(assessedAt)) return;
    this.#verdicts.learn(cameraId, group.groupId, verdictOf(assessment, group, detectedObjects, assessedAt), now);
  }

  #carry(frame: Frame, slot: GroupSlot): void {
    if (!frame.live || (slot.model !== null && slot.model.riskLevel !== 'unknown')) return;
    const { cameraId, detectedObjects } = frame.facts;
    const verdict = this.#verdicts.of(cameraId, slot.group.groupId);
    if (verdict === null || verdict.at > frame.at) return;
    slot.carry(verdict, holds(verdict, slot.group, detectedObjects, frame.at, this.#freshness), detectedObjects);
  }

  /** The message was not settled before the crash, so ALERTS may lack the alert. */
  #repeated(frame: Frame): void {
    if (frame.unsure === null) return;
    frame.again = true;
    if (frame.state === 'idle' || frame.state === 'waiting') this.#move(frame, 'due');
  }

  /** Publishes a frame for which no answer is awaited any more. */
  #goOn(frame: Frame): void {
    this.#awaited.update(frame);
    if (frame.state !== 'due' && frame.state !== 'sent') this.#move(frame, stateOf(frame));
  }

  #move(frame: Frame, state: FrameState): void {
    this.#due.delete(frame);
    this.#idle.delete(frame);
    frame.state = state;
    if (state === 'due') this.#due.add(frame);
    else if (state === 'idle') this.#keep(frame);
  }

  #keep(frame: Frame): void {
    frame.trim();
    if (frame.unsure === null && frame.complete) {
      this.#close(frame.requestId);
      return;
    }
    this.#idle.add(frame);
    const [oldest] = this.#idle;
    if (this.#idle.size <= this.#options.rememberFrames || oldest === undefined) return;
    this.#idle.delete(oldest);
    this.#frames.delete(oldest.requestId);
  }

  #close(requestId: RequestId): void {
    this.#frames.delete(requestId);
    this.#closed.add(requestId);
    const [oldest] = this.#closed;
    if (this.#closed.size > this.#options.rememberClosed && oldest !== undefined) this.#closed.delete(oldest);
  }

  /** An answer to a frame that has all is never better than the first one of its group, so it is a duplicate. */
  #isClosed(requestId: RequestId): boolean {
    if (!this.#closed.has(requestId)) return false;
    this.counters.duplicates += 1;
    return true;
  }
}

const stateOf = (frame: Frame): FrameState =>
  frame.again ? 'due' : frame.awaits ? 'waiting' : frame.changed ? 'due' : 'idle';
