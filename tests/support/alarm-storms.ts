import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { RiskLevel } from '../../src/messages/assessment.ts';
import type { Evidence, Incident, IncidentVerdict } from '../../src/messages/incident.ts';
import { EVENT_KINDS, type EventKind } from '../../src/messages/scene-constants.ts';
import { NO_EVIDENCE } from './incidents.ts';
import { Random } from './random.ts';

/**
 * Storms of alerts: 5,000 events in ten minutes on a hundred cameras, 20 of them true.
 *
 * - `rain`: five cameras with wet glass report all kinds of standing and moving things.
 * - `shaking`: one camera in the wind; its road users are real, their motion isn't.
 * - `detector`: forty cameras with a detector that takes shadows for people.
 * - `everywhere`: every camera and every kind.
 *
 * True and false events overlap in all their numbers. A false one has evidence as strong as a true one. The detector is
 * less sure of it, except on a shaking camera, and it is mostly gone after a frame. The model is asked about one false
 * event in eight and takes one in twelve of those for true; the others it disputes or lowers. A true event lasts, so
 * the model is asked again: 16 of 20 are confirmed or raised, within three seconds. The other four get no answer; they
 * are high and their detections are sure. True events are anywhere, three of them where the storm is worst.
 */
export const STORMS = ['rain', 'shaking', 'detector', 'everywhere'] as const;
export type StormKind = (typeof STORMS)[number];

export interface StormOptions {
  readonly kind: StormKind;
  readonly seed: number;
  /** When it begins, epoch ms. */
  readonly start: number;
  readonly events?: number;
  readonly trueOnes?: number;
  /** Of the true ones, those that the model does not answer about. Default 4. */
  readonly unanswered?: number;
}

export interface Storm {
  /** Revisions in the order of their `publishedAt`. */
  readonly alerts: readonly Aggregate[];
  /** Incident ids. */
  readonly trueOnes: ReadonlySet<string>;
}

export const STORM_MS = 600_000;
const CAMERAS = Array.from({ length: 100 }, (_, index) => `cam-${index}`);
const DISPUTED: ReadonlySet<EventKind> = new Set(['collision', 'wrong-way', 'person-on-road']);

export function makeStorm(options: StormOptions): Storm {
  const { kind, seed, start, events = 5_000, trueOnes = 20, unanswered = 4 } = options;
  const random = new Random(seed);
  const alerts: Aggregate[] = [];
  const ids = new Set<string>();
  for (let index = 0; index < events; index += 1) {
    // Spread evenly: every 250th is true.
    const isTrue = index % Math.floor(events / trueOnes) === 7 && ids.size < trueOnes;
    const at = start + Math.round((index / events) * STORM_MS + random.between(0, 50));
    const place = isTrue ? truePlace(kind, ids.size, random) : falsePlace(kind, random);
    const event = isTrue
      ? trueEvent(place.kind, ids.size < trueOnes - unanswered, random)
      : falseEvent(place.kind, kind === 'shaking', random);
    const incidentId = `${place.cameraId}-${seed}-${index}`;
    if (isTrue) ids.add(incidentId);
    alerts.push(...revisions(incidentId, place, event, at, random));
  }
  return { alerts: alerts.toSorted((a, b) => (a.publishedAt < b.publishedAt ? -1 : 1)), trueOnes: ids };
}

interface Place {
  readonly cameraId: string;
  readonly kind: EventKind;
}

/** Numbers and answer of one event. */
interface StormEvent {
  readonly measured: 'medium' | 'high';
  readonly confidence: number;
  readonly evidence: Evidence;
  /** Null: the model does not answer. */
  readonly answer: Pick<IncidentVerdict, 'status' | 'level'> | null;
}

function falsePlace(storm: StormKind, random: Random): Place {
  const kind = random.pick(EVENT_KINDS);
  switch (storm) {
    case 'rain':
      return { cameraId: CAMERAS[random.below(5)]!, kind };
    case 'shaking':
      return { cameraId: CAMERAS[0]!, kind };
    case 'detector':
      return { cameraId: CAMERAS[random.below(40)]!, kind: 'person-on-road' };
    case 'everywhere':
      return { cameraId: random.pick(CAMERAS as [string, ...string[]]), kind };
    default:
      return storm satisfies never;
  }
}

/** The first three where the storm is, the others anywhere. */
function truePlace(storm: StormKind, index: number, random: Random): Place {
  if (index < 3) return falsePlace(storm, random);
  return { cameraId: random.pick(CAMERAS as [string, ...string[]]), kind: random.pick(EVENT_KINDS) };
}

