import type { Box } from '../messages/detection.ts';

/** In px²; 0 for an empty box. */
export const area = (box: Box): number => Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);

/** Area in px² that two boxes share. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union, 0..1; 0 for two empty boxes. */
export function iou(a: Box, b: Box): number {
  const shared = overlap(a, b);
  return shared === 0 ? 0 : shared / (area(a) + area(b) - shared);
}

/** Shortest distance in px between two boxes; 0 when they touch or overlap. */
export function gap(a: Box, b: Box): number {
  return Math.hypot(Math.max(0, a[0] - b[2], b[0] - a[2]), Math.max(0, a[1] - b[3], b[1] - a[3]));
}

/** Centre of a box, `[x, y]`. */
export const centre = (box: Box): [number, number] => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];

/** The smallest box around two. */
export const union = (a: Box, b: Box): Box => [
  Math.min(a[0], b[0]),
  Math.min(a[1], b[1]),
  Math.max(a[2], b[2]),
  Math.max(a[3], b[3]),
];
