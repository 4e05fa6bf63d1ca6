import type { GroupAssessment, RiskLevel, RulesReason, Spent } from '../messages/assessment.ts';
import { type CameraId, groupKey, type RequestId } from '../messages/ids.ts';
import type { IncidentVerdict, MeasuredIncident } from '../messages/incident.ts';
import { heardWitness } from './witness.ts';

/** The model's answer about an incident. */
export interface IncidentAnswer {
  /** Time of the frame that the model saw, epoch ms. */
  readonly at: number;
  /** Value of the question's prior. */
  readonly prior: number;
  readonly level: RiskLevel;
  readonly confidence: number;
  readonly description: string;
  readonly promptHash?: string;
  readonly reply?: string;
  readonly spent?: Spent;
  readonly model: string | null;
}

export interface IncidentRecord {
  readonly cameraId: CameraId;
  /** As the newest frame has it. */
  measured: MeasuredIncident;
  frameNumber: number;
  /** The newest. */
  answer: IncidentAnswer | null;
  /** Why the newest question was not answered. */
  reason: RulesReason | null;
  /** The frame that is the alert about it. */
  alertId: RequestId | null;
  /** Epoch ms. */
  seenAt: number;
}

/** @param prior of the question */
export const incidentAnswerOf = (
  assessment: GroupAssessment,
  at: number,
  prior: number,
  model: string | null,
): IncidentAnswer => ({
  at,
  prior,
  // The level that counts may be the measured one, see `Dispute`.
  level: assessment.disputed?.model ?? assessment.riskLevel,
  confidence: assessment.confidence,
  description: assessment.description,
  ...(assessment.promptHash === undefined ? {} : { promptHash: assessment.promptHash }),
  ...(assessment.reply === undefined ? {} : { reply: assessment.reply }),
  ...(assessment.spent === undefined ? {} : { spent: assessment.spent }),
  model,
});

/** @param describe the measured incident in a sentence, where the model said nothing */
export function verdictOn(
  incident: MeasuredIncident,
  answer: IncidentAnswer | null,
  reason: RulesReason | null,
  describe: (incident: MeasuredIncident) => string,
): IncidentVerdict {
  const because = reason === null ? {} : { reason };
  if (answer === null)
    return {
      status: 'measured',
      level: incident.severity,
      description: describe(incident),
      source: 'rules',
      ...because,
    };
  const { status, level } = heardWitness(incident.kind, incident.severity, answer.level);
  return {
    status,
    level,
    modelLevel: answer.level,
    confidence: answer.confidence,
    description: answer.description === '' ? describe(incident) : answer.description,
    source: status === 'measured' ? 'rules' : 'vlm',
    assessedAt: new Date(answer.at).toISOString(),
    ...(answer.promptHash === undefined ? {} : { promptHash: answer.promptHash }),
    ...(answer.model === null ? {} : { model: answer.model }),
    ...(answer.reply === undefined ? {} : { reply: answer.reply }),
    ...(answer.spent === undefined ? {} : { spent: answer.spent }),
  };
}

const isNewer = ({ at, prior }: IncidentAnswer, known: IncidentAnswer | null): boolean =>
  known === null || at > known.at || (at === known.at && prior > known.prior);

export interface IncidentRecordsOptions {
  /** Most incidents remembered; at the bound the one unseen for longest is forgotten. */
  readonly most: number;
  /** One that no frame has had for this long is gone, in ms. */
  readonly goneMs: number;
}

/** The incidents of all cameras, and what stands about them. Every call takes the time (epoch ms). */
export class IncidentRecords {
  readonly #options: IncidentRecordsOptions;
  /** The one unseen for longest first. */
  readonly #records = new Map<string, IncidentRecord>();
  #dropped = 0;

  constructor(options: IncidentRecordsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Records forgotten at the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  of(cameraId: CameraId, incidentId: string): IncidentRecord | null {
    return this.#records.get(groupKey(cameraId, incidentId)) ?? null;
  }

  /** A frame has this incident. Frames may come in any order, and the end of an incident stays its end. */
  see(cameraId: CameraId, frameNumber: number, incident: MeasuredIncident, now: number): IncidentRecord {
    const key = groupKey(cameraId, incident.incidentId);
    const known = this.#records.get(key);
    const record: IncidentRecord = known ?? {
      cameraId,
      measured: incident,
      frameNumber,
      answer: null,
      reason: null,
      alertId: null,
      seenAt: now,
    };
    const ends = incident.state === 'closed' && record.measured.state === 'open';
    if (ends || (frameNumber >= record.frameNumber && incident.state === record.measured.state)) {
      record.measured = incident;
      record.frameNumber = Math.max(frameNumber, record.frameNumber);
    }
    record.seenAt = now;
    this.#records.delete(key);
    this.#records.set(key, record);
    const [oldest] = this.#records.size > this.#options.most ? this.#records.keys() : [];
    if (oldest !== undefined) {
      this.#records.delete(oldest);
      this.#dropped += 1;
    }
    return record;
  }

  /**
   * Ignores an answer about an older frame than that of the newest answer. A frame that was published again, as its
   * incident had become worse, has the same time and a higher prior.
   */
  learn(cameraId: CameraId, incidentId: string, answer: IncidentAnswer): void {
    const record = this.of(cameraId, incidentId);
    if (record === null || !isNewer(answer, record.answer)) return;
    record.answer = answer;
    record.reason = null;
  }

  /** Where it went on in another incident, that one's alert is the same, unless it has its own. */
  inherit({ cameraId, measured: { mergedInto }, alertId }: IncidentRecord): void {
    const heir = mergedInto === undefined ? null : this.of(cameraId, mergedInto);
    if (heir !== null) heir.alertId ??= alertId;
  }

  /** No frame stands for this alert: the next frame with one of its incidents may. */
  forgetAlert(alertId: RequestId): void {
    for (const record of this.#records.values()) if (record.alertId === alertId) record.alertId = null;
  }

  /** Forgets incidents that are gone; returns their alerts. */
  expire(now: number): readonly RequestId[] {
    const alerts: RequestId[] = [];
    for (const [key, { seenAt, alertId }] of this.#records) {
      if (now - seenAt < this.#options.goneMs) break;
      this.#records.delete(key);
      if (alertId !== null) alerts.push(alertId);
    }
    return alerts;
  }
}
