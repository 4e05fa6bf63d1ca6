import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { place, sizeToFit, toDisplay } from '../../src/vision/letterbox.ts';
import { Preprocessor } from '../../src/vision/preprocessor.ts';
import type { InputFormat } from '../../src/vision/letterbox.ts';

const plain: InputFormat = {
  width: 8,
  height: 8,
  layout: 'nchw',
  channelOrder: 'rgb',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  fit: 'stretch',
  padValue: 114,
};

/** A frame whose pixels are given by a function. */
function frame(width: number, height: number, pixel: (x: number, y: number) => [number, number, number]) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(pixel(x, y), (y * width + x) * 3);
  return { data, width, height };
}

const size = fc.integer({ min: 16, max: 2000 });
const fit = fc.constantFrom<InputFormat['fit']>('stretch', 'letterbox-top-left', 'letterbox-centre');

const isNearly = (own: number, wanted: number): boolean => own <= wanted && wanted - own < wanted / 48;

describe('placing a frame in the picture of a model', () => {
  it('a box of the frame comes back from the picture as it was', () => {
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        fit,
        fc.tuple(fc.nat(999), fc.nat(999), fc.nat(999), fc.nat(999)),
        (frameWidth, frameHeight, width, height, kind, cut) => {
          const p = place(frameWidth, frameHeight, { width, height, fit: kind });
          const x1 = (Math.min(cut[0], cut[1]) / 1001) * frameWidth;
          const x2 = ((Math.max(cut[0], cut[1]) + 1) / 1001) * frameWidth;
          const y1 = (Math.min(cut[2], cut[3]) / 1001) * frameHeight;
          const y2 = ((Math.max(cut[2], cut[3]) + 1) / 1001) * frameHeight;
          const inModel = [
            (x1 * p.width) / frameWidth + p.offsetX,
            (y1 * p.height) / frameHeight + p.offsetY,
            (x2 * p.width) / frameWidth + p.offsetX,
            (y2 * p.height) / frameHeight + p.offsetY,
          ] as const;
          const back = toDisplay(inModel, p, { width: frameWidth, height: frameHeight })!;
          for (const [i, expected] of [x1, y1, x2, y2].entries()) assert.ok(Math.abs(back[i]! - expected) < 1e-6);
        },
      ),
    );
  });

  it('the frame lies inside the picture, fills one axis, and keeps its aspect ratio within half a pixel', () => {
    fc.assert(
      fc.property(size, size, size, size, fit, (frameWidth, frameHeight, width, height, kind) => {
        const p = place(frameWidth, frameHeight, { width, height, fit: kind });
        assert.ok(p.offsetX >= 0 && p.offsetY >= 0 && p.offsetX + p.width <= width && p.offsetY + p.height <= height);
        if (isNearly(frameWidth, width) && isNearly(frameHeight, height)) {
          assert.deepEqual([p.width, p.height], [frameWidth, frameHeight]);
          return;
        }
        assert.ok(p.width === width || p.height === height);
        if (kind === 'stretch') assert.deepEqual([p.width, p.height], [width, height]);
        else {
          const ratio = Math.min(width / frameWidth, height / frameHeight);
          assert.ok(Math.abs(p.width - Math.max(1, frameWidth * ratio)) <= 0.5 + 1e-9);
          assert.ok(Math.abs(p.height - Math.max(1, frameHeight * ratio)) <= 0.5 + 1e-9);
        }
      }),
    );
  });

  it('a frame that fits nearly lies in the middle as it is, also where others are stretched', () => {
    const format = { width: 448, height: 256 };
    assert.deepEqual(place(448, 252, { ...format, fit: 'stretch' }), {
      offsetX: 0,
      offsetY: 2,
      width: 448,
      height: 252,
    });
    const [topLeft, centred] = (['letterbox-top-left', 'letterbox-centre'] as const).map((kind) =>
      place(448, 252, { ...format, fit: kind }),
    );
    assert.equal(topLeft?.offsetY, 0);
    assert.equal(centred?.offsetY, 2);
    assert.deepEqual(place(448, 336, { ...format, fit: 'stretch' }), { offsetX: 0, offsetY: 0, ...format });
    assert.deepEqual(place(341, 256, { ...format, fit: 'stretch' }), { offsetX: 0, offsetY: 0, ...format });
  });

  it('boxes are in px of the display size, whatever the size of the picture that was scaled down from it', () => {
    const display = { width: 1280, height: 720 };
    const small = place(448, 252, { width: 448, height: 256, fit: 'stretch' });
    const whole = place(1280, 720, { width: 448, height: 256, fit: 'letterbox-centre' });
    for (const placement of [small, whole])
      assert.deepEqual(toDisplay([112, 65, 224, 128], placement, display)?.map(Math.round), [320, 180, 640, 360]);
    // A camera with pixels that aren't square: 704x576 shown at 1024x576.
    const anamorphic = place(448, 252, { width: 448, height: 256, fit: 'stretch' });
    assert.deepEqual(toDisplay([0, 2, 448, 254], anamorphic, { width: 1024, height: 576 }), [0, 0, 1024, 576]);
  });

  it('asks for pictures that need no enlarging, for shapes from 4:3 to 16:9', () => {
    assert.deepEqual(sizeToFit({ width: 448, height: 256, fit: 'stretch' }), { width: 448, height: 336 });
    assert.deepEqual(sizeToFit({ width: 300, height: 300, fit: 'stretch' }), { width: 300, height: 300 });
    assert.deepEqual(sizeToFit({ width: 416, height: 256, fit: 'letterbox-centre' }), { width: 416, height: 256 });
  });

  it('a box is clipped to the frame; one in the padding is nothing', () => {
    const p = place(100, 50, { width: 100, height: 100, fit: 'letterbox-centre' });
    assert.equal(p.offsetY, 25);
    assert.deepEqual(toDisplay([-10, 20, 50, 200], p, { width: 100, height: 50 }), [0, 0, 50, 50]);
    assert.equal(toDisplay([10, 0, 20, 24], p, { width: 100, height: 50 }), null);
  });
});

