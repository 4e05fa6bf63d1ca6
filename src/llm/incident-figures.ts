import { type DetectedObject, MOST_DESCRIBED } from '../messages/detection.ts';
import type { Evidence, MeasuredIncident } from '../messages/incident.ts';
import type { AssessmentTask } from '../messages/task.ts';
import { cropOf, inCrop, type ObjectFigures } from './figures.ts';
import { INCIDENT_WORDS } from './incident-words.ts';
import type { Language } from './language.ts';

/** A road user of an incident: its box in px of the cut-out, its speed on the road. */
export interface IncidentObject extends Omit<ObjectFigures, 'speed_px_s'> {
  readonly speed_km_h: number | null;
}

/** The measurements of an incident as the model gets them; those that do not belong to its kind are left out. */
export interface IncidentFigures {
  readonly crop_width_px: number;
  readonly crop_height_px: number;
  readonly event: string;
  readonly measured_level: MeasuredIncident['severity'];
  readonly zone: string | null;
  /** `estimated`: from the sizes of road users, so metres and km/h are rough. */
  readonly metres: 'calibrated' | 'estimated';
  readonly began_s_ago: number;
  readonly still_going_on: boolean;
  readonly numbers: Readonly<Record<string, number>>;
  readonly objects: readonly IncidentObject[];
}

/** Names with units. */
const NUMBERS: Readonly<Record<keyof Evidence, string>> = {
  ttc: 'least_time_to_collision_s',
  pet: 'post_encroachment_time_s',
  speedKmh: 'speed_at_onset_km_h',
  distanceM: 'least_distance_m',
  durationS: 'duration_s',
  decelerationMps2: 'hardest_braking_m_s2',
  neededDecelerationMps2: 'braking_needed_m_s2',
  headwayS: 'headway_s',
  limitKmh: 'speed_limit_km_h',
  degrees: 'angle_degrees',
  vehicles: 'vehicles',
  lengthM: 'queue_length_m',
};

const tenths = (value: number): number => Math.round(value * 10) / 10;

/** The measurements of a task's incident, for its prompt. */
export function incidentFiguresOf(
  task: AssessmentTask,
  incident: MeasuredIncident,
  language: Language,
): IncidentFigures {
  const crop = cropOf(task);
  const numbers = Object.entries(NUMBERS).flatMap(([field, name]) => {
    const value = incident.evidence[field as keyof Evidence];
    return value === null ? [] : [[name, tenths(value)] as const];
  });
  return {
    crop_width_px: crop.right - crop.left,
    crop_height_px: crop.bottom - crop.top,
    event: INCIDENT_WORDS[language][incident.kind],
    measured_level: incident.severity,
    zone: incident.zone,
    metres: incident.calibrated ? 'calibrated' : 'estimated',
    began_s_ago: tenths(Math.max(0, Date.parse(task.timestamp) - Date.parse(incident.onset)) / 1_000),
    still_going_on: incident.state === 'open',
    numbers: Object.fromEntries(numbers),
    objects: task.members.slice(0, MOST_DESCRIBED).map((member) => {
      const { speed_px_s: _pixels, ...figures } = inCrop(member, crop, task.imageWidth);
      return { ...figures, speed_km_h: speedOf(member, incident) };
    }),
  };
}

function speedOf({ trackId }: DetectedObject, { trackIds, speedsKmh = [] }: MeasuredIncident): number | null {
  const speed = speedsKmh[trackIds.indexOf(trackId)] ?? null;
  return speed === null ? null : Math.round(speed);
}
