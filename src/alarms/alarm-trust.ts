/**
 * How much an alarm's member asks for attention, in points: how serious it is and how likely it is true. Points order
 * members; they decide nothing else. They add up as log-odds do: each sign of truth counts by itself.
 */
import { isDangerous, type GroupAssessment } from '../messages/assessment.ts';
import type { DetectedObject } from '../messages/detection.ts';
import type { Incident, IncidentVerdict } from '../messages/incident.ts';

const POINTS = {
  high: 15,
  /** Off once the model has talked the danger away. */
  dismissed: 50,
  verdict: { confirmed: 25, raised: 25, measured: 0, lowered: -5, disputed: -20 },
  /** For the strongest evidence; none for the weakest. */
  evidence: 10,
  /** For the surest detections; as many off for the least sure. */
  detection: 12,
  /** For one that lasts: errors of the detector come and go with a frame. */
  lasting: 10,
  calibrated: 2,
  /** Off for a source that chatters. */
  chatter: 10,
  /** Off for a source whose alerts were all false. */
  falseShare: 20,
} as const satisfies Readonly<Record<string, number | Readonly<Record<IncidentVerdict['status'], number>>>>;

/** Detectors are this sure of half of their true boxes, and of hardly any. */
const SURE = 0.8;
const UNSURE = 0.4;
/** Judged alerts, none of them false, that each source is assumed to have. */
const ASSUMED_JUDGED = 5;

/** Of one incident, apart from its source. Pure. */
export function incidentTrust(incident: Incident, objects: readonly DetectedObject[]): number {
  const { verdict, calibrated } = incident;
  return (
    (verdict.level === 'high' ? POINTS.high : 0) +
    POINTS.verdict[verdict.status] +
    POINTS.evidence * evidenceStrength(incident) +
    POINTS.detection * detectionTrust(incident, objects) +
    POINTS.lasting * strength(incident.evidence.durationS, 0.5, 3) -
    (isDangerous(verdict.level) ? 0 : POINTS.dismissed) +
    (calibrated ? POINTS.calibrated : 0)
  );
}

/** Of an alert about groups: its worst assessments. Pure. */
export function groupTrust(worst: readonly GroupAssessment[]): number {
  const best = worst.map(({ riskLevel, source, disputed }) => {
    const status = disputed !== undefined ? 'disputed' : source === 'vlm' ? 'confirmed' : 'measured';
    return (riskLevel === 'high' ? POINTS.high : 0) + POINTS.verdict[status];
  });
  return Math.max(0, ...best);
}

/** Points that the members of a source lose for its doubtful record. Pure. */
export const sourceDoubt = (chatters: boolean, judged: { readonly wrong: number; readonly all: number }): number =>
  (chatters ? POINTS.chatter : 0) + POINTS.falseShare * (judged.wrong / (judged.all + ASSUMED_JUDGED));

/** From 0 to 1: the strongest of the numbers that the incident has. */
function evidenceStrength({ kind, evidence }: Incident): number {
  const { ttc, pet, decelerationMps2, neededDecelerationMps2, headwayS, durationS, speedKmh, limitKmh, degrees } =
    evidence;
  const over = speedKmh === null || limitKmh === null ? null : speedKmh / limitKmh;
  return Math.max(
    strength(ttc, 3, 0.5),
    strength(pet, 3, 0.5),
    strength(decelerationMps2, 3, 8),
    strength(neededDecelerationMps2, 2, 7),
    strength(headwayS, 1.5, 0.3),
    strength(over, 1.1, 1.7),
    strength(degrees, 90, 180),
    STANDING.has(kind) ? strength(durationS, 5, 60) : 0,
  );
}

/** Kinds whose danger grows with the time that they last. */
const STANDING: ReadonlySet<string> = new Set([
  'stopped-vehicle',
  'illegal-stop',
  'person-on-road',
  'wrong-way',
  'shoulder-use',
  'queue',
]);

const strength = (value: number | null, weak: number, strong: number): number =>
  value === null ? 0 : clamp((value - weak) / (strong - weak), 0);

/** From -1 to 1, by the least sure of those who take part; 0 when none is seen. */
function detectionTrust({ objects }: Incident, detected: readonly DetectedObject[]): number {
  const taking = new Set(objects);
  let least = Infinity;
  for (const { objectId, confidence } of detected) if (taking.has(objectId)) least = Math.min(least, confidence);
  return least === Infinity ? 0 : clamp(((least - UNSURE) / (SURE - UNSURE)) * 2 - 1, -1);
}

const clamp = (value: number, least: number): number => Math.min(1, Math.max(least, value));
