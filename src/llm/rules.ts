import { worstRisk, type RiskLevel } from '../messages/assessment.ts';
import type { DetectedObject, GroupFeatures } from '../messages/detection.ts';
import type { Answer } from './answer.ts';
import type { Language } from './language.ts';
import { approach, gap, sameDirection, shareWithin, speedOf } from './rules-geometry.ts';
import { describeFinding, nothingText, riskTypeText, type FindingFigures, type FindingKind } from './rules-text.ts';

/**
 * Thresholds for a frame 1280 px wide; lengths and speeds scale with the frame's width. Ordinary scenes (parked cars,
 * people walking past them, a queue) stay at none or low, because without depth px are no metres, and a false alarm
 * costs an operator more than a missed nuance.
 */
const RULES = {
  referenceWidth: 1280,
  /** A slower vehicle counts as standing (px/s). Above the jitter of boxes, below walking pace in the near field. */
  movingSpeed: 40,
  fastSpeed: 200,
  /** Largest gap between boxes (px) that counts as near, and as touching. */
  nearGap: 45,
  touchGap: 10,
  /** Speed of approach (px/s). */
  closingSpeed: 60,
  fastClosingSpeed: 180,
  /** Seconds until the gap is closed at the present pace. */
  highContactSeconds: 0.8,
  mediumContactSeconds: 2,
  vehicleContactSeconds: 1,
  /** Share of the relative speed along the line of centres, at least: passing in the next lane is no danger. */
  headOnShare: 0.85,
  denseVehicles: 6,
  denseSpacing: 60,
  /** A person is the rider when at least this share of its box lies within the two-wheeler's. */
  riderShare: 0.3,
} as const;

/** The measurements of a group and its frame that the rules look at; a task has them, and so has a detection. */
export interface RulesSubject {
  readonly group: { readonly features: GroupFeatures };
  readonly members: readonly DetectedObject[];
  /** Of the frame, in px. */
  readonly imageWidth: number;
}

interface Finding extends FindingFigures {
  readonly level: Exclude<RiskLevel, 'none' | 'unknown'>;
  readonly kind: FindingKind;
  readonly objects: readonly DetectedObject[];
}

const MOTOR_VEHICLES: ReadonlySet<string> = new Set(['car', 'motorcycle', 'bus', 'truck']);
const TWO_WHEELERS: ReadonlySet<string> = new Set(['bicycle', 'motorcycle']);
const isVehicle = (object: DetectedObject): boolean => MOTOR_VEHICLES.has(object.class) || object.class === 'bicycle';

/**
 * Assesses a group without a model, from measured distances, speeds, approach and density. The worst finding decides
 * the level; `riskTypes` names up to three. Pure.
 */
export function assessByRules(task: RulesSubject, language: Language): Answer {
  const scale = task.imageWidth / RULES.referenceWidth;
  const vehicles = task.members.filter(isVehicle);
  const persons = task.members.filter((member) => member.class === 'person' && !isRider(member, vehicles));
  const findings = [
    ...persons.flatMap((person) =>
      vehicles
        .filter((vehicle) => MOTOR_VEHICLES.has(vehicle.class))
        .flatMap((vehicle) => personAndVehicle(person, vehicle, scale) ?? []),
    ),
    ...pairs(vehicles).flatMap(([a, b]) => twoVehicles(a, b, scale) ?? []),
    ...dense(task, vehicles, scale),
  ];
  const riskLevel = worstRisk(findings.map((finding) => finding.level));
  const decisive = findings.filter((finding) => finding.level === riskLevel);
  const worst = decisive.toSorted((a, b) => a.distance - b.distance)[0];
  const triggerObjectIds = [
    ...new Set(decisive.flatMap((finding) => finding.objects.map((object) => object.objectId))),
  ].toSorted((a, b) => a - b);
  return {
    riskLevel,
    confidence: confidence(riskLevel, worst?.objects ?? task.members),
    riskTypes: [...new Set([...decisive, ...findings].map((finding) => riskTypeText(language, finding.kind)))].slice(
      0,
      3,
    ),
    description: worst === undefined ? nothingText(language) : describeFinding(language, worst.kind, worst),
    dangerObjectCount: triggerObjectIds.length,
    triggerObjectIds,
  };
}

const isRider = (person: DetectedObject, vehicles: readonly DetectedObject[]): boolean =>
  vehicles.some(
    (vehicle) => TWO_WHEELERS.has(vehicle.class) && shareWithin(person.bbox, vehicle.bbox) >= RULES.riderShare,
  );

/** A person and a moving vehicle. */
interface Encounter {
  readonly near: boolean;
  readonly touching: boolean;
  readonly fast: boolean;
  /** The vehicle approaches; `rushing` at a high speed. */
  readonly closing: boolean;
  readonly rushing: boolean;
  /** Seconds until they meet at the present pace; Infinity when they don't approach. */
  readonly contactSeconds: number;
}

