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
