import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Frame } from '../../src/vision/frame.ts';
import { MotionGate } from '../../src/vision/motion-gate.ts';
import { Random } from '../support/random.ts';

const WIDTH = 448;
const HEIGHT = 252;

interface Scene {
  /** Seed and standard deviation of the camera's noise, in grey levels. */
  readonly noise?: readonly [seed: number, deviation: number];
  /** Grey levels added to every pixel. */
  readonly light?: number;
  /** A thing that is `darker` than the road behind it. */
  readonly thing?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly darker?: number;
}

/** Grey levels of an empty street: bands, posts, and a texture. */
const ROAD = Float64Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
  const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
  return 110 + 30 * Math.sin(y / 25) + (x % 64 < 4 ? 40 : 0) + ((x * 7 + y * 13) % 11);
});

/** A street as a camera sees it. */
function street({ noise, light = 0, thing, darker = 25 }: Scene = {}): Frame {
  const random = new Random(noise?.[0] ?? 1);
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let at = 0; at < ROAD.length; at++) {
    const x = at % WIDTH;
    const y = Math.floor(at / WIDTH);
    const isThing =
      thing !== undefined && x >= thing.x && x < thing.x + thing.width && y >= thing.y && y < thing.y + thing.height;
    // The sum of three uniform numbers is nearly normal, with a deviation of a half.
    const jitter = noise === undefined ? 0 : 2 * noise[1] * (random.next() + random.next() + random.next() - 1.5);
    const grey = Math.round((ROAD[at] ?? 0) - (isThing ? darker : 0) + light + jitter);
    data[3 * at] = data[3 * at + 1] = data[3 * at + 2] = Math.max(0, Math.min(255, grey));
  }
  return { data, width: WIDTH, height: HEIGHT };
}

/** A gate that has seen `frame` at second 100. */
function gateOf(frame: Frame): MotionGate {
  const gate = new MotionGate(10);
  gate.saw(frame, 100_000);
  return gate;
}

describe('the motion gate', () => {
  it('holds back pictures that differ by noise and by light alone', () => {
    for (const deviation of [0, 2, 6, 8]) {
      const gate = gateOf(street({ noise: [1, deviation] }));
      for (let seed = 2; seed < 10; seed++) {
        const next = street({ noise: [seed, deviation], light: seed - 4 });
        assert.equal(gate.isStill(next, 102_000), true, `noise ${deviation}, picture ${seed}`);
      }
    }
  });

  it('lets a small far car through wherever it comes, by day and in noise', () => {
    const random = new Random(5);
    for (const deviation of [0, 3, 6]) {
      const gate = gateOf(street({ noise: [1, deviation] }));
      for (let n = 0; n < 12; n++) {
        const [x, y] = [Math.floor(random.next() * (WIDTH - 12)), Math.floor(random.next() * (HEIGHT - 8))];
        const next = street({ noise: [n + 2, deviation], thing: { x, y, width: 12, height: 8 } });
        assert.equal(gate.isStill(next, 102_000), false, `noise ${deviation}, a car at ${x},${y}`);
      }
    }
  });

  it('lets a car through that comes in at the border, and one that leaves', () => {
    const empty = street();
    for (const thing of [
      { x: 0, y: 100, width: 6, height: 8 },
      { x: WIDTH - 6, y: 100, width: 6, height: 8 },
      { x: 200, y: HEIGHT - 5, width: 12, height: 5 },
    ]) {
      assert.equal(gateOf(empty).isStill(street({ thing }), 102_000), false, JSON.stringify(thing));
      assert.equal(gateOf(street({ thing })).isStill(empty, 102_000), false, JSON.stringify(thing));
    }
  });

  it('a slow car is seen before it has gone its own length, as the reference stays', () => {
    const at = (x: number): Frame => street({ thing: { x, y: 120, width: 20, height: 10 } });
    const gate = gateOf(at(100));
    const seen = Array.from({ length: 20 }, (_, px) => gate.isStill(at(100 + px), 102_000)).indexOf(false);
    assert.ok(seen > 0 && seen <= 6, `seen after ${seen} px`);
  });

  it('lets a picture through when the last one is old, or is of another time or size', () => {
    const frame = street();
    const gate = gateOf(frame);
    assert.equal(gate.isStill(frame, 109_999), true);
    assert.equal(gate.isStill(frame, 110_000), false);
    assert.equal(gate.isStill(frame, 99_999), false, 'the clock was set back');
    assert.equal(gate.isStill({ ...frame, display: { width: 1280, height: 720 } }, 102_000), false);
    assert.equal(gate.isStill({ ...frame, width: HEIGHT, height: WIDTH }, 102_000), false);
    assert.equal(new MotionGate(10).isStill(frame, 102_000), false, 'nothing was seen yet');
  });

  it('lets a picture of another scene through, and every picture when it is off', () => {
    const frame = street();
    const noise = new Random(3);
    const other = { ...frame, data: frame.data.map(() => Math.floor(256 * noise.next())) };
    assert.equal(gateOf(frame).isStill(other, 102_000), false);
    const off = new MotionGate(0);
    off.saw(frame, 100_000);
    assert.equal(off.isStill(frame, 100_000), false);
  });

  it('pictures smaller than a window are compared too', () => {
    const tiny = (grey: number): Frame => ({ data: new Uint8Array(2 * 2 * 3).fill(grey), width: 2, height: 2 });
    assert.equal(gateOf(tiny(90)).isStill(tiny(90), 102_000), true);
  });
});
