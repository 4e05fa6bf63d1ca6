/**
 * Draws boxes and numbers into a picture, so that a model can tell which figures belong to which road user. On raw
 * pixels, because composing a drawing costs several times as much as the JPEG itself.
 */

/** `[left, top, right, bottom]` in px. */
export type MarkBox = readonly [number, number, number, number];

/** A box and the number beside it. `label` is a whole number from 0. */
export interface Mark {
  readonly box: MarkBox;
  readonly label: number;
}

/** A picture in rgb24, row by row. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

type Colour = readonly [number, number, number];
/** A pair of the strongest contrast in luma, as JPEG keeps chroma badly. */
const DARK: Colour = [0, 0, 0];
const BRIGHT: Colour = [255, 230, 0];

/** The digits 0 to 9, three dots wide and five high: a row of three bits for each line, the topmost first. */
const DIGITS = [0b111101101101111, 0b010110010010111, 0b111001111100111, 0b111001111001111, 0b101101111001001].concat([
  0b111100111001111, 0b111100111101111, 0b111001001001001, 0b111101111101111, 0b111101111001111,
]);
const DIGIT_WIDTH = 3;
const DIGIT_HEIGHT = 5;
/** Pictures with a shorter side than this get smaller digits. In px. */
const SMALL_SIDE = 160;

/** Draws each mark into `pixels`. Boxes and labels are clipped to the picture; labels always fit when it is larger. */
export function drawMarks(pixels: Pixels, marks: readonly Mark[]): void {
  const boxes = marks.map(({ box }) => inPicture(box, pixels));
  for (const box of boxes) outline(pixels, box);
  const scale = Math.min(pixels.width, pixels.height) < SMALL_SIDE ? 2 : 3;
  const labels: MarkBox[] = [];
  for (const [index, { label }] of marks.entries()) {
    const box = boxes[index];
    if (box === undefined) continue;
    const place = placeFor(sizeOf(label, scale), box, { boxes, labels, picture: pixels });
    labels.push(place);
    writeLabel(pixels, place, label, scale);
  }
}

/** In whole pixels of the picture. */
function inPicture([left, top, right, bottom]: MarkBox, { width, height }: Pixels): MarkBox {
  const across = (x: number): number => Math.min(width, Math.max(0, Math.round(x)));
  const down = (y: number): number => Math.min(height, Math.max(0, Math.round(y)));
  return [across(left), down(top), across(right), down(bottom)];
}

/** Two pixels: a bright one along the box, and a dark one around that. */
function outline(pixels: Pixels, [left, top, right, bottom]: MarkBox): void {
  frame(pixels, [left - 1, top - 1, right + 1, bottom + 1], DARK);
  frame(pixels, [left, top, right, bottom], BRIGHT);
}

function frame(pixels: Pixels, [left, top, right, bottom]: MarkBox, colour: Colour): void {
  fill(pixels, [left, top, right, top + 1], colour);
  fill(pixels, [left, bottom - 1, right, bottom], colour);
  fill(pixels, [left, top, left + 1, bottom], colour);
  fill(pixels, [right - 1, top, right, bottom], colour);
}

function fill({ data, width, height }: Pixels, [left, top, right, bottom]: MarkBox, [r, g, b]: Colour): void {
  const [from, to] = [Math.max(0, left), Math.min(width, right)];
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    for (let at = 3 * (y * width + from); at < 3 * (y * width + to); at += 3) {
      data[at] = r;
      data[at + 1] = g;
      data[at + 2] = b;
    }
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const sizeOf = (label: number, scale: number): Size => ({
  width: (String(label).length * (DIGIT_WIDTH + 1) + 1) * scale,
  height: (DIGIT_HEIGHT + 2) * scale,
});

interface Surroundings {
  readonly boxes: readonly MarkBox[];
  /** Labels that are placed already. */
  readonly labels: readonly MarkBox[];
  readonly picture: Size;
}

/** Covering another number is this much worse than covering as much of a road user. */
const LABEL_WEIGHT = 4;

/** The place beside the box, or in its corners, where the label covers least of boxes and of other labels. */
function placeFor({ width, height }: Size, box: MarkBox, { boxes, labels, picture }: Surroundings): MarkBox {
  const [left, top, right, bottom] = box;
  const corners: readonly (readonly [number, number])[] = [
    [left, top - height],
    [right - width, top - height],
    [left, bottom],
    [right - width, bottom],
    [left - width, top],
    [right, top],
    [left, top],
    [right - width, bottom - height],
  ];
  const places = corners.map(([x, y]): MarkBox => {
    const across = Math.max(0, Math.min(picture.width - width, x));
    const down = Math.max(0, Math.min(picture.height - height, y));
    return [across, down, across + width, down + height];
  });
  const costs = places.map(
    (place) => sum(boxes, (other) => shared(place, other)) + LABEL_WEIGHT * sum(labels, (one) => shared(place, one)),
  );
  return places[costs.indexOf(Math.min(...costs))] ?? box;
}

const sum = (boxes: readonly MarkBox[], of: (box: MarkBox) => number): number =>
  boxes.reduce((total, box) => total + of(box), 0);

/** Area in px² that both cover. */
function shared(a: MarkBox, b: MarkBox): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

function writeLabel(pixels: Pixels, place: MarkBox, label: number, scale: number): void {
  fill(pixels, place, BRIGHT);
  for (const [position, digit] of Array.from(String(label)).entries()) {
    const dots = DIGITS[Number(digit)] ?? 0;
    const left = place[0] + (1 + position * (DIGIT_WIDTH + 1)) * scale;
    for (let dot = 0; dot < DIGIT_WIDTH * DIGIT_HEIGHT; dot++) {
      if (((dots >> (DIGIT_WIDTH * DIGIT_HEIGHT - 1 - dot)) & 1) === 0) continue;
      const x = left + (dot % DIGIT_WIDTH) * scale;
      const y = place[1] + (1 + Math.floor(dot / DIGIT_WIDTH)) * scale;
      fill(pixels, [x, y, x + scale, y + scale], DARK);
    }
  }
}
