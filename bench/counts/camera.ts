/** A pole camera over the street, and a small detector: misses in runs, jitter, mixed-up classes, and wrong boxes. */
import type { ObjectClass } from '../../src/messages/detection.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { makeScene } from '../../src/scene/make-scene.ts';
import { pinholeMatrix, pinholeUp } from '../../src/scene/pinhole.ts';
import type { Metres, Pixel, Scene } from '../../src/scene/scene.types.ts';
import { SIZES } from '../../src/scene/sizes.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import type { TrackedDetection } from '../../src/tracking/tracking.types.ts';
import { LINE_ENDS, type Mover } from './traffic.ts';

export const PICTURE = { width: 1280, height: 720 };
const POSE = { focal: 1000, pitch: 0.24, roll: 0.01, yaw: 0.05, height: 9, x: 1, y: -8 };
const MATRIX = pinholeMatrix(POSE, PICTURE);
const UP = pinholeUp(POSE, PICTURE);

type Box = [number, number, number, number];

function pixelOf([x, y]: Metres, height = 0): Pixel {
  const [u, v, w] = [0, 3, 6].map(
    (row) => (MATRIX[row] ?? 0) * x + (MATRIX[row + 1] ?? 0) * y + (MATRIX[row + 2] ?? 0) + (UP[row / 3] ?? 0) * height,
  ) as [number, number, number];
  return [u / w, v / w];
}

export function streetScene(): Scene {
  const places: readonly Metres[] = [
    [-8, 10],
    [8, 10],
    [-8, 30],
    [8, 30],
    [-8, 60],
    [8, 60],
  ];
  const lane = (id: string, x: number, direction: 1 | -1) => ({
    id,
    kind: 'lane',
    polygon: (
      [
        [x - 1.75, 14],
        [x + 1.75, 14],
        [x + 1.75, 58],
        [x - 1.75, 58],
      ] as const
    ).map((place) => pixelOf(place)),
    direction: [pixelOf([x, 30]), pixelOf([x, 30 + 10 * direction])],
  });
  const config = SceneConfig.parse({
    ...PICTURE,
    calibration: places.map((road) => ({ image: pixelOf(road), road })),
    zones: [lane('out-1', 1.75, 1), lane('out-2', 5.25, 1), lane('in-1', -1.75, -1), lane('in-2', -5.25, -1)],
    lines: [{ id: 'line', points: LINE_ENDS.map((place) => pixelOf(place)) }],
  });
  return makeScene(config, PICTURE, createAutoScale(PICTURE));
}

function boxOf(mover: Mover): Box | null {
  const { length, width, height } = SIZES[mover.class];
  const isPerson = mover.class === 'person';
  const corners = [-1, 1].flatMap((i) =>
    [-1, 1].flatMap((j) =>
      [0, height].map((z) => pixelOf([mover.x + (i * width) / 2, mover.y + (j * (isPerson ? width : length)) / 2], z)),
    ),
  );
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const box: Box = [
    Math.max(0, Math.min(...xs)),
    Math.max(0, Math.min(...ys)),
    Math.min(PICTURE.width, Math.max(...xs)),
    Math.min(PICTURE.height, Math.max(...ys)),
  ];
  return mover.y > 0 && box[2] - box[0] > 6 && box[3] - box[1] > 6 ? box : null;
}

/** Share of the first box that the second covers. */
function covered(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : (width * height) / ((a[2] - a[0]) * (a[3] - a[1]));
}

const OTHERS: Partial<Readonly<Record<ObjectClass, ObjectClass>>> = { car: 'truck', truck: 'bus', bus: 'truck' };

export class Detector {
  readonly #random: () => number;
  /** Those that were missed in the last frame. */
  #missed = new Set<number>();

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  see(movers: readonly Mover[]): readonly TrackedDetection[] {
    const boxes = movers
      .flatMap((mover) => {
        const box = boxOf(mover);
        return box === null ? [] : [{ mover, box }];
      })
      .toSorted((a, b) => a.mover.y - b.mover.y);
    const missed = new Set<number>();
    const seen = boxes.flatMap(({ mover, box }, i) => {
      const share = Math.max(0, ...boxes.slice(0, i).map((nearer) => covered(box, nearer.box)));
      const isSmall = box[3] - box[1] < 30;
      const chance = this.#missed.has(mover.id)
        ? 0.35
        : 0.03 + (isSmall ? 0.08 : 0) + (share > 0.75 ? 0.6 : share * 0.25);
      if (this.#random() < chance) missed.add(mover.id);
      return missed.has(mover.id) ? [] : this.#detected(mover.class, box, share);
    });
    this.#missed = missed;
    return this.#random() < 0.02 ? [...seen, this.#falseBox()] : seen;
  }

  #detected(trueClass: ObjectClass, box: Box, share: number): readonly TrackedDetection[] {
    const ofClass = this.#random() < 0.05 ? (OTHERS[trueClass] ?? trueClass) : trueClass;
    const confidence = Math.min(0.97, Math.max(0.2, 0.8 - share * 0.4 + this.#normal() * 0.1));
    const one = { class: ofClass, confidence, bbox: this.#shaken(box) };
    return this.#random() < 0.01 ? [one, { ...one, confidence: 0.5, bbox: this.#shaken(box, 3) }] : [one];
  }

  #shaken(box: Box, times = 1): Box {
    const size = Math.min(box[2] - box[0], box[3] - box[1]);
    const by = (): number => this.#normal() * (0.8 + 0.015 * size) * times;
    return [box[0] + by(), box[1] + by(), box[2] + by(), box[3] + by()];
  }

  #falseBox(): TrackedDetection {
    const [x, y] = [this.#random() * 1_200, 250 + this.#random() * 400];
    return { class: 'car', confidence: 0.3 + this.#random() * 0.3, bbox: [x, y, x + 40, y + 30] };
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}
