import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Box } from '../../src/messages/detection.ts';
import type { Frame } from '../../src/vision/frame.ts';
import { createGroupStillness, type WatchedGroup } from '../../src/vision/group-stillness.ts';
import { Random } from '../support/random.ts';

const WIDTH = 320;
const HEIGHT = 180;
const GROUP_BOX: Box = [100, 60, 220, 120];
const LEFT_CAR: Box = [100, 70, 150, 120];
const RIGHT_CAR: Box = [170, 60, 220, 110];

interface Scene {
  readonly noise?: Random;
  /** Added to every pixel, and multiplied with it before. */
  readonly light?: number;
  readonly contrast?: number;
  /** A bright thing at this box. */
  readonly thing?: Box;
  readonly width?: number;
}

/** A street with structure, noise of a camera, and light as told. */
function frameOf({ noise, light = 0, contrast = 1, thing, width = WIDTH }: Scene = {}): Frame {
  const data = new Uint8Array(width * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < width; x++) {
      const isThing = thing !== undefined && x >= thing[0] && x < thing[2] && y >= thing[1] && y < thing[3];
      const base = isThing ? 230 : 90 + 30 * Math.sin(x / 9) + 25 * Math.sin(y / 7);
      const jitter = noise === undefined ? 0 : 16 * (noise.next() - 0.5);
      const grey = Math.max(0, Math.min(255, Math.round(base * contrast + light + jitter)));
      data.fill(grey, 3 * (y * width + x), 3 * (y * width + x) + 3);
    }
  }
  return { data, width, height: HEIGHT };
}

const moved = ([x1, y1, x2, y2]: Box, dx: number, dy = 0): Box => [x1 + dx, y1 + dy, x2 + dx, y2 + dy];

function pair(over: { dx?: number; velocity?: [number, number] | null; tracks?: number[]; groupId?: string } = {}) {
  const { dx = 0, velocity = [0, 0], tracks = [1, 2], groupId = 'g1' } = over;
  const boxes = [moved(LEFT_CAR, dx), RIGHT_CAR, moved(RIGHT_CAR, 0, 40)];
  const members = tracks.map((trackId, i) => ({ trackId, bbox: boxes[i]!, velocity }));
  return { groupId, bbox: moved(GROUP_BOX, dx), members } satisfies WatchedGroup;
}

/** The answers about one group over frames one second apart. */
function follow(...frames: (readonly [WatchedGroup, Frame])[]): (number | null)[] {
  const stillness = createGroupStillness();
  return frames.map(([group, frame], second) => stillness.since([group], frame, second * 1000)[0] ?? null);
}

describe('the stillness of groups', () => {
  it('a group in which nothing changes is unchanged since its first frame, in spite of noise and jitter', () => {
    const noise = new Random(7);
    const frames = Array.from(
      { length: 20 },
      (_, i) => [pair({ dx: i % 2 === 0 ? 0.8 : -0.8, velocity: [0.9, 0] }), frameOf({ noise })] as const,
    );
    assert.deepEqual(follow(...frames), [null, ...Array.from({ length: 19 }, () => 0)]);
  });

  it('a member that comes, goes or is replaced is a change', () => {
    const frame = frameOf();
    const two = [pair(), frame] as const;
    const three = [pair({ tracks: [1, 2, 3] }), frame] as const;
    assert.deepEqual(follow(two, two, three, three, two, two), [null, 0, null, 2000, null, 4000]);
    assert.deepEqual(follow(two, [pair({ tracks: [1, 9] }), frame]), [null, null]);
  });

  it('a drift that no two frames show ends it: frames are compared with the first', () => {
    const frame = frameOf();
    const found = follow(...Array.from({ length: 12 }, (_, i) => [pair({ dx: i * 0.8 }), frame] as const));
    assert.deepEqual(found.slice(0, 6), [null, 0, 0, 0, 0, 0]);
    assert.ok(found.slice(6).includes(null), String(found));
  });

  it('a member with a speed moves, wherever its box is', () => {
    const frame = frameOf();
    assert.deepEqual(follow([pair(), frame], [pair({ velocity: [30, 0] }), frame]), [null, null]);
    assert.deepEqual(follow([pair({ velocity: null }), frame], [pair({ velocity: null }), frame]), [null, 0]);
  });

  it('a cloud changes nothing; a thing in the picture that is no member does', () => {
    const noise = new Random(11);
    const bright = [pair(), frameOf({ noise })] as const;
    const clouded = [pair(), frameOf({ noise, contrast: 0.6, light: 10 })] as const;
    const thing: Box = [150, 80, 175, 115];
    assert.deepEqual(follow(bright, clouded, bright), [null, 0, 0]);
    assert.deepEqual(follow(bright, [pair(), frameOf({ noise, thing })]), [null, null]);
    assert.deepEqual(follow(clouded, [pair(), frameOf({ noise, thing, contrast: 0.6, light: 10 })]), [null, null]);
  });

  it('a picture that is all dark, or all another one, is a change, and darkness stays the same', () => {
    const dark = [pair(), frameOf({ contrast: 0 })] as const;
    const day = [pair(), frameOf()] as const;
    assert.deepEqual(follow(day, dark, dark, day), [null, null, 1000, null]);
  });

  it('frames of another size are not compared', () => {
    assert.deepEqual(follow([pair(), frameOf()], [pair(), frameOf({ width: 400 })]), [null, null]);
  });

  it('a frame that was scaled down is read where the boxes of its display size are', () => {
    const display = { width: 4 * WIDTH, height: 4 * HEIGHT };
    const enlarged = ({ groupId, members, bbox }: WatchedGroup): WatchedGroup => ({
      groupId,
      bbox: bbox.map((at) => 4 * at) as unknown as Box,
      members: members.map((member) => ({ ...member, bbox: member.bbox.map((at) => 4 * at) as unknown as Box })),
    });
    const still = [enlarged(pair()), { ...frameOf(), display }] as const;
    assert.deepEqual(follow(still, still), [null, 0]);
    const inside = { ...frameOf({ thing: [150, 80, 175, 115] }), display };
    assert.deepEqual(follow(still, [enlarged(pair()), inside]), [null, null]);
    const outside = { ...frameOf({ thing: [250, 130, 275, 165] }), display };
    assert.deepEqual(follow(still, [enlarged(pair()), outside]), [null, 0]);
    assert.deepEqual(follow(still, [enlarged(pair()), { ...frameOf(), display: { width: 640, height: 360 } }]), [
      null,
      null,
    ]);
  });

  it('boxes at and over the edge of the frame are looked at as far as they are there', () => {
    const edge: WatchedGroup = { groupId: 'g1', bbox: [-20, 150, 500, 400], members: pair().members };
    assert.deepEqual(follow([edge, frameOf()], [edge, frameOf()]), [null, 0]);
  });

  it('remembers a bounded number of groups, none longer than they keep their names', () => {
    const stillness = createGroupStillness({ maxGroups: 3, maxAgeSeconds: 6 });
    const frame = frameOf();
    const groups = ['a', 'b', 'c', 'd', 'e'].map((groupId) => pair({ groupId }));
    stillness.since(groups, frame, 0);
    assert.equal(stillness.size, 3);
    assert.deepEqual(stillness.since(groups.slice(0, 1), frame, 1_000), [0]);
    assert.equal(stillness.size, 3);
    stillness.since([], frame, 7_000);
    assert.equal(stillness.size, 1, 'a was seen 6 s ago, the others longer ago');
    stillness.since([], frame, 7_001);
    assert.equal(stillness.size, 0);
  });
});
