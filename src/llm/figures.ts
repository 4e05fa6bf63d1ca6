import { CROP_MARGIN, type DetectedObject, MOST_DESCRIBED } from '../messages/detection.ts';
import type { AssessmentTask } from '../messages/task.ts';
import { describeIncident } from './incident-words.ts';
import type { Language } from './language.ts';

/** An object slower than this share of the frame's width per second counts as still: boxes jitter that much. */
const STILL_PER_WIDTH = 0.01;

export interface ObjectFigures {
  readonly id: number;
  readonly class: string;
  readonly confidence: number;
  /** `[x1, y1, x2, y2]` in px of the crop. */
  readonly box: readonly [number, number, number, number];
  readonly speed_px_s: number | null;
  readonly direction: string | null;
}

/** Measurements that the picture alone cannot show, as the model gets them. Lengths in px, speeds in px/s. */
export interface Figures {
  readonly frame_width_px: number;
  readonly crop_width_px: number;
  readonly crop_height_px: number;
  readonly objects_in_group: number;
  readonly vehicles: number;
  readonly persons: number;
  readonly mean_spacing_px: number;
  readonly min_spacing_px: number;
  readonly nearest_person_vehicle_px: number | null;
  readonly max_speed_px_s: number | null;
  readonly max_closing_speed_px_s: number | null;
  /** The incidents in which its members take part, a sentence each; absent: none. */
  readonly events?: readonly string[];
  readonly objects: readonly ObjectFigures[];
}

const whole = (value: number): number => Math.round(value);
const wholeOrNull = (value: number | null): number | null => (value === null ? null : Math.round(value));

/** The measurements of a task's group, for its prompt. `language`: of the events. */
export function figuresOf(task: AssessmentTask, language: Language = 'en'): Figures {
  const events = (task.incidents ?? []).map((incident) => describeIncident(incident, language));
  const crop = cropOf(task);
  const { features } = task.group;
  return {
    frame_width_px: task.imageWidth,
    crop_width_px: crop.right - crop.left,
    crop_height_px: crop.bottom - crop.top,
    objects_in_group: task.group.objectCount,
    vehicles: features.vehicleCount,
    persons: features.personCount,
    mean_spacing_px: whole(features.meanSpacing),
    min_spacing_px: whole(features.minSpacing),
    nearest_person_vehicle_px: wholeOrNull(features.minPersonVehicleDistance),
    max_speed_px_s: wholeOrNull(features.maxSpeed),
    max_closing_speed_px_s: wholeOrNull(features.maxClosingSpeed),
    ...(events.length === 0 ? {} : { events }),
    objects: task.members.slice(0, MOST_DESCRIBED).map((member) => inCrop(member, crop, task.imageWidth)),
  };
}

/** The part of the frame that a task's picture shows, px. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function cropOf({ group, imageWidth, imageHeight }: AssessmentTask): Crop {
  const [x1, y1, x2, y2] = group.bbox;
  return {
    left: Math.max(0, Math.floor(x1 - CROP_MARGIN)),
    top: Math.max(0, Math.floor(y1 - CROP_MARGIN)),
    right: Math.min(imageWidth, Math.ceil(x2 + CROP_MARGIN)),
    bottom: Math.min(imageHeight, Math.ceil(y2 + CROP_MARGIN)),
  };
}

/** A road user as the picture shows it. `frameWidth`: px. */
export function inCrop(member: DetectedObject, { left, top }: Crop, frameWidth: number): ObjectFigures {
  const [x1, y1, x2, y2] = member.bbox;
  const speed = member.velocity === null ? null : Math.hypot(...member.velocity);
  return {
    id: member.objectId,
    class: member.class,
    confidence: Math.round(member.confidence * 100) / 100,
    box: [whole(x1 - left), whole(y1 - top), whole(x2 - left), whole(y2 - top)],
    speed_px_s: wholeOrNull(speed),
    direction:
      member.velocity === null || speed === null
        ? null
        : speed < frameWidth * STILL_PER_WIDTH
          ? 'still'
          : directionOf(member.velocity),
  };
}

/** Eighths of a turn as seen in the picture, clockwise from the right (y grows downwards). */
const DIRECTIONS = ['right', 'down-right', 'down', 'down-left', 'left', 'up-left', 'up', 'up-right'] as const;

function directionOf([vx, vy]: readonly [number, number]): string {
  const eighth = Math.round(Math.atan2(vy, vx) / (Math.PI / 4));
  return DIRECTIONS[(eighth + 8) % 8] ?? 'right';
}
