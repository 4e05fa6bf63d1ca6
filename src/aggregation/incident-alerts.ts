import type { Aggregate } from '../messages/aggregate.ts';
import { isDangerous } from '../messages/assessment.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import type { Incident, IncidentSeverity, IncidentVerdict, MeasuredIncident } from '../messages/incident.ts';
import { priorOfIncident } from '../tasks/incident-prior.ts';
import { isWorthAsking } from '../tasks/worth-asking.ts';
import type { GroupAnswer } from './group-answer.ts';
import type { IncidentSlot } from './incident-slot.ts';
import {
  type IncidentAnswer,
  incidentAnswerOf,
  type IncidentRecord,
  IncidentRecords,
  type IncidentRecordsOptions,
  verdictOn,
} from './incident-records.ts';
import type { Frame } from './joined-frame.ts';

/** An alert tells of more road users at most this often, in ms; of the incident's end and of answers at once. */
const GROWTH_MS = 2_000;
/**
 * While its incident goes on, an alert is revised this often, in ms. More often than the aggregator's look-back is
 * long, so that a restarted one finds it, and than `AlertHistory` waits for the next revision.
 */
const REFRESH_MS = 90_000;

export interface IncidentAlertsOptions extends IncidentRecordsOptions {
  /** A measured incident in a sentence. */
  readonly describe: (incident: MeasuredIncident) => string;
}

/**
 * What is known about incidents over the frames, and which frame is the alert about each: the one in which it came to
 * be dangerous, measured or judged. Replayed frames take no part. Every call takes the time (epoch ms).
 */
export class IncidentAlerts {
  readonly #describe: IncidentAlertsOptions['describe'];
  readonly #records: IncidentRecords;

  constructor({ describe, ...options }: IncidentAlertsOptions) {
    this.#describe = describe;
    this.#records = new IncidentRecords(options);
  }

  /** Incidents remembered. */
  get size(): number {
    return this.#records.size;
  }

  /** Incidents forgotten at the bound. */
  get dropped(): number {
    return this.#records.dropped;
  }

  /** A new frame. Says of each of its incidents whether an answer is wanted; returns those. */
  open({ replayed, at, facts, incidents }: Frame, recheckMs: number, now: number): readonly MeasuredIncident[] {
    const wanted: MeasuredIncident[] = [];
    const records: IncidentRecord[] = [];
    for (const slot of incidents) {
      const { measured } = slot;
      const record = replayed ? null : this.#records.see(facts.cameraId, facts.frameNumber, measured, now);
      if (record !== null) records.push(record);
      const isWanted = record === null || isWorthAsking(measured, record.answer, at, recheckMs);
      slot.reason = isWanted ? 'pending' : null;
      if (isWanted) wanted.push(measured);
    }
    for (const record of records) this.#records.inherit(record);
    return wanted;
  }

  /** There is an answer about an incident, from a question about the frame of that time (epoch ms). */
  learn(cameraId: CameraId, incidentId: string, answer: GroupAnswer, frameAt: number): void {
    if (answer.by === 'rules') {
      const record = this.#records.of(cameraId, incidentId);
      if (record !== null) record.reason = answer.reason;
      return;
    }
    const { assessment, prior = 0, call } = answer;
    this.#records.learn(cameraId, incidentId, incidentAnswerOf(assessment, frameAt, prior, call.llmModel));
  }

