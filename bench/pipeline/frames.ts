/** Frames of simulated cameras, as real cameras would publish them: seeded, with features from the real code. */
import type { Box, DetectedObject, Detection, ObjectClass, PublishedGroup } from '../../src/messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId } from '../../src/messages/ids.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { groupFeatures } from '../../src/vision/group-features.ts';

export const WIDTH = 1280;
export const HEIGHT = 720;
/** Groups of a frame, 2 to 5 in turn, so that short runs have the same mix as long ones. */
const FEWEST_GROUPS = 2;
const MOST_GROUPS = 5;
export const MEAN_GROUPS = (FEWEST_GROUPS + MOST_GROUPS) / 2;

/** Ordinary groups without danger: members, and px from left edge to left edge. */
const SCENES: readonly { readonly members: readonly ObjectClass[]; readonly apart: number }[] = [
  { members: ['car', 'car'], apart: 60 },
  { members: ['car', 'car', 'truck'], apart: 60 },
  { members: ['car', 'bus', 'car', 'motorcycle'], apart: 50 },
  { members: ['person', 'car'], apart: 150 },
  { members: ['person', 'person', 'bicycle'], apart: 80 },
  { members: ['car', 'car', 'car', 'car', 'truck'], apart: 42 },
];
/** One group in so many is a person in the way of a fast car: about one frame in thirty becomes an alert. */
const DANGER_IN = 200;
const DANGER_SPEED = 220;

export interface FrameMakerOptions {
  /**
   * Each frame shows other groups than the one before it, so that every group is asked about in its own right: no
   * newer question takes the place of one, and no verdict is carried. Default false: the groups stay.
   */
  readonly newGroups?: boolean;
}

/** One simulated camera. */
export class FrameMaker {
  readonly #cameraId: string;
  readonly #newGroups: boolean;
  readonly #random: () => number;
  readonly #begin: number;
  #frameNumber = 0;

  constructor(cameraId: string, seed: number, { newGroups = false }: FrameMakerOptions = {}) {
    this.#cameraId = cameraId;
    this.#newGroups = newGroups;
    this.#random = seededRandom(seed);
    this.#begin = seed;
  }

  /** The next frame, at `at` (epoch ms). The caller stores its pictures under the ids that it names. */
  next(at: number): Detection {
    const requestId = newRequestId();
    const detectedObjects: DetectedObject[] = [];
    const trafficGroups: PublishedGroup[] = [];
    const count = FEWEST_GROUPS + ((this.#begin + this.#frameNumber) % (MOST_GROUPS - FEWEST_GROUPS + 1));
    for (let groupIndex = 1; groupIndex <= count; groupIndex += 1) {
      const members = this.#members(detectedObjects.length, groupIndex, count);
      detectedObjects.push(...members);
      const bbox = around(members);
      trafficGroups.push({
        groupIndex,
        groupId: this.#newGroups ? `f${this.#frameNumber}g${groupIndex}` : `g${groupIndex}`,
        objectCount: members.length,
        classes: [...new Set(members.map((member) => member.class))],
        bbox,
        averageConfidence: rounded(members.reduce((sum, member) => sum + member.confidence, 0) / members.length),
        memberIndices: members.map((member) => member.objectId),
        features: groupFeatures(members, bbox),
        cropId: cropImageId(requestId, groupIndex),
      });
    }
    return {
      requestId,
      cameraId: this.#cameraId,
      timestamp: new Date(at).toISOString(),
      traceId: newTraceId(),
      frameNumber: ++this.#frameNumber,
      detectedObjects,
      trafficGroups,
      incidents: [],
      imageWidth: WIDTH,
      imageHeight: HEIGHT,
      imageId: frameImageId(requestId),
      detectionLatency: 0.02,
      modelType: 'simulated',
    };
  }

  /** Members side by side in this group's own strip of the frame. */
  #members(firstId: number, groupIndex: number, groups: number): DetectedObject[] {
    const danger = this.#random() < 1 / DANGER_IN;
    const { members, apart } = (danger ? null : SCENES[Math.floor(this.#random() * SCENES.length)]) ?? {
      members: ['car', 'person'] as const,
      apart: 38,
    };
    const left = ((groupIndex - 1) * WIDTH) / groups;
    const top = 100 + this.#random() * 300;
    return members.map((kind, index) => {
      const x = left + 8 + index * apart;
      const y = top + this.#random() * 40;
      const [width, height] = kind === 'person' ? [20, 60] : [34, 40];
      const velocity: [number, number] =
        danger && kind === 'car'
          ? [DANGER_SPEED, 0]
          : [rounded((this.#random() - 0.5) * 100), rounded((this.#random() - 0.5) * 50)];
      return {
        objectId: firstId + index,
        trackId: groupIndex * 10 + index + 1,
        class: kind,
        confidence: rounded(0.5 + 0.45 * this.#random()),
        bbox: [rounded(x), rounded(y), rounded(x + width), rounded(y + height)],
        velocity,
      };
    });
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

const around = (members: readonly DetectedObject[]): Box => [
  Math.min(...members.map(({ bbox }) => bbox[0])),
  Math.min(...members.map(({ bbox }) => bbox[1])),
  Math.max(...members.map(({ bbox }) => bbox[2])),
  Math.max(...members.map(({ bbox }) => bbox[3])),
];
