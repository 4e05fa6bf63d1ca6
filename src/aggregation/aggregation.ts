import type { Aggregate } from '../messages/aggregate.ts';
import type { AssessmentResult } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import type { RequestId } from '../messages/ids.ts';
import { aggregateFrame, factsOf, type FrameFacts } from './aggregate-frame.ts';
import { EarlyAnswers } from './early-answers.ts';
import { answerOf, answersIn, type GroupAnswer, isBetter } from './group-answer.ts';

/**
 * The clock of a camera's node may be ahead by this much, in ms. The time of a frame from further ahead is not
 * believed, as its deadline would be too late.
 */
const AHEAD_MS = 60_000;

export interface AggregationOptions {
  /**
   * Milliseconds from the frame's time, or from the arrival of a replayed frame, until its aggregate goes out with the
   * answers that are in.
   */
  readonly deadlineMs: number;
  /** Incomplete frames kept after they went out, so that late answers can revise them. */
  readonly rememberFrames: number;
  /** Complete frames of which the id is kept, so that a repeated delivery changes nothing. */
  readonly rememberClosed: number;
  /** Frames whose answers are kept while their detection has not come, and for how many ms. */
  readonly earlyFrames: number;
  readonly earlyMs: number;
}

export interface AggregationCounters {
  published: number;
  revised: number;
  incomplete: number;
  duplicates: number;
  /** Answers to unknown frames or groups: too late, or given up at a bound. */
  orphans: number;
  /** Revisions that the bus already had from before a crash. */
  found: number;
}

/** An aggregate to publish now. The caller of `take` reports its fate: `stored`, then `done`. */
export interface Publication {
  readonly aggregate: Aggregate;
  /** AGGREGATES has it from before a crash, while ALERTS may lack it. */
  readonly alertOnly: boolean;
}

/** An aggregate that AGGREGATES has. `alert`: it must go to ALERTS, as the first of its frame or as a revision. */
export interface StoredAggregate {
  readonly aggregate: Aggregate;
  readonly alert: 'none' | 'first' | 'revision';
}

interface Frame {
  readonly facts: FrameFacts;
  readonly answers: Map<number, GroupAnswer>;
  readonly deadline: number;
  /** The newest revision taken, and when it was made, epoch ms; -1 before the first. */
  revision: number;
  madeAt: number;
  /**
   * - `waiting`: for answers.
   * - `due`: to be published.
   * - `sent`: taken, and not reported as done yet.
   * - `idle`: the bus has all that is known of it.
   */
  state: 'waiting' | 'due' | 'sent' | 'idle';
  /** An answer came since the newest revision. */
  changed: boolean;
  alerted: boolean;
  /** Restored as an alert that ALERTS may lack; it goes there again if a message of its frame is delivered again. */
  unsure: boolean;
}

/**
 * Joins detections with their answers, one aggregate per frame. A frame goes out when its last answer is in, or at its
 * deadline. A later answer makes a new revision of the same aggregate. After a crash `restore` gets the published
 * aggregates; messages that are then delivered again change nothing. Pure: every call takes the time. The options bound
 * the memory, and the caller bounds the frames whose messages are not settled.
 */
export class Aggregation {
  readonly counters: AggregationCounters = {
    published: 0,
    revised: 0,
    incomplete: 0,
    duplicates: 0,
    orphans: 0,
    found: 0,
  };
  readonly #options: AggregationOptions;
  readonly #frames = new Map<RequestId, Frame>();
  /** By state; each in order. */
  readonly #waiting = new Set<Frame>();
  readonly #due = new Set<Frame>();
  readonly #idle = new Set<Frame>();
  /** Ids of complete, published frames, oldest first. Keeping their content would take most of the memory. */
  readonly #closed = new Set<RequestId>();
  readonly #early: EarlyAnswers;
  /** No deadline is before this. */
  #soonest = Infinity;

  constructor(options: AggregationOptions) {
    this.#options = options;
    this.#early = new EarlyAnswers(options);
  }

