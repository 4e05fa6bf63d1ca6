import type { Aggregate } from '../messages/aggregate.ts';
import type { AssessmentResult } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import type { RequestId } from '../messages/ids.ts';
import { aggregateFrame, factsOf, type FrameFacts } from './aggregate-frame.ts';
import { answerOf, answersIn, type GroupAnswer, isBetter } from './group-answer.ts';

/**
 * Clocks of cameras' nodes may be ahead by this much, in ms; a frame from further ahead would be held until its time
 * comes.
 */
const AHEAD_MS = 60_000;

export interface AggregationOptions {
  /**
   * After the frame's time by this much (of a replayed frame: after its arrival) the aggregate goes out with what is
   * there, in ms.
   */
  readonly deadlineMs: number;
  /** Frames kept after they went out without every judgement, so that late answers revise them. */
  readonly rememberFrames: number;
  /** Frames that nothing can revise any more: of them only the id is kept, so that what comes again changes nothing. */
  readonly rememberClosed: number;
  /** Frames whose answers are kept though they came before the detection, and for how long, in ms. */
  readonly earlyFrames: number;
  readonly earlyMs: number;
}

export interface AggregationCounters {
  published: number;
  revised: number;
  incomplete: number;
  duplicates: number;
  /** Answers to frames or groups nobody knows: too late, or forgotten at the bound. */
  orphans: number;
  /** Revisions that the bus already had from before a crash. */
  found: number;
}

/** What to publish now. Whoever takes it says how it went: `stored`, then `done`. */
export interface Publication {
  readonly aggregate: Aggregate;
  /** The aggregates have it from before a crash; whether the alerts have it, nobody knows. */
  readonly alertOnly: boolean;
}

/** What the bus has, and whether it must reach the alerts, as the first of its frame or as a revision. */
export interface Outcome {
  readonly aggregate: Aggregate;
  readonly alert: 'none' | 'first' | 'revision';
}

interface Frame {
  readonly facts: FrameFacts;
  readonly answers: Map<number, GroupAnswer>;
  readonly deadline: number;
  /** The newest revision given out, and when it was made, epoch ms; -1 until it went out. */
  revision: number;
  madeAt: number;
  /** `waiting` for answers; `due` to be published; `sent`, its outcome not known; `idle`: the bus has all there is. */
  state: 'waiting' | 'due' | 'sent' | 'idle';
  /** Something changed since the newest revision. */
  changed: boolean;
  alerted: boolean;
  /** Restored as an alert: that the alerts have it is not sure until a message of it comes again, or does not. */
  unsure: boolean;
}

