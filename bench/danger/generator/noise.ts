/**
 * A small detector: misses in runs, more for small and covered road users; boxes that jitter; classes that flip; false
 * boxes that stay for a moment; two boxes for one object. A model by guess, not measured on a detector.
 */
import type { Box, ObjectClass } from '../../../src/messages/detection.ts';
import type { SceneFrame } from '../scene-folder.ts';
import { PICTURE } from './camera.ts';
import type { Chance } from './chance.ts';

/** One to be detected. `depth`: metres before the camera. */
export interface Visible {
  readonly id: string;
  readonly class: ObjectClass;
  readonly box: Box;
  readonly depth: number;
}

type Detected = SceneFrame['objects'][number];

/** Jitter of a side as a share of the box, and in px at least. */
const JITTER_SHARE = 0.018;
const JITTER_PX = 0.7;
/** Of a side's jitter, so much stays from frame to frame. */
const JITTER_KEPT = 0.5;
/** Length of a run of misses, s. */
const MISS_SECONDS = 0.35;
const FALSE_PER_SECOND = 0.12;
const FALSE_SECONDS = 0.5;
const STEP_SECONDS = 0.1;
const LEAST_CONFIDENCE = 0.35;
/** Covered more than this, nothing is seen. */
const HIDDEN = 0.75;

interface Memory {
  missedUntil: number;
  jitter: readonly [number, number, number, number];
  flippedUntil: number;
  readonly bias: number;
}

const CONFUSED: Readonly<Partial<Record<ObjectClass, ObjectClass>>> = {
  car: 'truck',
  truck: 'bus',
  bus: 'truck',
  motorcycle: 'bicycle',
  bicycle: 'motorcycle',
};

export class NoisyDetector {
  readonly #chance: Chance;
  readonly #memories = new Map<string, Memory>();
  #falseBoxes: { readonly until: number; readonly object: Detected }[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The next frame, 0.1 s after the last. */
  detect(visible: readonly Visible[], t: number): readonly Detected[] {
    const near = visible.toSorted((a, b) => a.depth - b.depth);
    const objects = near.flatMap((one, index) => this.#see(one, near.slice(0, index), t));
    for (const id of this.#memories.keys()) if (!visible.some((one) => one.id === id)) this.#memories.delete(id);
    return [...objects, ...this.#imagine(t)].toSorted((a, b) => b.confidence - a.confidence);
  }

  #see({ id, class: kind, box }: Visible, nearer: readonly Visible[], t: number): Detected[] {
    const chance = this.#chance;
    const memory = this.#memories.get(id) ?? {
      missedUntil: -1,
      jitter: [0, 0, 0, 0],
      flippedUntil: -1,
      bias: 0.06 * chance.normal(),
    };
    this.#memories.set(id, memory);
    const others = nearer.filter((other) => other.id !== `rider-${id}` && id !== `rider-${other.id}`);
    const covered = coveredShare(box, others);
    const size = Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
    memory.jitter = this.#jitter(memory.jitter);
    const missing = Math.min(0.95, 0.03 + 0.5 * Math.exp(-size / 12) + Math.max(0, covered - 0.3) * 0.9);
    // Runs of a mean length that make up that share of the time.
    const begins = (missing / (1 - missing)) * (STEP_SECONDS / MISS_SECONDS);
    if (t >= memory.missedUntil && chance.is(begins)) memory.missedUntil = t + chance.exponential(MISS_SECONDS);
    if (t < memory.missedUntil || covered > HIDDEN) return [];
    if (chance.is(0.004)) memory.flippedUntil = t + chance.exponential(0.6);
    const shown = t < memory.flippedUntil ? (CONFUSED[kind] ?? kind) : kind;
    const trust = 0.93 - 0.5 * Math.exp(-size / 30) - covered * 0.3 + memory.bias + 0.07 * chance.normal();
    const confidence = Math.min(0.98, trust);
    if (confidence < LEAST_CONFIDENCE) return [];
    const object = { class: shown, confidence: round(confidence, 1_000), bbox: jittered(box, memory.jitter, covered) };
    if (!chance.is(0.008)) return [object];
    const twin = jittered(box, this.#jitter([1, 1, 1, 1]), covered);
    return [
      object,
      { class: CONFUSED[kind] ?? kind, confidence: round(Math.max(0.36, confidence - 0.3), 1_000), bbox: twin },
    ];
  }

  #jitter(before: Memory['jitter']): Memory['jitter'] {
    const fresh = Math.sqrt(1 - JITTER_KEPT * JITTER_KEPT);
    const next = (side: number): number => side * JITTER_KEPT + this.#chance.normal() * fresh;
    return [next(before[0]), next(before[1]), next(before[2]), next(before[3])];
  }

  #imagine(t: number): readonly Detected[] {
    const chance = this.#chance;
    this.#falseBoxes = this.#falseBoxes.filter(({ until }) => until > t);
    if (chance.is(FALSE_PER_SECOND * STEP_SECONDS)) {
      const isPerson = chance.is(0.5);
      const size = chance.between(14, 60);
      const [x, y] = [chance.between(0, PICTURE.width - 70), chance.between(PICTURE.height * 0.3, PICTURE.height - 70)];
      const bbox: Box = [x, y, x + size * (isPerson ? 0.5 : 1.3), y + size];
      const object = {
        class: isPerson ? 'person' : 'car',
        confidence: round(chance.between(0.35, 0.6), 1_000),
        bbox,
      } as const;
      this.#falseBoxes.push({ until: t + chance.exponential(FALSE_SECONDS), object });
    }
    return this.#falseBoxes.map(({ object }) => object);
  }
}

function coveredShare(box: Box, nearer: readonly Visible[]): number {
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  const covered = nearer.reduce((sum, { box: other }) => {
    const width = Math.min(box[2], other[2]) - Math.max(box[0], other[0]);
    const height = Math.min(box[3], other[3]) - Math.max(box[1], other[1]);
    return width > 0 && height > 0 ? sum + width * height : sum;
  }, 0);
  return Math.min(1, covered / area);
}

/** The covered part is mostly the lower one: a box ends there, half of the time that much higher. */
function jittered(box: Box, jitter: Memory['jitter'], covered: number): Box {
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  const [dx, dy] = [Math.max(JITTER_PX, width * JITTER_SHARE), Math.max(JITTER_PX, height * JITTER_SHARE)];
  const cut = covered > 0.25 && jitter[3] > 0 ? height * covered * 0.4 : 0;
  return [
    round(Math.max(0, box[0] + jitter[0] * dx), 10),
    round(Math.max(0, box[1] + jitter[1] * dy), 10),
    round(Math.min(PICTURE.width, box[2] + jitter[2] * dx), 10),
    round(Math.min(PICTURE.height, box[3] + jitter[3] * dy - cut), 10),
  ];
}

const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
