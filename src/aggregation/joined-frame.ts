import { type Aggregate, isAlert } from '../messages/aggregate.ts';
import type { RulesReason } from '../messages/assessment.ts';
import type { RequestId } from '../messages/ids.ts';
import type { Incident, MeasuredIncident } from '../messages/incident.ts';
import { assessedPart, factsOf, type FrameFacts } from './aggregate-frame.ts';
import type { Publication } from './aggregation.types.ts';
import type { GroupAnswer } from './group-answer.ts';
import { type AssessByRules, GroupSlot } from './group-slot.ts';
import { IncidentSlot } from './incident-slot.ts';

/**
 * - `waiting`: for answers; its newest revision is published.
 * - `due`: to be published.
 * - `sent`: taken, and not reported as done yet.
 * - `idle`: the bus has all that is known of it.
 */
export type FrameState = 'waiting' | 'due' | 'sent' | 'idle';

/** One frame, and all that is known of its groups and incidents. */
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
  /**
   * The unsure alert goes to ALERTS again. `first`: a message of its frame was delivered again, so all that an alert
   * causes may be missing. `revision`: messages of other frames, which may be settled, made its newest revision.
   */
  again: 'first' | 'revision' | null = null;
  #slots = new Map<number, GroupSlot>();
  /** By their place among the subjects. */
  #incidents: Map<number, IncidentSlot>;
  /** As the newest revision shows them. */
  #shownIncidents: readonly Incident[] = [];
  /** The facts as JSON, most of the text of an aggregate: made once while revisions may follow. */
  #factsJson: string | null = null;

  /** @param incidents of a new frame; those of a published one are in its aggregate, see `adopt` */
  constructor(
    facts: FrameFacts,
    options: { readonly live: boolean; readonly limit: number },
    incidents: readonly MeasuredIncident[] = [],
  ) {
    this.facts = facts;
    this.#incidents = new Map(incidents.map((each) => [each.subjectIndex, new IncidentSlot(each, 'pending')]));
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

  get incidents(): Iterable<IncidentSlot> {
    return this.#incidents.values();
  }

  /** As the newest revision shows them; empty before the first. */
  get shownIncidents(): readonly Incident[] {
    return this.#shownIncidents;
  }

  get replayed(): boolean {
    return this.facts.replayOf !== undefined;
  }

  /** An answer is waited for. */
  get awaits(): boolean {
    return this.some(({ reason }) => reason === 'pending');
  }

  /** No further answer can come. */
  get complete(): boolean {
    for (const { complete } of this.#incidents.values()) if (!complete) return false;
    return !this.some(({ answered }) => !answered);
  }

  /** The state in which it goes on once its newest revision is where it belongs. */
  get nextState(): FrameState {
    if (this.again !== null) return 'due';
    if (this.awaits) return 'waiting';
    return this.changed ? 'due' : 'idle';
  }

  some(is: (slot: GroupSlot) => boolean): boolean {
    for (const slot of this.#slots.values()) if (is(slot)) return true;
    return false;
  }

  slot(groupIndex: number): GroupSlot | undefined {
    return this.#slots.get(groupIndex);
  }

  incident(subjectIndex: number): IncidentSlot | undefined {
    return this.#incidents.get(subjectIndex);
  }

  /** @param reasonOf why the group has no answer yet, see `GroupSlot.reason` */
  open(reasonOf: (group: GroupSlot['group']) => RulesReason | null): void {
    for (const group of this.facts.trafficGroups)
      this.#slots.set(group.groupIndex, new GroupSlot(group, reasonOf(group)));
  }

  /** Takes over an aggregate of this frame that was published before a crash, as it stands. */
  adopt(aggregate: Aggregate): void {
    this.unsure = isAlert(aggregate) ? aggregate : null;
    this.alerted ||= isAlert(aggregate);
    const byIncident = aggregate.incidents.some(({ alertId }) => alertId === this.requestId);
    this.again = aggregate.revision > 0 && byIncident ? 'revision' : null;
    this.#slots = slotsIn(aggregate, this.facts);
    this.#incidents = incidentSlotsIn(aggregate);
    this.#shownIncidents = aggregate.incidents;
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
    for (const [subjectIndex, theirs] of incidentSlotsIn(aggregate)) {
      const ours = this.#incidents.get(subjectIndex);
      if (ours !== undefined && ours.rank > theirs.rank) this.changed = true;
      else this.#incidents.set(subjectIndex, theirs);
    }
    this.#shownIncidents = aggregate.incidents;
  }

  /** False when the answer is no news. `subjectIndex`: of a group or an incident. */
  take(subjectIndex: number, answer: GroupAnswer): boolean {
    const isNews =
      this.#slots.get(subjectIndex)?.take(answer, this.facts.timestamp) === true ||
      this.#incidents.get(subjectIndex)?.take(answer) === true;
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

  /** Number of the model's answers that no revision has yet; 0 when called again. */
  takeNews(): number {
    let news = 0;
    for (const slot of this.#slots.values()) if (slot.takeNews()) news += 1;
    for (const slot of this.#incidents.values()) if (slot.takeNews()) news += 1;
    return news;
  }

  /** @param incidents as they stand now */
  aggregate(incidents: Incident[], assessByRules: AssessByRules): Pick<Publication, 'aggregate' | 'json'> {
    const { facts } = this;
    const { timestamp, detectedObjects: objects, imageWidth } = facts;
    const slots = [...this.#slots.values()];
    const results = slots.map((slot) => slot.shown({ timestamp, objects, imageWidth, incidents }, assessByRules));
    const calls = [...slots, ...this.#incidents.values()].map(({ call }) => call);
    const assessed = assessedPart({ results, incidents, calls }, this.revision, this.madeAt);
    this.#shownIncidents = incidents;
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

const incidentSlotsIn = ({ incidents, timestamp }: Aggregate): Map<number, IncidentSlot> =>
  new Map(incidents.map((incident) => [incident.subjectIndex, IncidentSlot.from(incident, timestamp)]));

/** A frame of a published aggregate, see `Frame.adopt`. */
export const frameOf = (aggregate: Aggregate, options: { readonly live: boolean; readonly limit: number }): Frame =>
  new Frame(factsOf(aggregate), options);
