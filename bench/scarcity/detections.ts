/** Frames of the world as a camera publishes them. */
import type { Box, DetectedObject, Detection, EarlierMoment, PublishedGroup } from '../../src/messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId } from '../../src/messages/ids.ts';
import { HEIGHT, type Seen, WIDTH } from './scene.ts';
import type { Frame } from './world.ts';

/** Groups have strips of the frame, two beside each other. */
const STRIPS = 5;
const STRIP_PX = 120;
const TOP_PX = 100;
/** Track ids of a group begin at this multiple of its number. */
const TRACKS = 10;
const EARLIER_MOST_MS = 2_300;

export class DetectionMaker {
  readonly #cameraId: string;
  #frameNumber = 0;
  /** The crops of the last frame, by group. */
  #crops: ReadonlyMap<string, EarlierMoment> = new Map();

  constructor(cameraId: string) {
    this.#cameraId = cameraId;
  }

  /** The frame at `at` (epoch ms). The caller stores its pictures under the ids that it names. */
  next({ groups }: Frame, at: number): Detection {
    const requestId = newRequestId();
    const timestamp = new Date(at).toISOString();
    const detectedObjects: DetectedObject[] = [];
    const trafficGroups: PublishedGroup[] = [];
    for (const [slot, { group, seen }] of groups.entries()) {
      const { members, bbox } = placed(seen, slot, detectedObjects.length, Number(group.groupId.slice(1)) * TRACKS);
      detectedObjects.push(...members);
      const earlier = this.#crops.get(group.groupId);
      const isEarlier = earlier !== undefined && at - Date.parse(earlier.timestamp) <= EARLIER_MOST_MS;
      trafficGroups.push({
        groupIndex: slot + 1,
        groupId: group.groupId,
        objectCount: members.length,
        classes: [...new Set(members.map((member) => member.class))],
        bbox,
        averageConfidence: members.reduce((sum, { confidence }) => sum + confidence, 0) / members.length,
        memberIndices: members.map(({ objectId }) => objectId),
        features: seen.features,
        cropId: cropImageId(requestId, slot + 1),
        ...(isEarlier ? { earlier: [earlier] } : {}),
      });
    }
    this.#crops = new Map(
      trafficGroups.flatMap(({ groupId, cropId }) => (cropId === null ? [] : [[groupId, { cropId, timestamp }]])),
    );
    return {
      requestId,
      cameraId: this.#cameraId,
      timestamp,
      traceId: newTraceId(),
      frameNumber: ++this.#frameNumber,
      detectedObjects,
      trafficGroups,
      incidents: [],
      imageWidth: WIDTH,
      imageHeight: HEIGHT,
      imageId: groups.length === 0 ? null : frameImageId(requestId),
      detectionLatency: 0.02,
      modelType: 'simulated',
    };
  }
}

/** The group's members in the strip `slot` of the frame. Moving them together changes none of their figures. */
function placed(seen: Seen, slot: number, firstId: number, firstTrack: number): Pick<Seen, 'members' | 'bbox'> {
  const right = (Math.floor(slot / STRIPS) % 2) * (WIDTH / 2);
  const down = TOP_PX + (slot % STRIPS) * STRIP_PX - TOP_PX;
  const moved = ([x1, y1, x2, y2]: Box): Box => [x1 + right, y1 + down, x2 + right, y2 + down];
  return {
    bbox: moved(seen.bbox),
    members: seen.members.map((member, index) => ({
      ...member,
      objectId: firstId + index,
      trackId: firstTrack + index,
      bbox: moved(member.bbox),
    })),
  };
}