/**
 * Joins detections with their answers, one aggregate per frame. A frame goes out when its last answer is in, or at its
 * deadline; an answer after that makes a new revision of the same aggregate. After a crash `restore` tells it what went
 * out, and what is then delivered again changes nothing. Pure state: time is passed in. Memory is bounded by the
 * options,
 * and by the caller for frames whose messages it has not settled.
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
  /**
   * Out with every judgement, oldest first. Their content would be most of the memory, and work for the garbage
   * collector.
   */
  readonly #closed = new Set<RequestId>();
  readonly #early = new Map<RequestId, { readonly since: number; readonly answers: Map<number, GroupAnswer> }>();
  #givenUp: RequestId[] = [];
  /** No deadline is before this. */
  #soonest = Infinity;

  constructor(options: AggregationOptions) {
    this.#options = options;
  }

  /** Frames waiting for answers. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Frames whose newest state is not on the bus yet and not on its way. */
  get due(): number {
    return this.#due.size;
  }

  /** Frames remembered with their content, whatever their state. */
  get remembered(): number {
    return this.#frames.size + this.#early.size;
  }

  /** Frames of which only the id is remembered. */
  get closed(): number {
    return this.#closed.size;
  }

  /** When to call `onTime` next; null when nothing waits. */
  get nextDeadline(): number | null {
    return this.#waiting.size === 0 ? null : this.#soonest;
  }

  /** What went out before a crash, oldest first. */
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

  /** A detection arrived, perhaps again. */
  onDetection(detection: Detection, now: number): void {
    const { requestId } = detection;
    if (this.#isRepeated(requestId)) return;
    const known = this.#frames.get(requestId);
    if (known !== undefined) {
      this.#repeated(known);
      return;
    }
    const from = detection.replayOf === undefined ? Math.min(now + AHEAD_MS, Date.parse(detection.timestamp)) : now;
    const deadline = Math.max(now, from + this.#options.deadlineMs);
    const frame = this.#open(factsOf(detection), deadline);
    for (const [groupIndex, answer] of this.#early.get(requestId)?.answers ?? []) this.#take(frame, groupIndex, answer);
    this.#early.delete(requestId);
    this.#soonest = Math.min(this.#soonest, deadline);
    this.#move(frame, isComplete(frame) ? 'due' : 'waiting');
  }

  /** An answer arrived, perhaps again, perhaps before its detection, perhaps late. */
  onResult(result: AssessmentResult, now: number): void {
    const { requestId, groupIndex } = result;
    if (this.#isRepeated(requestId)) return;
    const frame = this.#frames.get(requestId);
    const answer = answerOf(result);
    if (frame === undefined) {
      const answers = this.#earlyAnswers(requestId, now);
      if (isBetter(answer, answers.get(groupIndex))) answers.set(groupIndex, answer);
      else this.counters.duplicates += 1;
    } else if (!this.#take(frame, groupIndex, answer)) this.#repeated(frame);
    else if (frame.state === 'idle' || (frame.state === 'waiting' && isComplete(frame))) this.#move(frame, 'due');
  }

  /** Makes due what has waited long enough, and gives up answers whose detection never came. */
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
    for (const [requestId, { since }] of this.#early) {
      if (now - since < this.#options.earlyMs) break;
      this.#giveUp(requestId);
    }
  }

  /** The next to be published, oldest first; null when there is none. One frame has at most one on its way. */
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
   * The bus has what was taken. `found`: what stands there under that revision from before a crash, `gone` when it was
   * there and is not any more. Answers in it are taken over, and answers that it lacks make the next revision. Null:
   * there
   * is nothing more to do for this one; it goes out again under a higher revision.
   */
  stored({ aggregate, alertOnly }: Publication, found: Aggregate | 'gone' | null): Outcome | null {
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

  /** All there is to do for what was taken is done, so far as it is an alert too. */
  done(requestId: RequestId, alert: Outcome['alert'] = 'none'): void {
    const frame = this.#frames.get(requestId);
    if (frame === undefined) return;
    if (alert !== 'none') {
      frame.alerted = true;
      frame.unsure = false;
    }
    this.#move(frame, frame.changed ? 'due' : 'idle');
  }

  /** True when the bus has all that is known of this frame, or it was given up. Its messages may be settled. */
  isSettled(requestId: RequestId): boolean {
    const frame = this.#frames.get(requestId);
    return frame === undefined ? !this.#early.has(requestId) : frame.state === 'idle';
  }

  /** Frames whose answers were given up since the last call, because no detection of theirs ever came. */
  takeGivenUp(): readonly RequestId[] {
    const all = this.#givenUp;
    this.#givenUp = [];
    return all;
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

  /** False when it says nothing new. */
  #take(frame: Frame, groupIndex: number, answer: GroupAnswer): boolean {
    if (!frame.facts.trafficGroups.some((group) => group.groupIndex === groupIndex)) {
      this.counters.orphans += 1;
      return false;
    }
    if (!isBetter(answer, frame.answers.get(groupIndex))) return false;
    frame.answers.set(groupIndex, answer);
    frame.changed = true;
    return true;
  }

  /** It is delivered again, so its message was not settled before the crash, so the alert may be missing. */
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

  /** Of a closed frame: no judgement is better than the first of its group. */
  #isRepeated(requestId: RequestId): boolean {
    if (!this.#closed.has(requestId)) return false;
    this.counters.duplicates += 1;
    return true;
  }

  #earlyAnswers(requestId: RequestId, now: number): Map<number, GroupAnswer> {
    const kept = this.#early.get(requestId);
    if (kept !== undefined) return kept.answers;
    const answers = new Map<number, GroupAnswer>();
    this.#early.set(requestId, { since: now, answers });
    const [oldest] = this.#early.keys();
    if (this.#early.size > this.#options.earlyFrames && oldest !== undefined) this.#giveUp(oldest);
    return answers;
  }

  #giveUp(requestId: RequestId): void {
    this.counters.orphans += this.#early.get(requestId)?.answers.size ?? 0;
    this.#early.delete(requestId);
    this.#givenUp.push(requestId);
  }
}

const isAlert = ({ riskAssessment }: Aggregate): boolean => riskAssessment.maxRiskLevel === 'high';

/** Every group is judged, and nothing of it has to go out again. */
const isOver = ({ facts, answers, unsure }: Frame): boolean =>
  !unsure && facts.trafficGroups.every(({ groupIndex }) => answers.get(groupIndex)?.missing === null);

const isComplete = ({ facts, answers }: Frame): boolean =>
  facts.trafficGroups.every(({ groupIndex }) => answers.has(groupIndex));