  /** Frames waiting for answers. */
  get pending(): number {
    return this.#waiting.size;
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

  /** When to call `onTime` next, epoch ms; null when no frame waits for answers. */
  get nextDeadline(): number | null {
    return this.#waiting.size === 0 ? null : this.#soonest;
  }

  /** Takes over an aggregate that was published before a crash. To be called with the oldest first. */
  restore(aggregate: Aggregate): void {
    const frame = this.#frames.get(aggregate.requestId) ?? this.#open(factsOf(aggregate), -Infinity);
    if (aggregate.revision <= frame.revision) return;
    this.#closed.delete(aggregate.requestId);
    for (const [groupIndex, answer] of answersIn(aggregate)) frame.answers.set(groupIndex, answer);
    frame.revision = aggregate.revision;
    frame.madeAt = Date.parse(aggregate.publishedAt);
    frame.changed = false;
    frame.alerted = frame.unsure = isAlert(aggregate);
    this.#move(frame, 'idle');
  }

  /** A detection was delivered, perhaps not for the first time. */
  onDetection(detection: Detection, now: number): void {
    const { requestId } = detection;
    if (this.#isClosed(requestId)) return;
    const known = this.#frames.get(requestId);
    if (known !== undefined) return this.#repeated(known);
    const from = detection.replayOf === undefined ? Math.min(now + AHEAD_MS, Date.parse(detection.timestamp)) : now;
    const deadline = Math.max(now, from + this.#options.deadlineMs);
    const frame = this.#open(factsOf(detection), deadline);
    for (const [groupIndex, answer] of this.#early.take(requestId)) this.#addAnswer(frame, groupIndex, answer);
    this.#soonest = Math.min(this.#soonest, deadline);
    this.#move(frame, isComplete(frame) ? 'due' : 'waiting');
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
    } else if (!this.#addAnswer(frame, groupIndex, answer)) this.#repeated(frame);
    else if (frame.state === 'idle' || (frame.state === 'waiting' && isComplete(frame))) this.#move(frame, 'due');
  }

  /** Makes frames due whose deadline has passed, and gives up answers whose detection never came. */
  onTime(now: number): void {
    if (now >= this.#soonest) {
      this.#soonest = Infinity;
      for (const frame of this.#waiting) {
        if (frame.deadline <= now) {
          this.counters.incomplete += 1;
          this.#move(frame, 'due');
        } else this.#soonest = Math.min(this.#soonest, frame.deadline);
      }
    }
    this.counters.orphans += this.#early.expire(now);
  }

  /** Removes the next aggregate to publish, oldest first; null when none is due. A frame has at most one taken. */
  take(now: number): Publication | null {
    const [frame] = this.#due;
    if (frame === undefined) return null;
    this.#move(frame, 'sent');
    const alertOnly = !frame.changed;
    if (!alertOnly) {
      frame.changed = false;
      frame.revision += 1;
      frame.madeAt = now;
    }
    return { aggregate: aggregateFrame(frame.facts, frame.answers, frame.revision, frame.madeAt), alertOnly };
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
      this.done(aggregate.requestId);
      return null;
    }
    if (found !== null) this.#merge(frame, found);
    if (!alertOnly) this.counters[aggregate.revision === 0 ? 'published' : 'revised'] += 1;
    const content = found ?? aggregate;
    const alert = !isAlert(content) ? 'none' : !frame.alerted || frame.unsure ? 'first' : 'revision';
    return { aggregate: content, alert };
  }

  /** The taken aggregate is where it belongs, an alert in ALERTS too. */
  done(requestId: RequestId, alert: StoredAggregate['alert'] = 'none'): void {
    const frame = this.#frames.get(requestId);
    if (frame === undefined) return;
    if (alert !== 'none') {
      frame.alerted = true;
      frame.unsure = false;
    }
    this.#move(frame, frame.changed ? 'due' : 'idle');
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

  #open(facts: FrameFacts, deadline: number): Frame {
    const frame: Frame = {
      facts,
      answers: new Map(),
      deadline,
      revision: -1,
      madeAt: 0,
      state: 'waiting',
      changed: true,
      alerted: false,
      unsure: false,
    };
    this.#frames.set(facts.requestId, frame);
    return frame;
  }

  /** False when the answer is no news. */
  #addAnswer(frame: Frame, groupIndex: number, answer: GroupAnswer): boolean {
    if (!frame.facts.trafficGroups.some((group) => group.groupIndex === groupIndex)) {
      this.counters.orphans += 1;
      return false;
    }
    if (!isBetter(answer, frame.answers.get(groupIndex))) return false;
    frame.answers.set(groupIndex, answer);
    frame.changed = true;
    return true;
  }

  /** The message was not settled before the crash, so ALERTS may lack the alert. */
  #repeated(frame: Frame): void {
    this.counters.duplicates += 1;
    if (frame.unsure && frame.state === 'idle') this.#move(frame, 'due');
  }

  #merge(frame: Frame, found: Aggregate): void {
    this.counters.found += 1;
    const theirs = answersIn(found);
    for (const [groupIndex, answer] of frame.answers)
      if (isBetter(answer, theirs.get(groupIndex))) frame.changed = true;
    for (const [groupIndex, answer] of theirs) {
      const ours = frame.answers.get(groupIndex);
      if (ours === undefined || !isBetter(ours, answer)) frame.answers.set(groupIndex, answer);
    }
  }

  #move(frame: Frame, state: Frame['state']): void {
    this.#waiting.delete(frame);
    this.#due.delete(frame);
    this.#idle.delete(frame);
    frame.state = state;
    if (state === 'waiting') this.#waiting.add(frame);
    else if (state === 'due') this.#due.add(frame);
    else if (state === 'idle') this.#remember(frame);
  }

  #remember(frame: Frame): void {
    if (isOver(frame)) {
      this.#close(frame.facts.requestId);
      return;
    }
    this.#idle.add(frame);
    const [oldest] = this.#idle;
    if (this.#idle.size <= this.#options.rememberFrames || oldest === undefined) return;
    this.#idle.delete(oldest);
    this.#frames.delete(oldest.facts.requestId);
  }

  #close(requestId: RequestId): void {
    this.#frames.delete(requestId);
    this.#closed.add(requestId);
    const [oldest] = this.#closed;
    if (this.#closed.size > this.#options.rememberClosed && oldest !== undefined) this.#closed.delete(oldest);
  }

  /** An answer to a complete frame is never better than the first one of its group, so it counts as a duplicate. */
  #isClosed(requestId: RequestId): boolean {
    if (!this.#closed.has(requestId)) return false;
    this.counters.duplicates += 1;
    return true;
  }
}

const isAlert = ({ riskAssessment }: Aggregate): boolean => riskAssessment.maxRiskLevel === 'high';

/** Every group is assessed, and nothing of the frame has to go out again. */
const isOver = ({ facts, answers, unsure }: Frame): boolean =>
  !unsure && facts.trafficGroups.every(({ groupIndex }) => answers.get(groupIndex)?.missing === null);

const isComplete = ({ facts, answers }: Frame): boolean =>
  facts.trafficGroups.every(({ groupIndex }) => answers.has(groupIndex));
