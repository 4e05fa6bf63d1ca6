import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { drawMarks, type Mark, type Pixels } from '../../src/imaging/draw-marks.ts';
import type { MarkedRegion } from '../../src/imaging/encode-job.ts';
import { cropJpeg } from '../support/crop-jpeg.ts';

const [WIDTH, HEIGHT] = [1_280, 720];
const GREY = 0x70;

/** The JPEG of this region of a grey frame, decoded. */
const encoded = async (region: MarkedRegion): Promise<Pixels> => decoded(await cropJpeg(blank(WIDTH, HEIGHT), region));

async function decoded(jpeg: Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Brightness of a pixel, 0 to 255: what JPEG keeps best. */
function luma({ data, width }: Pixels, x: number, y: number): number {
  const at = 3 * (y * width + x);
  return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
}

const blank = (width: number, height: number): Pixels => ({
  data: new Uint8Array(3 * width * height).fill(GREY),
  width,
  height,
});

/** The rectangle around all pixels of exactly this colour: `[left, top, right, bottom]`. */
function extent(pixels: Pixels, is: (r: number, g: number, b: number) => boolean): number[] {
  const found: [number, number][] = [];
  for (let y = 0; y < pixels.height; y++)
    for (let x = 0; x < pixels.width; x++) {
      const at = 3 * (y * pixels.width + x);
      if (is(pixels.data[at]!, pixels.data[at + 1]!, pixels.data[at + 2]!)) found.push([x, y]);
    }
  assert.ok(found.length > 0, 'nothing of that colour');
  const [xs, ys] = [found.map(([x]) => x), found.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
}
const isBright = (r: number, g: number, b: number): boolean => r === 255 && g === 230 && b === 0;
const isDrawn = (r: number, g: number, b: number): boolean => r !== GREY || g !== GREY || b !== GREY;

describe('marks in the crop for the model', () => {
  it('are a bright line along the box and a dark one around it', async () => {
    const region = { left: 100, top: 50, width: 400, height: 300 };
    const mark: Mark = { box: [200, 150, 320, 250], label: 7 };
    const crop = await encoded({ ...region, marks: [mark] });
    for (const [x, y] of [
      [160, 100],
      [160, 199],
      [100, 150],
      [219, 150],
    ] as const)
      assert.ok(luma(crop, x, y) > GREY + 40, `bright at ${x}, ${y}: ${luma(crop, x, y)}`);
    for (const [x, y] of [
      [160, 200],
      [99, 150],
      [220, 150],
    ] as const)
      assert.ok(luma(crop, x, y) < GREY - 25, `dark at ${x}, ${y}: ${luma(crop, x, y)}`);
    assert.ok(Math.abs(luma(crop, 160, 150) - GREY) < 6, 'the road user itself is not drawn over');
  });

  it('are drawn at the scale of the stored crop, which is smaller than a large region', async () => {
    const crop = await encoded({
      left: 0,
      top: 0,
      width: WIDTH,
      height: HEIGHT,
      marks: [{ box: [400, 200, 800, 600], label: 12 }],
    });
    assert.deepEqual([crop.width, crop.height], [640, 360]);
    assert.ok(luma(crop, 300, 100) > GREY + 40, 'the upper edge, halved');
    assert.ok(luma(crop, 399, 200) > GREY + 40, 'the right edge, halved, still a whole pixel wide');
    assert.ok(luma(crop, 400, 200) < GREY - 25);
  });

  it('stay at their places in a crop that is widened', async () => {
    const region = { left: 10, top: 10, width: 20, height: 100, marks: [{ box: [12, 40, 28, 90] as const, label: 1 }] };
    const crop = await encoded(region);
    assert.deepEqual([crop.width, crop.height], [32, 100]);
    assert.ok(luma(crop, 8, 79) > GREY + 40);
    assert.ok(Math.abs(luma(crop, 31, 79) - 0x80) < 12, 'the widened part is grey');
  });

  it('show every digit with another pattern', () => {
    const patterns = Array.from({ length: 10 }, (_, digit) => {
      const pixels = blank(60, 60);
      drawMarks(pixels, [{ box: [20, 30, 50, 55], label: digit }]);
      // The label is above the box: two pixels a dot, one dot of margin.
      return Array.from({ length: 15 }, (_dot, dot) => {
        const [x, y] = [20 + 2 * (1 + (dot % 3)), 16 + 2 * (1 + Math.floor(dot / 3))];
        return luma(pixels, x, y) < 10 ? '#' : '.';
      }).join('');
    });
    assert.equal(patterns[1], '.#.##..#..#.###');
    assert.equal(patterns[7], '###..#..#..#..#');
    assert.equal(new Set(patterns).size, 10);
    assert.ok(patterns.every((pattern) => pattern.includes('#')));
  });

  it('keep their labels inside the picture, beside the box where there is room', () => {
    for (const [box, expected] of [
      [
        [100, 100, 150, 150],
        [100, 79, 150, 150],
      ],
      [
        [0, 0, 50, 50],
        [0, 0, 50, 71],
      ],
      [
        [270, 250, 300, 300],
        [270, 229, 300, 300],
      ],
      [
        [0, 0, 300, 300],
        [0, 0, 300, 300],
      ],
    ] as const) {
      const pixels = blank(300, 300);
      drawMarks(pixels, [{ box, label: 42 }]);
      assert.deepEqual(extent(pixels, isBright), expected, String(box));
    }
  });

  it('put labels where they cover neither other road users nor other labels', () => {
    const pixels = blank(300, 300);
    drawMarks(pixels, [
      { box: [100, 60, 160, 100], label: 1 },
      { box: [100, 100, 160, 150], label: 2 },
      { box: [100, 150, 160, 200], label: 3 },
    ]);
    // Nothing of the middle box is covered but its line, so its label is at a side.
    for (let y = 102; y < 148; y++)
      for (let x = 102; x < 158; x++) assert.equal(luma(pixels, x, y), luma(blank(1, 1), 0, 0), `${x}, ${y}`);
    const [left, , right] = extent(pixels, isBright);
    assert.ok(left! < 100 || right! > 160, 'its label is drawn beside it');
  });

  it('are clipped: neither a box that reaches out nor a picture smaller than a label changes other bytes', () => {
    for (const [width, height] of [
      [40, 30],
      [3, 2],
      [1, 1],
    ] as const) {
      const inside = 3 * width * height;
      const data = new Uint8Array(inside + 99).fill(GREY);
      const marks = [-50, 0, 1_000].map((at, label): Mark => ({ box: [at, at, at + 60, at + 60], label: label * 99 }));
      drawMarks({ data, width, height }, marks);
      assert.equal(data.length, inside + 99);
      assert.ok(data.subarray(inside).every((byte) => byte === GREY));
      assert.doesNotThrow(() => extent({ data, width, height }, isDrawn));
    }
  });
});