/** The first rule that applies decides, so the worst come first. */
const PERSON_RULES: readonly (Pick<Finding, 'level' | 'kind'> & { readonly applies: (seen: Encounter) => boolean })[] =
  [
    {
      level: 'high',
      kind: 'person-near-fast-vehicle',
      applies: ({ near, touching, fast, closing }) => near && fast && (closing || touching),
    },
    {
      level: 'high',
      kind: 'vehicle-closing-on-person',
      applies: ({ near, rushing, contactSeconds }) => (near && rushing) || contactSeconds <= RULES.highContactSeconds,
    },
    { level: 'medium', kind: 'person-near-fast-vehicle', applies: ({ near, fast }) => near && fast },
    {
      level: 'medium',
      kind: 'vehicle-closing-on-person',
      applies: ({ near, closing, contactSeconds }) => (near && closing) || contactSeconds <= RULES.mediumContactSeconds,
    },
    { level: 'low', kind: 'person-near-vehicle', applies: ({ near }) => near },
  ];

function personAndVehicle(person: DetectedObject, vehicle: DetectedObject, scale: number): Finding | null {
  const distance = gap(person.bbox, vehicle.bbox);
  const near = distance <= RULES.nearGap * scale;
  const speed = speedOf(vehicle);
  const figures = { objects: [person, vehicle], distance, count: 2 };
  if (speed === null)
    return near ? { level: 'low', kind: 'person-near-vehicle', ...figures, speed: 0, closing: 0 } : null;
  // A standing vehicle is no danger to people walking past.
  if (speed < RULES.movingSpeed * scale) return null;
  const closing = approach(person, vehicle)?.closing ?? 0;
  const closes = closing >= RULES.closingSpeed * scale;
  const rule = PERSON_RULES.find(({ applies }) =>
    applies({
      near,
      touching: distance <= RULES.touchGap * scale,
      fast: speed >= RULES.fastSpeed * scale,
      closing: closes,
      rushing: closing >= RULES.fastClosingSpeed * scale,
      contactSeconds: closes ? distance / closing : Infinity,
    }),
  );
  return rule === undefined ? null : { level: rule.level, kind: rule.kind, ...figures, speed, closing };
}

function twoVehicles(a: DetectedObject, b: DetectedObject, scale: number): Finding | null {
  const motion = approach(a, b);
  if (motion === null) return null;
  const distance = gap(a.bbox, b.bbox);
  const { closing, relative } = motion;
  const speed = Math.max(speedOf(a) ?? 0, speedOf(b) ?? 0);
  const figures = { objects: [a, b], distance, speed, closing, count: 2 };
  if (
    closing >= RULES.fastClosingSpeed * scale &&
    closing >= relative * RULES.headOnShare &&
    distance / closing <= RULES.vehicleContactSeconds
  ) {
    return { level: 'medium', kind: 'vehicles-closing', ...figures };
  }
  const bothFast = Math.min(speedOf(a) ?? 0, speedOf(b) ?? 0) >= RULES.fastSpeed * scale;
  if (bothFast && sameDirection(a, b) >= 0.9 && distance <= (RULES.nearGap / 2) * scale)
    return { level: 'low', kind: 'close-following', ...figures };
  return null;
}

/** Many vehicles close together, unless all of them stand: a car park is no risk. */
function dense(task: RulesSubject, vehicles: readonly DetectedObject[], scale: number): readonly Finding[] {
  const parked = vehicles.every((vehicle) => (speedOf(vehicle) ?? Infinity) < RULES.movingSpeed * scale);
  if (vehicles.length < RULES.denseVehicles || parked || task.group.features.minSpacing > RULES.denseSpacing * scale)
    return [];
  return [
    {
      level: 'low',
      kind: 'dense-traffic',
      objects: vehicles,
      distance: task.group.features.minSpacing,
      speed: 0,
      closing: 0,
      count: vehicles.length,
    },
  ];
}

const pairs = (objects: readonly DetectedObject[]): readonly (readonly [DetectedObject, DetectedObject])[] =>
  objects.flatMap((a, index) => objects.slice(index + 1).map((b) => [a, b] as const));

const BASE_CONFIDENCE: Readonly<Record<RiskLevel, number>> = {
  none: 0.6,
  low: 0.6,
  medium: 0.7,
  high: 0.8,
  unknown: 0,
};

/** Lower for uncertain detections and for unknown motion. */
function confidence(level: RiskLevel, objects: readonly DetectedObject[]): number {
  const seen = Math.min(1, ...objects.map((object) => object.confidence));
  const known = objects.every((object) => object.velocity !== null);
  return Math.round(BASE_CONFIDENCE[level] * (0.6 + 0.4 * seen) * (known ? 1 : 0.7) * 100) / 100;
}
