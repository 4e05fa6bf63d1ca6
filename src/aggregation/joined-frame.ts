import type { Aggregate } from '../messages/aggregate.ts';
import type { RulesReason } from '../messages/assessment.ts';
import type { RequestId } from '../messages/ids.ts';
import { assessedPart, factsOf, type FrameFacts } from './aggregate-frame.ts';
import type { Publication } from './aggregation.types.ts';
import type { GroupAnswer } from './group-answer.ts';
import { type AssessByRules, GroupSlot } from './group-slot.ts';

/**
 * - `waiting`: for answers; its newest revision is published.
 * - `due`: to be published.
 * - `sent`: taken, and not reported as done yet.
 * - `idle`: the bus has all that is known of it.
 */
export type FrameState = 'waiting' | 'due' | 'sent' | 'idle';

/** One frame, and all that is known of its groups. */
export class Frame {
  readonly facts: FrameFacts;
  /** Time of the frame, epoch ms. */
  readonly at: number;
  /** Takes part in the memory of verdicts: a live frame of which the time is believed. */
  readonly live: boolean;
  /** When its answers are no longer waited for, epoch ms. */
  readonly limit: number;
  /** The newest revision taken, and when it was made, epoch ms; -1 before the first. */
  revision = -1;
  madeAt = 0;
  state: FrameState = 'waiting';
  /** Something about it is not in its newest revision. */
  changed = true;
  alerted = false;
  /** An alert of a former life, as published: ALERTS may lack it, see `Aggregation.restore`. */
  unsure: Aggregate | null = null;
  /** A message of the unsure frame was delivered again, so the alert goes to ALERTS again. */
  again = false;
  #slots = new Map<number, GroupSlot>();
  /** The facts as JSON, most of the text of an aggregate: made once while revisions may follow. */
  #factsJson: string | null = null;

  constructor(facts: FrameFacts, options: { readonly live: boolean; readonly limit: number }) {
    this.facts = facts;
    this.at = Date.parse(facts.timestamp);
    this.live = options.live;
    this.limit = options.limit;
  }

  get requestId(): RequestId {
    return this.facts.requestId;
  }

  get slots(): Iterable<GroupSlot> {
    return this.#slots.values();
  }

  /** An answer is waited for. */
  get awaits(): boolean {
    return this.some(({ reason }) => reason === 'pending');
  }

  /** No further answer can come. */
  get complete(): boolean {
    return !this.some(({ answered }) => !answered);
  }

  some(is: (slot: GroupSlot) => boolean): boolean {
    for (const slot of this.#slots.values()) if (is(slot)) return true;
    return false;
  }

  slot(groupIndex: number): GroupSlot | undefined {
    return this.#slots.get(groupIndex);
  }

  /** @param reasonOf why the group has no answer yet, see `GroupSlot.reason` */
  open(reasonOf: (group: GroupSlot['group']) => RulesReason | null): void {
    for (const group of this.facts.trafficGroups)
      this.#slots.set(group.groupIndex, new GroupSlot(group, reasonOf(group)));
  }

  /** Takes over an aggregate of this frame that was published, as it stands. */
  adopt(aggregate: Aggregate): void {
    this.#slots = slotsIn(aggregate, this.facts);
    this.revision = aggregate.revision;
    this.madeAt = Date.parse(aggregate.publishedAt);
    this.changed = false;
  }

  /** Takes over all from a published aggregate that says as much as this frame, or more. */
  merge(aggregate: Aggregate): void {
    for (const [groupIndex, theirs] of slotsIn(aggregate, this.facts)) {
      const ours = this.#slots.get(groupIndex);
      if (ours !== undefined && ours.rank > theirs.rank) this.changed = true;
      else this.#slots.set(groupIndex, theirs);
    }
  }

  /** False when the answer is no news. */
  take(groupIndex: number, answer: GroupAnswer): boolean {
    const isNews = this.#slots.get(groupIndex)?.take(answer, this.facts.timestamp) === true;
    if (isNews) this.changed = true;
    return isNews;
  }

  /** Ends the wait for the answers about these groups; returns their number. */
  giveUp(reason: 'late' | 'superseded', is: (slot: GroupSlot) => boolean = () => true): number {
    let count = 0;
    for (const slot of this.#slots.values()) if (is(slot) && slot.giveUp(reason)) count += 1;
    if (count > 0) this.changed = true;
    return count;
  }

  aggregate(assessByRules: AssessByRules): Pick<Publication, 'aggregate' | 'json'> {
    const { facts } = this;
    const { timestamp, detectedObjects: objects, imageWidth } = facts;
    const slots = [...this.#slots.values()];
    const results = slots.map((slot) => slot.shown({ timestamp, objects, imageWidth }, assessByRules));
    const calls = slots.map(({ call }) => call);
    const assessed = assessedPart(results, calls, this.revision, this.madeAt);
    this.#factsJson ??= JSON.stringify(facts).slice(0, -1);
    const json = `${this.#factsJson},${JSON.stringify(assessed).slice(1)}`;
    return { aggregate: { ...facts, ...assessed }, json };
  }

  /** To be called when no answer is awaited any more: few of these frames are revised again, and many are kept. */
  trim(): void {
    this.#factsJson = null;
  }
}

function slotsIn(
  { riskAssessment, llmLatency, llmModel }: Aggregate,
  { trafficGroups }: FrameFacts,
): Map<number, GroupSlot> {
  const results = new Map(riskAssessment.results.map((result) => [result.groupIndex, result]));
  const call = { llmLatency, llmModel };
  return new Map(
    trafficGroups.map((group) => [group.groupIndex, GroupSlot.from(group, results.get(group.groupIndex), call)]),
  );
}

/** A frame of a published aggregate, see `Frame.adopt`. */
export const frameOf = (aggregate: Aggregate, options: { readonly live: boolean; readonly limit: number }): Frame =>
  new Frame(factsOf(aggregate), options);
