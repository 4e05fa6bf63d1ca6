import type { GroupAssessment, RulesReason } from '../messages/assessment.ts';
import type { Incident, MeasuredIncident } from '../messages/incident.ts';
import { type GroupAnswer, type ModelCall, NO_CALL, rankOf } from './group-answer.ts';

/** All that is known about one incident from its question in one frame. */
export class IncidentSlot {
  measured: MeasuredIncident;
  /** Why the model has not answered about it in this frame; null when it has, or when it was not to be asked. */
  reason: RulesReason | null;
  call: ModelCall = NO_CALL;
  #model: GroupAssessment | null = null;
  /** The model's answer about this frame has not been published. */
  #isNews = false;

  constructor(measured: MeasuredIncident, reason: RulesReason | null) {
    this.measured = measured;
    this.reason = reason;
  }

  /** The slot as a published aggregate of the frame shows it. */
  static from({ verdict, alertId: _alert, ...measured }: Incident, frameTime: string): IncidentSlot {
    const slot = new IncidentSlot(measured, verdict.reason ?? null);
    if (verdict.modelLevel === undefined || verdict.assessedAt !== frameTime) return slot;
    slot.reason = null;
    slot.#model = {
      groupIndex: measured.subjectIndex,
      riskLevel: verdict.modelLevel,
      confidence: verdict.confidence ?? 0,
      riskTypes: [],
      description: verdict.description,
      dangerObjectCount: 0,
      triggerObjectIds: [],
    };
    return slot;
  }

  /** The model's answer about this frame. */
  get model(): GroupAssessment | null {
    return this.#model;
  }

  /** The scheduler answered, so no further answer will come. */
  get answered(): boolean {
    return this.#model !== null || (this.reason !== null && this.reason !== 'pending');
  }

  /** No further answer is waited for. */
  get complete(): boolean {
    return this.reason !== 'pending';
  }

  /** How much the slot tells: of two states of one slot, the higher one stays. */
  get rank(): 0 | 1 | 2 | 3 {
    return this.#model === null ? rankOf(this.reason) : 3;
  }

  /** False when the answer changes nothing about this frame. */
  take(answer: GroupAnswer): boolean {
    if (answer.by === 'model') {
      if (this.#model !== null) return false;
      this.#model = answer.assessment;
      this.reason = null;
      this.#isNews = true;
    } else {
      if (rankOf(answer.reason) <= this.rank) return false;
      this.reason = answer.reason;
    }
    this.call = answer.call;
    return true;
  }

  /** True once after the model's answer: its first publication. */
  takeNews(): boolean {
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews;
  }
}
