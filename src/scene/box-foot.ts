import type { Box } from '../messages/detection.ts';
import type { Pixel } from './scene.types.ts';

/** The middle of a box's bottom, in px: where a road user stands. */
export const footPixel = ([left, , right, bottom]: Box): Pixel => [(left + right) / 2, bottom];