function trueEvent(kind: EventKind, answered: boolean, random: Random): StormEvent {
  const measured = !answered || random.chance(0.4) ? 'high' : 'medium';
  const answer = random.chance(0.3)
    ? ({ status: 'raised', level: 'high' } as const)
    : ({ status: 'confirmed', level: measured } as const);
  return {
    measured,
    confidence: answered ? random.between(0.5, 0.95) : random.between(0.75, 0.95),
    evidence: evidenceOf(kind, random.next(), random.between(2, 20)),
    answer: answered ? answer : null,
  };
}

function falseEvent(kind: EventKind, isSure: boolean, random: Random): StormEvent {
  const measured = random.chance(0.2) ? 'high' : 'medium';
  const lowered = measured === 'high' ? 'medium' : 'low';
  const wrong = random.chance(1 / 12);
  const right = DISPUTED.has(kind)
    ? ({ status: 'disputed', level: measured } as const)
    : ({ status: 'lowered', level: lowered } as const);
  return {
    measured,
    confidence: isSure ? random.between(0.5, 0.95) : random.between(0.25, 0.75),
    evidence: evidenceOf(kind, random.next(), random.chance(0.1) ? random.between(1, 10) : random.between(0, 1)),
    answer: random.chance(1 / 8) ? (wrong ? { status: 'confirmed', level: measured } : right) : null,
  };
}

/** @param strength from 0, hardly an event, to 1 */
function evidenceOf(kind: EventKind, strength: number, durationS: number): Evidence {
  const near = { ttc: 3 - 2.7 * strength, distanceM: 5 - 4 * strength };
  const own: Partial<Record<EventKind, Partial<Evidence>>> = {
    collision: near,
    'near-miss': near,
    'near-miss-person': near,
    'hard-braking': { decelerationMps2: 4 + 5 * strength },
    tailgating: { headwayS: 1.2 - strength },
    speeding: { speedKmh: 60 + 50 * strength, limitKmh: 60 },
    'wrong-way': { degrees: 120 + 60 * strength },
  };
  return { ...NO_EVIDENCE, durationS, ...own[kind] };
}

/** The measured alert, and the one with the model's answer 0.5 to 3 s later. */
function revisions(incidentId: string, place: Place, event: StormEvent, at: number, random: Random): Aggregate[] {
  const alertId = uuidOf(random);
  const { measured, answer } = event;
  const first = alertOf(incidentId, alertId, place, event, { at, publishedAt: at + 300, revision: 0 }, null);
  if (answer === null) return [first];
  const answeredAt = at + 300 + Math.round(random.between(500, 3_000));
  return [
    first,
    alertOf(incidentId, alertId, place, event, { at, publishedAt: answeredAt, revision: 1 }, { measured, ...answer }),
  ];
}

function alertOf(
  incidentId: string,
  alertId: string,
  { cameraId, kind }: Place,
  { measured, confidence, evidence }: StormEvent,
  { at, publishedAt, revision }: { readonly at: number; readonly publishedAt: number; readonly revision: number },
  answer: (Pick<IncidentVerdict, 'status' | 'level'> & { readonly measured: RiskLevel }) | null,
): Aggregate {
  const timestamp = new Date(at).toISOString();
  const { status, level } = answer ?? { status: 'measured', level: measured };
  const incident: Incident = {
    incidentId,
    kind,
    state: revision === 0 ? 'open' : 'closed',
    onset: timestamp,
    foundAt: timestamp,
    ...(revision === 0 ? {} : { endedAt: new Date(publishedAt).toISOString() }),
    objects: [0],
    trackIds: [1],
    bbox: [0, 0, 80, 60],
    zone: null,
    calibrated: true,
    evidence,
    severity: measured,
    subjectIndex: 1,
    cropId: null,
    alertId,
    verdict:
      answer === null
        ? { status, level, description: '', source: 'rules', reason: 'pending' }
        : { status, level, modelLevel: level, confidence: 0.8, description: '', source: 'vlm', assessedAt: timestamp },
  };
  return {
    cameraId,
    requestId: alertId,
    timestamp,
    frameNumber: 1,
    revision,
    publishedAt: new Date(publishedAt).toISOString(),
    detectedObjects: [{ objectId: 0, trackId: 1, class: 'car', confidence, bbox: [0, 0, 80, 60], velocity: null }],
    trafficGroups: [],
    incidents: [incident],
    riskAssessment: {
      maxRiskLevel: level,
      hasDangerousDriving: true,
      results: [],
      missingGroups: [],
      source: answer === null ? 'rules' : 'vlm',
      degraded: false,
    },
    llmLatency: 0,
    llmModel: null,
    imageWidth: 1_280,
    imageHeight: 720,
    imageId: null,
    traceId: alertId.replaceAll('-', ''),
  };
}

/** A UUID of seeded random digits. */
function uuidOf(random: Random): string {
  const digits = (count: number): string => Array.from({ length: count }, () => random.below(16).toString(16)).join('');
  return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
}
