// Apart from the schemas of detections: the thread of each camera needs these, and loads no schemas.

/** The road users and fixtures Gantry looks at, by their COCO names. */
export const OBJECT_CLASSES = [
  'person',
  'bicycle',
  'car',
  'motorcycle',
  'bus',
  'truck',
  'traffic light',
  'stop sign',
] as const;

/** Margin in px that a crop leaves around its group's box, clipped to the frame. */
export const CROP_MARGIN = 12;

/** Most members of a group that are marked in its crop and described one by one to the model; others are counted. */
export const MOST_DESCRIBED = 40;

/** The kinds of event that are found from tracks on the road; each has a file of its name in `src/events`. */
export const EVENT_KINDS = [
  'collision',
  'near-miss',
  'near-miss-person',
  'wrong-way',
  'stopped-vehicle',
  'illegal-stop',
  'person-on-road',
  'shoulder-use',
  'speeding',
  'tailgating',
  'hard-braking',
  'queue',
  'u-turn',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Parts of a scene. `ignore`: nothing in it is a road user. */
export const ZONE_KINDS = ['lane', 'crossing', 'shoulder', 'junction', 'no-stopping', 'sidewalk', 'ignore'] as const;
export type ZoneKind = (typeof ZONE_KINDS)[number];

/** Ways over a counting line as the picture shows them, looking from its first point to its second. */
export const CROSSING_DIRECTIONS = ['left-to-right', 'right-to-left'] as const;
export type CrossingDirection = (typeof CROSSING_DIRECTIONS)[number];

/** Seconds of the bins that a camera counts in. */
export const BIN_SECONDS = 60;