  /** Takes over what a published aggregate says about its incidents. */
  restore({ requestId, cameraId, frameNumber, incidents, replayOf }: Aggregate, now: number): void {
    if (replayOf !== undefined) return;
    const records: IncidentRecord[] = [];
    for (const { verdict, alertId, ...measured } of incidents) {
      const record = this.#records.see(cameraId, frameNumber, measured, now);
      // The frame was made the alert in this life, before it was known to be published with another one.
      if (record.alertId === null || record.alertId === requestId) record.alertId = alertId ?? record.alertId;
      const { modelLevel, assessedAt, confidence = 0, description, promptHash, reply, spent, model = null } = verdict;
      if (modelLevel !== undefined && assessedAt !== undefined)
        this.#records.learn(cameraId, measured.incidentId, {
          at: Date.parse(assessedAt),
          prior: priorOfIncident(measured).value,
          level: modelLevel,
          confidence,
          description,
          ...(promptHash === undefined ? {} : { promptHash }),
          ...(reply === undefined ? {} : { reply }),
          ...(spent === undefined ? {} : { spent }),
          model,
        });
      records.push(record);
    }
    for (const record of records) this.#records.inherit(record);
  }

  /** The frame's incidents as they stand. Makes the frame the alert about those that are dangerous and have none. */
  show(frame: Frame): Incident[] {
    return [...frame.incidents].map((slot) => this.#shown(frame, slot));
  }

  #shown(frame: Frame, slot: IncidentSlot): Incident {
    const { cameraId, requestId } = frame.facts;
    const record = frame.replayed ? null : this.#records.of(cameraId, slot.measured.incidentId);
    const answer = record === null ? ownAnswer(frame, slot) : record.answer;
    const reason = slot.reason === 'pending' ? (record?.reason ?? slot.reason) : slot.reason;
    const verdict = (): IncidentVerdict => verdictOn(slot.measured, answer, reason, this.#describe);
    if (record !== null && slot.measured.mergedInto === undefined && isDangerous(verdict().level))
      record.alertId ??= requestId;
    const alertId = record?.alertId ?? null;
    if (record !== null && alertId === requestId) slot.measured = grown(slot.measured, record.measured, frame);
    return {
      ...slot.measured,
      verdict: alertId === requestId ? verdict() : withoutReply(verdict()),
      ...(alertId === null ? {} : { alertId }),
    };
  }

  /** The alert about an incident; null when there is none. */
  alertOf(cameraId: CameraId, incidentId: string): RequestId | null {
    return this.#records.of(cameraId, incidentId)?.alertId ?? null;
  }

  /** The alerts about the frame's incidents. */
  alertsOf({ incidents, replayed, facts: { cameraId } }: Frame): ReadonlySet<RequestId> {
    const alerts = new Set<RequestId>();
    for (const { measured } of replayed ? [] : incidents) {
      const alertId = this.alertOf(cameraId, measured.incidentId);
      if (alertId !== null) alerts.add(alertId);
    }
    return alerts;
  }

  /** Whether more is known of the incidents of an alert than its newest revision tells. */
  isOutdated(alert: Frame, now: number): boolean {
    return alert.shownIncidents.some((shown) => {
      const record = this.#alertRecord(alert, shown);
      return record !== null && tellsMore(record, shown, now - alert.madeAt);
    });
  }

  /** Whether the frame is the alert about an incident that is remembered: more may be learnt about it. */
  isAlert(frame: Frame): boolean {
    return frame.shownIncidents.some((shown) => this.#alertRecord(frame, shown) !== null);
  }

  /** The frame was never published. */
  refused(requestId: RequestId): void {
    this.#records.forgetAlert(requestId);
  }

  /** Forgets incidents that are gone; returns their alerts. */
  expire(now: number): readonly RequestId[] {
    return this.#records.expire(now);
  }

  #alertRecord({ requestId, facts: { cameraId } }: Frame, { incidentId }: Incident): IncidentRecord | null {
    const record = this.#records.of(cameraId, incidentId);
    return record !== null && record.alertId === requestId ? record : null;
  }
}

const ownAnswer = ({ at }: Frame, { model, call }: IncidentSlot): IncidentAnswer | null =>
  model === null ? null : incidentAnswerOf(model, at, 0, call.llmModel);

/** Only the alert keeps what the model wrote: the other frames would each carry it again. */
function withoutReply(verdict: IncidentVerdict): IncidentVerdict {
  const { reply: _, spent: _spent, ...short } = verdict;
  return short;
}

const STEP: Readonly<Record<IncidentSeverity, number>> = { low: 0, medium: 1, high: 2 };

function tellsMore({ measured, answer }: IncidentRecord, shown: Incident, ageMs: number): boolean {
  const assessedAt = answer === null ? undefined : new Date(answer.at).toISOString();
  if (shown.state === 'open' && measured.state === 'closed') return true;
  if (STEP[measured.severity] > STEP[shown.severity]) return true;
  if (assessedAt !== shown.verdict.assessedAt || answer?.level !== shown.verdict.modelLevel) return true;
  if (measured.state === 'closed') return false;
  return ageMs >= REFRESH_MS || (ageMs >= GROWTH_MS && measured.trackIds.length > shown.trackIds.length);
}

/** The incident in the frame of its alert, with all that later frames say about it. */
function grown(before: MeasuredIncident, now: MeasuredIncident, { facts }: Frame): MeasuredIncident {
  if (before === now || (before.state === 'closed' && now.state === 'open')) return before;
  const tracks = new Set(now.trackIds);
  const { earlier: _moments, speedsKmh: _speeds, trajectories = before.trajectories, ...later } = now;
  const { earlier, speedsKmh, bbox, cropId, subjectIndex } = before;
  return {
    ...later,
    bbox,
    cropId,
    subjectIndex,
    objects: facts.detectedObjects.flatMap(({ objectId, trackId }) => (tracks.has(trackId) ? [objectId] : [])),
    ...(earlier === undefined ? {} : { earlier }),
    ...(speedsKmh === undefined ? {} : { speedsKmh }),
    ...(trajectories === undefined ? {} : { trajectories }),
  };
}
