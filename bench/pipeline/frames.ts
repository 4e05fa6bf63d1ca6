/** Frames of simulated cameras as Gantry's own cameras would publish them: seeded, with features computed by the real code. */
import type { Box, DetectedObject, Detection, ObjectClass, PublishedGroup } from '../../src/messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId } from '../../src/messages/ids.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { groupFeatures } from '../../src/vision/group-features.ts';

export const WIDTH = 1280;
export const HEIGHT = 720;
/** Groups of a frame: 2 to 5 in turn, so that a short run has its share of each. */
const FEWEST_GROUPS = 2;
const MOST_GROUPS = 5;
export const MEAN_GROUPS = (FEWEST_GROUPS + MOST_GROUPS) / 2;

const MEMBERS: readonly (readonly ObjectClass[])[] = [
  ['car', 'car'],
  ['car', 'car', 'truck'],
  ['car', 'bus', 'car', 'motorcycle'],
  ['person', 'car'],
  ['person', 'person', 'bicycle'],
  ['car', 'car', 'car', 'car', 'person'],
];

/** One simulated camera. */
export class FrameMaker {
  readonly #cameraId: string;
  readonly #random: () => number;
  readonly #begin: number;
  #frameNumber = 0;

  constructor(cameraId: string, seed: number) {
    this.#cameraId = cameraId;
    this.#random = seededRandom(seed);
    this.#begin = seed;
  }

  /** The next frame, `at` epoch ms; its pictures are to be stored under the ids it names. */
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
        groupId: `g${groupIndex}`,
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
      imageWidth: WIDTH,
      imageHeight: HEIGHT,
      imageId: frameImageId(requestId),
      detectionLatency: 0.02,
      modelType: 'simulated',
    };
  }

  /** Members beside each other in the frame's own strip of this group. */
  #members(firstId: number, groupIndex: number, groups: number): DetectedObject[] {
    const kinds = MEMBERS[Math.floor(this.#random() * MEMBERS.length)] ?? [];
    const left = ((groupIndex - 1) * WIDTH) / groups;
    const top = 100 + this.#random() * 300;
    return kinds.map((kind, index) => {
      const x = left + 8 + index * 40;
      const y = top + this.#random() * 40;
      const [width, height] = kind === 'person' ? [20, 60] : [34, 40];
      return {
        objectId: firstId + index,
        trackId: groupIndex * 10 + index + 1,
        class: kind,
        confidence: rounded(0.5 + 0.45 * this.#random()),
        bbox: [rounded(x), rounded(y), rounded(x + width), rounded(y + height)],
        velocity: [rounded((this.#random() - 0.5) * 120), rounded((this.#random() - 0.5) * 60)],
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
