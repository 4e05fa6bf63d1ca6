import type { Box, ObjectClass } from '../messages/detection.ts';
import type { PictureSize } from './pinhole.ts';
import type { SeenBox } from './scene.types.ts';

/** Only classes whose members differ little in size. */
const CLASSES: readonly ObjectClass[] = ['car', 'person'];
const LEAST_CONFIDENCE = 0.5;
/** Of the picture's height: a smaller box is mostly the detector's error. */
const LEAST_HEIGHT = 0.025;
/** px from the picture's edge: nearer, a box may be cut off. */
const EDGE = 4;
/** Part of a box that another in front of it may cover. */
const COVERED = 0.05;
/** Boxes that have so much in common are of one that stands still. */
const SAME = 0.6;

/** Boxes kept: as many from each strip of the picture, so that near and far ones count alike. */
const STRIPS = 16;
const A_STRIP = 10;

const intersection = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);
const alike = (a: Box, b: Box): boolean => {
  const common = intersection(a, b);
  return common > SAME * (area(a) + area(b) - common);
};

/** Boxes of cars and people that are seen whole, from all over the picture, at most `STRIPS` times `A_STRIP`. */
export class BoxSample {
  readonly #picture: PictureSize;
  readonly #strips: { readonly kept: SeenBox[]; next: number }[] = Array.from({ length: STRIPS }, () => ({
    kept: [],
    next: 0,
  }));

  constructor(picture: PictureSize) {
    this.#picture = picture;
  }

  get boxes(): readonly SeenBox[] {
    return this.#strips.flatMap(({ kept }) => kept);
  }

  /** Takes the boxes of one frame. How many were kept. */
  add(boxes: readonly SeenBox[]): number {
    return boxes.filter((box) => this.#isWhole(box, boxes) && this.#keep(box)).length;
  }

  #isWhole({ class: name, confidence, bbox }: SeenBox, all: readonly SeenBox[]): boolean {
    const { width, height } = this.#picture;
    if (!CLASSES.includes(name) || confidence < LEAST_CONFIDENCE || bbox[3] - bbox[1] < LEAST_HEIGHT * height)
      return false;
    if (bbox[0] < EDGE || bbox[1] < EDGE || bbox[2] > width - EDGE || bbox[3] > height - EDGE) return false;
    const most = COVERED * area(bbox);
    return all.every(({ bbox: other }) => other === bbox || other[3] < bbox[3] || intersection(bbox, other) <= most);
  }

  #keep(box: SeenBox): boolean {
    const strip = this.#strips[Math.min(STRIPS - 1, Math.floor((box.bbox[3] / this.#picture.height) * STRIPS))];
    if (strip === undefined || strip.kept.some(({ bbox }) => alike(bbox, box.bbox))) return false;
    strip.kept[strip.next] = box;
    strip.next = (strip.next + 1) % A_STRIP;
    return true;
  }
}
