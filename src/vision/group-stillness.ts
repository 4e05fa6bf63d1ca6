import type { Box, DetectedObject } from '../messages/detection.ts';
import { displayOf, type Frame, type FrameSize } from './frame.ts';
import { area, centre } from './geometry.ts';

export interface GroupStillnessOptions {
  /** A group unseen for longer than this is forgotten, in seconds. Default 6, like its name (`GroupIdentity`). */
  readonly maxAgeSeconds?: number;
  /** Most groups remembered; beyond it the longest unseen is forgotten first. Default 400. */
  readonly maxGroups?: number;
}

/** A group of one frame as far as stillness goes. Boxes in px of the frame's display size, velocities in px/s. */
export interface WatchedGroup {
  readonly groupId: string;
  readonly bbox: Box;
  readonly members: readonly Pick<DetectedObject, 'trackId' | 'bbox' | 'velocity'>[];
}

export interface GroupStillness {
  /**
   * For each group the time (epoch ms) of the first frame since which nothing about it has changed: the same members,
   * nobody moves, nearly the same picture. Null when it changed with this frame. `timeMs` is when the frame was taken;
   * call with the frames of one camera in order.
   */
  since(groups: readonly WatchedGroup[], frame: Frame, timeMs: number): (number | null)[];
  /** Groups remembered now. */
  readonly size: number;
}

/** The frame with which a group last changed. Later frames are compared with it, so that a slow drift adds up. */
interface Anchor {
  readonly timeMs: number;
  readonly box: Box;
  readonly display: FrameSize;
  readonly centres: ReadonlyMap<number, readonly [number, number]>;
  readonly picture: Float64Array;
  seenAt: number;
}

const REFERENCE_WIDTH = 1280;
/**
 * How far the centre of a box may be from the anchor's: a share of the member's size (the root of its box's area), at
 * least some px of a frame 1280 px wide. Boxes of parked cars jitter by 2 % (measured on the demo clip).
 */
const JITTER = { share: 0.08, leastPx: 4 };
/** A member that would leave its jitter within this time moves, in seconds. */
const LEAVES_WITHIN = 0.5;
/** A picture is compared in cells, 8 a side, by the mean of 6 x 6 sampled pixels each. */
const CELLS = 8;
const SAMPLES = 6;
/** Grey levels (of 255) by which a cell may differ, light evened out, and the cells that may differ by more. */
const TOLERANCE = 16;
const MOST_CHANGED = 1;
/** Variance of the cells (grey levels squared) below which a picture has no contrast to compare. */
const FLAT = 9;
/** Contrast may change by this factor, as when a cloud passes; beyond it the picture is another one. */
const MOST_GAIN = 2.5;

/** Finds the groups in which nothing changes. Costs the same for each group, however large it is. */
export function createGroupStillness(options: GroupStillnessOptions = {}): GroupStillness {
  const { maxAgeSeconds = 6, maxGroups = 400 } = options;
  let anchors = new Map<string, Anchor>();

  /** The anchor while nothing has changed since; else a new one. */
  function follow(group: WatchedGroup, frame: Frame, timeMs: number): Anchor {
    const known = anchors.get(group.groupId);
    if (known === undefined || !isUnchanged(known, group, frame)) return anchorOf(group, frame, timeMs);
    known.seenAt = timeMs;
    return known;
  }

  return {
    since(groups, frame, timeMs) {
      const current = groups.map((group) => [group.groupId, follow(group, frame, timeMs)] as const);
      const names = new Set(current.map(([groupId]) => groupId));
      const unseen = [...anchors].filter(
        ([groupId, { seenAt }]) => !names.has(groupId) && timeMs - seenAt <= maxAgeSeconds * 1000,
      );
      anchors = new Map([...current, ...unseen.toSorted(([, a], [, b]) => b.seenAt - a.seenAt)].slice(0, maxGroups));
      return current.map(([, anchor]) => (anchor.timeMs === timeMs ? null : anchor.timeMs));
    },
    get size() {
      return anchors.size;
    },
  };
}

const anchorOf = ({ bbox, members }: WatchedGroup, frame: Frame, timeMs: number): Anchor => ({
  timeMs,
  box: bbox,
  display: displayOf(frame),
  centres: new Map(members.map(({ trackId, bbox: box }) => [trackId, centre(box)])),
  picture: cellsOf(frame, bbox),
  seenAt: timeMs,
});

function isUnchanged(anchor: Anchor, { members }: WatchedGroup, frame: Frame): boolean {
  const { width, height } = displayOf(frame);
  if (width !== anchor.display.width || height !== anchor.display.height) return false;
  if (members.length !== anchor.centres.size) return false;
  const leastPx = (JITTER.leastPx * width) / REFERENCE_WIDTH;
  for (const { trackId, bbox, velocity } of members) {
    const before = anchor.centres.get(trackId);
    if (before === undefined) return false;
    const jitter = Math.max(leastPx, JITTER.share * Math.sqrt(area(bbox)));
    const [x, y] = centre(bbox);
    if (Math.hypot(x - before[0], y - before[1]) > jitter) return false;
    if (velocity !== null && Math.hypot(...velocity) * LEAVES_WITHIN > jitter) return false;
  }
  // The part of the frame that the anchor saw: the group's own box jitters.
  return looksAlike(anchor.picture, cellsOf(frame, anchor.box));
}

/** Mean grey levels (0..255) of the cells of a box, row by row. Only the sampled pixels are read. */
function cellsOf(frame: Frame, box: Box): Float64Array {
  const { data, width, height } = frame;
  const display = displayOf(frame);
  const [scaleX, scaleY] = [width / display.width, height / display.height];
  const [x1, y1, x2, y2] = [box[0] * scaleX, box[1] * scaleY, box[2] * scaleX, box[3] * scaleY];
  const cells = new Float64Array(CELLS * CELLS);
  const side = CELLS * SAMPLES;
  for (let row = 0; row < side; row++) {
    const y = Math.min(height - 1, Math.max(0, Math.floor(y1 + ((row + 0.5) * (y2 - y1)) / side)));
    for (let column = 0; column < side; column++) {
      const x = Math.min(width - 1, Math.max(0, Math.floor(x1 + ((column + 0.5) * (x2 - x1)) / side)));
      const at = 3 * (y * width + x);
      const grey = 0.299 * (data[at] ?? 0) + 0.587 * (data[at + 1] ?? 0) + 0.114 * (data[at + 2] ?? 0);
      const cell = Math.floor(row / SAMPLES) * CELLS + Math.floor(column / SAMPLES);
      cells[cell] = (cells[cell] ?? 0) + grey / SAMPLES ** 2;
    }
  }
  return cells;
}

/**
 * Whether two pictures differ by light alone, nearly: one is fitted to the other by brightness and contrast (least
 * squares), and the remaining differences count.
 */
function looksAlike(before: Float64Array, now: Float64Array): boolean {
  const [meanBefore, meanNow] = [mean(before), mean(now)];
  let variance = 0;
  let covariance = 0;
  for (const [i, value] of before.entries()) {
    variance += (value - meanBefore) ** 2 / before.length;
    covariance += ((value - meanBefore) * ((now[i] ?? 0) - meanNow)) / before.length;
  }
  const gain = variance < FLAT ? 1 : covariance / variance;
  if (gain > MOST_GAIN || gain < 1 / MOST_GAIN) return false;
  const differs = (value: number, i: number): boolean =>
    Math.abs((now[i] ?? 0) - meanNow - gain * (value - meanBefore)) > TOLERANCE;
  return before.filter(differs).length <= MOST_CHANGED;
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
