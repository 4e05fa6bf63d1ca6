import type { GroupAssessment, RulesReason } from '../messages/assessment.ts';
import type { DetectedObject, PublishedGroup } from '../messages/detection.ts';
import type { Incident } from '../messages/incident.ts';
import { incidentsIn } from '../tasks/incident-group.ts';
import { type GroupAnswer, type ModelCall, NO_CALL, rankOf } from './group-answer.ts';
import { carriedTo, type Verdict } from './verdicts.ts';

/** The parts of a frame that an assessment needs. */
interface ShownFrame {
  readonly timestamp: string;
  readonly objects: readonly DetectedObject[];
  readonly imageWidth: number;
  readonly incidents: readonly Incident[];
}

/** A group as the rules see it. */
export interface RulesSubject {
  readonly group: PublishedGroup;
  readonly members: readonly DetectedObject[];
  readonly imageWidth: number;
  /** In which its members take part, the most severe first. */
  readonly incidents: readonly Incident[];
}
export type AssessByRules = (subject: RulesSubject) => GroupAssessment;

/** All that is known about one group of a frame. */
export class GroupSlot {
  readonly group: PublishedGroup;
  /** Why the model has not assessed the group in this frame; null when it has, or when it was not to be asked. */
  reason: RulesReason | null;
  /** The scheduler answered, so no further answer will come. */
  answered = false;
  call: ModelCall = NO_CALL;
  #model: GroupAssessment | null = null;
  #rules: GroupAssessment | null = null;
  /** The group's verdict in an earlier frame, where it is shown on this one. */
  #carried: { readonly at: number; readonly assessment: GroupAssessment } | null = null;
  /** The model's answer about this frame has not been published. */
  #isNews = false;

  constructor(group: PublishedGroup, reason: RulesReason | null) {
    this.group = group;
    this.reason = reason;
  }

  /** The slot as a published aggregate shows it; `assessment` undefined: as one that it does not have. */
  static from(group: PublishedGroup, assessment: GroupAssessment | undefined, call: ModelCall): GroupSlot {
    const slot = new GroupSlot(group, assessment === undefined ? 'late' : (assessment.reason ?? null));
    if (assessment === undefined) return slot;
    slot.call = call;
    if (assessment.carried === true)
      slot.#carried = { at: Date.parse(assessment.assessedAt ?? ''), assessment: withoutReason(assessment) };
    else if (assessment.source === 'rules') slot.#rules = assessment;
    else slot.#model = assessment;
    slot.answered = slot.#model !== null || !OPEN.has(slot.reason);
    return slot;
  }

  /** The model's answer about this frame. */
  get model(): GroupAssessment | null {
    return this.#model;
  }

  /** The group's verdict in an earlier frame, where it is shown on this one. */
  get carried(): GroupAssessment | null {
    return this.#carried?.assessment ?? null;
  }

  /** How much the slot tells: of two states of one slot, the higher one stays. */
  get rank(): 0 | 1 | 2 | 3 {
    return this.#model === null ? rankOf(this.reason) : 3;
  }

  /** False when the answer changes nothing about this frame. */
  take(answer: GroupAnswer, frameTime: string): boolean {
    this.answered = true;
    if (answer.by === 'model') {
      if (this.#model !== null) return false;
      this.#model = { ...answer.assessment, source: 'vlm', assessedAt: answer.assessment.assessedAt ?? frameTime };
      this.reason = null;
      this.#isNews = true;
    } else {
      if (rankOf(answer.reason) <= this.rank) return false;
      this.reason = answer.reason;
      if (answer.assessment !== null) this.#rules = answer.assessment;
    }
    this.call = answer.call;
    return true;
  }

  /** The answer is not waited for any more. False when it was not awaited. */
  giveUp(reason: 'late' | 'superseded'): boolean {
    if (this.reason !== 'pending') return false;
    this.reason = reason;
    return true;
  }

  /**
   * Shows this verdict where the model has no answer about this frame.
   *
   * @param verdict the newest one about the group up to this frame
   */
  carry(verdict: Verdict, holds: boolean, objects: readonly DetectedObject[]): void {
    if (this.#carried !== null && this.#carried.at >= verdict.at) return;
    this.#carried = holds ? { at: verdict.at, assessment: carriedTo(verdict, this.group, objects) } : null;
  }

  /** The assessment to show. */
  shown(frame: ShownFrame, assessByRules: AssessByRules): GroupAssessment {
    // A model that cannot tell ends no verdict that stands.
    if (this.#model !== null && (this.#model.riskLevel !== 'unknown' || this.#carried === null)) return this.#model;
    const because = this.reason === null ? {} : { reason: this.reason };
    if (this.#carried !== null) return { ...this.#carried.assessment, ...because };
    return { ...this.#byRules(frame, assessByRules), source: 'rules', ...because, assessedAt: frame.timestamp };
  }

  /** What stands about its incidents may change from revision to revision; without any the rules say the same again. */
  #byRules(frame: ShownFrame, assessByRules: AssessByRules): GroupAssessment {
    const incidents = incidentsIn(this.group, frame.incidents);
    if (incidents.length === 0 && this.#rules !== null) return this.#rules;
    const members = this.group.memberIndices.flatMap((index) => frame.objects[index] ?? []);
    const assessed = assessByRules({ group: this.group, members, imageWidth: frame.imageWidth, incidents });
    const failure = this.#rules?.degradedReason;
    return (this.#rules = { ...assessed, ...(failure === undefined ? {} : { degradedReason: failure }) });
  }

  /** True once after the model's answer: its first publication. */
  takeNews(): boolean {
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews;
  }
}

/** An answer may still come. */
const OPEN: ReadonlySet<RulesReason | null> = new Set<RulesReason | null>([null, 'pending', 'late', 'superseded']);

const withoutReason = ({ reason: _reason, ...assessment }: GroupAssessment): GroupAssessment => assessment;
