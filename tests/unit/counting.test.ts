import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTrafficCounter } from '../../src/counting/traffic-counter.ts';
import { mergedBin } from '../../src/messages/count-figures.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import { count, crossingsOf, flatScene, type MadeTrack, START, type Step, until } from '../support/counted-traffic.ts';

/** Upwards through the scene at x = 50; left of it are smaller x. */
const LINE = ['gate', [50, 0], [50, 40]] as const;
const scene = flatScene({ lines: [LINE] });

/** Straight on at a constant speed, a step a second. */
const straight = (from: Metres, velocity: Metres, seconds: number, begin = 0): Step[] =>
  Array.from({ length: seconds + 1 }, (_, i) => [begin + i, from[0] + i * velocity[0], from[1] + i * velocity[1]]);
const crossings = (tracks: readonly MadeTrack[]): string[] => crossingsOf(count(scene, tracks).all, 'gate');

describe('a counting line', () => {
  it('counts by class and by the direction that the picture shows', () => {
    const tracks: MadeTrack[] = [
      { id: 1, class: 'car', steps: straight([20, 10], [12, 0], 6) },
      { id: 2, class: 'car', steps: straight([22, 20], [12, 0], 6, 3) },
      { id: 3, class: 'bus', steps: straight([80, 14], [-9, 0], 7) },
      { id: 4, class: 'person', steps: straight([48, 30], [1.3, 0], 5) },
    ];
    assert.deepEqual(crossings(tracks), ['left-to-right car 2', 'left-to-right person 1', 'right-to-left bus 1']);
  });

  it('keeps the directions of the picture when the frame on the road is mirrored', () => {
    const plain = flatScene({ lines: [LINE] });
    const flip = ([x, y]: Metres): Metres => [x, -y];
    const mirrored = {
      ...plain,
      plane: {
        ...plain.plane,
        toRoad: (pixel: Metres) => flip(plain.plane.toRoad(pixel) ?? [0, 0]),
        toImage: (place: Metres) => plain.plane.toImage(flip(place)),
      },
    };
    const steps = straight([20, -10], [12, 0], 6);
    assert.deepEqual(crossingsOf(count(mirrored, [{ id: 1, steps }]).all, 'gate'), ['left-to-right car 1']);
  });

  it('counts nobody who passes beyond its ends, turns back before it, or trembles on it', () => {
    const tremble = (x: number): Step[] =>
      Array.from({ length: 40 }, (_, i) => [i, x + (i % 2 === 0 ? 0.7 : -0.7), 20]);
    const back: Step[] = [40, 45, 48, 50.4, 48, 44, 40].map((x, i) => [i, x, 10]);
    const tracks = [
      { id: 1, steps: straight([20, 45], [12, 0], 6) },
      { id: 2, steps: back },
      { id: 3, steps: tremble(50) },
    ];
    assert.deepEqual(crossings(tracks), []);
  });

  it('counts one that goes over it, back and over again three times', () => {
    const steps: Step[] = [40, 45, 52, 55, 48, 45, 52, 60].map((x, i) => [i, x, 10]);
    assert.deepEqual(crossings([{ id: 1, steps }]), ['left-to-right car 2', 'right-to-left car 1']);
  });

  it('counts one who stood on it for long once, when it goes on', () => {
    const standing: Step[] = Array.from({ length: 20 }, (_, i) => [4 + i, 50 + (i % 2 === 0 ? 0.6 : -0.6), 10]);
    const steps: Step[] = [...straight([38, 10], [4, 0], 3), ...standing, [24, 54, 10], [25, 58, 10]];
    assert.deepEqual(crossings([{ id: 1, steps }]), ['left-to-right car 1']);
  });

  it('counts once when a road user is lost at the line and found behind it as another track', () => {
    const lost = { id: 1, steps: straight([26, 10], [8, 0], 2) };
    const found = { id: 2, steps: straight([58, 10], [8, 0], 3, 4) };
    assert.deepEqual(crossings([lost, found]), ['left-to-right car 1']);
  });

  it('counts once when predictions led the lost track over the line before it was found', () => {
    const lost: Step[] = [...straight([26, 10], [8, 0], 2), [3, 50.5, 10, 'unseen'], [4, 58.5, 10, 'unseen']];
    const found = straight([49, 10], [8, 0], 3, 3);
    assert.deepEqual(
      crossings([
        { id: 1, steps: lost },
        { id: 2, steps: found },
      ]),
      ['left-to-right car 1'],
    );
  });

  it('counts one that was seen last on the line, on its way, and none that stopped there', () => {
    const gone = straight([26, 10], [8.1, 0], 3);
    const stopped: Step[] = [...straight([42.4, 20], [4, 0], 2), [3, 50.4, 20], [4, 50.4, 20], [5, 50.4, 20]];
    assert.deepEqual(
      crossings([
        { id: 1, steps: gone },
        { id: 2, steps: stopped },
      ]),
      ['left-to-right car 1'],
    );
  });

  it('counts two that follow each other closely, and side by side, as two; two tracks of one body as one', () => {
    const steps = straight([20, 10], [12, 0], 6);
    const moved = (dx: number, dy: number): Step[] => steps.map(([s, x, y]) => [s, x + dx, y + dy]);
    assert.deepEqual(
      crossings([
        { id: 1, steps },
        { id: 2, steps: moved(-6, 0) },
      ]),
      ['left-to-right car 2'],
    );
    assert.deepEqual(
      crossings([
        { id: 1, steps },
        { id: 2, steps: moved(0, 3) },
      ]),
      ['left-to-right car 2'],
    );
    assert.deepEqual(
      crossings([
        { id: 1, steps },
        { id: 2, steps: moved(-1, 0.4) },
      ]),
      ['left-to-right car 1'],
    );
  });

  it('counts who was missed at it, at speed, and neither the slow nor those seen far from it', () => {
    const begun = straight([58, 10], [10, 0], 4);
    const ended = straight([20, 20], [9, 0], 2, 10);
    assert.deepEqual(crossings([{ id: 1, steps: begun }]), ['left-to-right car 1']);
    assert.deepEqual(crossings([{ id: 1, steps: ended }]), ['left-to-right car 1']);
    const slow = { id: 1, class: 'person' as const, steps: straight([51, 10], [1.5, 0], 6) };
    const far = { id: 2, steps: straight([70, 10], [10, 0], 4) };
    const other = { id: 3, steps: straight([58, 30], [-1, 10], 4) };
    assert.deepEqual(crossings([slow, far, other]), []);
  });

  it('counts once where one track ends before it and another passes it', () => {
    const ended = { id: 1, steps: straight([19, 10], [10, 0], 2) };
    const other = { id: 2, steps: straight([18, 11], [10, 0], 6) };
    assert.deepEqual(crossings([ended, other]), ['left-to-right car 1']);
  });

  it('does not count riders beside their two-wheeler', () => {
    const steps = straight([20, 10], [6, 0], 10);
    const tracks = [
      { id: 1, class: 'bicycle' as const, steps },
      { id: 2, class: 'person' as const, steps, isRider: true },
    ];
    assert.deepEqual(crossings(tracks), ['left-to-right bicycle 1']);
  });

  it('does not count tracks that were never believed', () => {
    assert.deepEqual(crossings([{ id: 1, steps: straight([20, 10], [12, 0], 6), confirmed: false }]), []);
  });

  it('counts by the corrected path when a look-back changes the newest seconds of a track', () => {
    const counter = createTrafficCounter();
    const wrong = straight([20, 10], [8, 0], 5);
    const right = wrong.map(([s, x, y]): Step => (s < 3 ? [s, x, y] : [s, 40, y]));
    const bins = [];
    for (let second = 0; second <= 90; second += 1) {
      const made = until({ id: 1, steps: second < 10 ? wrong : right }, second, 90);
      bins.push(...counter.observe({ tracks: made === null ? [] : [made], at: START + second * 1_000, scene }));
    }
    assert.deepEqual(crossingsOf(mergedBin(bins, START, 60), 'gate'), []);
  });

  it('counts once when a look-back gives a road user another track', () => {
    const steps = straight([20, 10], [8, 0], 12);
    const counter = createTrafficCounter();
    const bins = [];
    for (let second = 0; second <= 90; second += 1) {
      const track = second < 8 ? { id: 1, steps } : { id: 2, steps: steps.filter(([s]) => s >= 2) };
      const made = until(track, second);
      bins.push(...counter.observe({ tracks: made === null ? [] : [made], at: START + second * 1_000, scene }));
    }
    assert.deepEqual(crossingsOf(mergedBin(bins, START, 60), 'gate'), ['left-to-right car 1']);
  });

  it('counts every crossing of a straight way once, whatever its angle, speed and rate of frames', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1.2, max: 1.2, noNaN: true }),
        fc.double({ min: 2, max: 35, noNaN: true }),
        fc.double({ min: 0.1, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (angle, speed, interval, phase) => {
          const [vx, vy] = [speed * Math.cos(angle), speed * Math.sin(angle)];
          const steps = Array.from({ length: 60 }, (_, i): Step => {
            const seconds = i * interval;
            const since = (i - 30 - phase) * interval;
            return [seconds, 50 + vx * since, 20 + vy * since];
          });
          assert.deepEqual(crossings([{ id: 1, steps }]), ['left-to-right car 1']);
        },
      ),
      { seed: 20_261_127, numRuns: 60 },
    );
  });

  it('keeps the side of a track when the plane changes under it', () => {
    const counter = createTrafficCounter();
    const wide = flatScene({ lines: [LINE], version: 2, scale: 1.5 });
    const steps = straight([20, 10], [1.5, 0], 40);
    const bins = [];
    for (let second = 0; second <= 100; second += 1) {
      const scale = second < 30 ? 1 : 1.5;
      const now = until({ id: 1, steps: steps.map(([s, x, y]) => [s, x * scale, y * scale]) }, second);
      const at = START + second * 1_000;
      bins.push(...counter.observe({ tracks: now === null ? [] : [now], at, scene: scale === 1 ? scene : wide }));
    }
    assert.deepEqual(crossingsOf(mergedBin(bins, START, 120), 'gate'), ['left-to-right car 1']);
  });
});