describe('preparing a frame', () => {
  it('a frame of the size of the picture is copied, each channel to its plane', () => {
    const prepare = new Preprocessor(plain);
    prepare.run(frame(8, 8, (x, y) => [x, y, 7]));
    for (let y = 0; y < 8; y++)
      for (let x = 0; x < 8; x++)
        assert.deepEqual(
          [0, 64, 128].map((plane) => prepare.data[plane + y * 8 + x]),
          [x, y, 7],
        );
  });

  it('copying gives the values of resampling, in every layout', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<InputFormat['layout']>('nchw', 'nhwc'),
        fc.constantFrom<InputFormat['channelOrder']>('rgb', 'bgr'),
        fc.uint8Array({ minLength: 192, maxLength: 192 }),
        (layout, channelOrder, data) => {
          const format: InputFormat = { ...plain, layout, channelOrder, mean: [10, 20, 30], std: [50, 60, 70] };
          const [copied, resampled] = [new Preprocessor(format), new Preprocessor(format)];
          copied.run({ data, width: 8, height: 8 });
          const at = (x: number, y: number): [number, number, number] => {
            const first = (y * 8 + (x >> 1)) * 3;
            return [data[first]!, data[first + 1]!, data[first + 2]!];
          };
          resampled.run(frame(16, 8, at));
          for (const [i, value] of copied.data.entries()) assert.ok(Math.abs(value - resampled.data[i]!) < 1e-5);
        },
      ),
    );
  });

  it('BGR and NHWC change only the order', () => {
    const prepare = new Preprocessor({ ...plain, layout: 'nhwc', channelOrder: 'bgr' });
    prepare.run(frame(8, 8, (x, y) => [x, y, 7]));
    assert.deepEqual([...prepare.data.subarray((3 * 8 + 5) * 3, (3 * 8 + 5) * 3 + 3)], [7, 3, 5]);
  });

  it('mean and std are those of R, G and B whatever the order', () => {
    const format: InputFormat = { ...plain, channelOrder: 'bgr', mean: [10, 20, 30], std: [1, 2, 4] };
    const prepare = new Preprocessor(format);
    prepare.run(frame(8, 8, () => [110, 120, 130]));
    assert.deepEqual({ b: prepare.data[0], g: prepare.data[64], r: prepare.data[128] }, { b: 25, g: 50, r: 100 });
  });

  it('a linear ramp stays linear when it is made smaller or larger', () => {
    for (const width of [4, 16]) {
      const prepare = new Preprocessor({ ...plain, width, height: 8 });
      prepare.run(frame(8, 8, (x) => [x * 10, 0, 0]));
      for (let x = 1; x + 1 < width; x++) {
        const source = ((x + 0.5) * 8) / width - 0.5;
        assert.ok(Math.abs(prepare.data[x]! - source * 10) < 1e-4, `column ${x} of ${width}`);
      }
    }
  });

  it('padding has the pad value after normalisation, also when the frames change their size', () => {
    const prepare = new Preprocessor({
      ...plain,
      fit: 'letterbox-top-left',
      mean: [14, 14, 14],
      std: [100, 100, 100],
    });
    const last = 8 * 8 - 1;
    prepare.run(frame(16, 8, () => [214, 214, 214]));
    assert.deepEqual(
      [prepare.data[0], prepare.data[last]].map((v) => Math.round(v! * 1000)),
      [2000, 1000],
    );
    prepare.run(frame(8, 8, () => [214, 214, 214]));
    assert.equal(Math.round(prepare.data[last]! * 1000), 2000);
    prepare.run(frame(8, 16, () => [214, 214, 214]));
    assert.deepEqual(
      [prepare.data[7 * 8], prepare.data[7]].map((v) => Math.round(v! * 1000)),
      [2000, 1000],
    );
  });

  it('values never leave the range of the pixels', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fit,
        fc.infiniteStream(fc.nat(255)),
        (width, height, kind, pixels) => {
          const data = Uint8Array.from({ length: width * height * 3 }, () => pixels.next().value);
          const prepare = new Preprocessor({ ...plain, fit: kind, padValue: data[0]! });
          prepare.run({ data, width, height });
          const [least, most] = [Math.min(...data), Math.max(...data)];
          assert.ok(prepare.data.every((value) => value >= least - 1e-3 && value <= most + 1e-3));
        },
      ),
    );
  });
});
