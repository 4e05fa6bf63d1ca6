import type { Box, DetectedObject, ObjectClass, TrafficGroup } from '../messages/detection.ts';
import { centre, union } from './geometry.ts';
import { groupFeatures } from './group-features.ts';
import { round } from './round.ts';

export interface GroupingOptions {
  /** Objects whose centres are at most this far apart are linked, in px of a frame 1280 px wide. Default 150. */
  readonly linkDistance?: number;
  /** Groups with fewer members are not reported, at least 2. Default 2. */
  readonly minMembers?: number;
}

/** A group of one frame, not yet named over frames. */
export type FrameGroup = Omit<TrafficGroup, 'groupId'>;

const REFERENCE_WIDTH = 1280;
/** Image ids count groups of a frame up to this number. */
const MAX_GROUPS = 999;
/** Fixtures: context, never members of a group. */
const FIXTURES: ReadonlySet<ObjectClass> = new Set<ObjectClass>(['traffic light', 'stop sign']);

/**
 * Clusters the road users of a frame. Two are linked when their box centres are close, and groups are the connected
 * components (single linkage by union-find, Tarjan 1975). A grid with cells of the link distance limits the comparison
 * to neighbouring cells. Groups are in the order of their first member; `groupIndex` counts from 1.
 */
export function groupObjects(
  objects: readonly DetectedObject[],
  frameWidth: number,
  options: GroupingOptions = {},
): FrameGroup[] {
  const { linkDistance = 150, minMembers = 2 } = options;
  const members = components(objects, (linkDistance * frameWidth) / REFERENCE_WIDTH);
  return members
    .filter((indices) => indices.length >= Math.max(2, minMembers))
    .slice(0, MAX_GROUPS)
    .map((indices, position) => describe(indices, objects, position + 1));
}

/** Indices of the objects of each connected component. `distance` in px of the frame. */
function components(objects: readonly DetectedObject[], distance: number): number[][] {
  const parent = objects.map((_, i) => i);
  const find = (i: number): number => {
    let at = i;
    for (let up = parent[at] ?? at; up !== at; up = parent[at] ?? at) {
      parent[at] = parent[up] ?? up;
      at = up;
    }
    return at;
  };
  const cells = new Map<string, { readonly index: number; readonly x: number; readonly y: number }[]>();
  for (const [index, object] of objects.entries()) {
    if (FIXTURES.has(object.class)) continue;
    const [x, y] = centre(object.bbox);
    const column = Math.floor(x / distance);
    const row = Math.floor(y / distance);
    for (let c = column - 1; c <= column + 1; c++) {
      for (let r = row - 1; r <= row + 1; r++) {
        for (const other of cells.get(`${c},${r}`) ?? []) {
          // The smaller index becomes the root, so that a component is named by its first member.
          if (Math.hypot(x - other.x, y - other.y) <= distance) join(find(index), find(other.index));
        }
      }
    }
    const cell = cells.get(`${column},${row}`) ?? [];
    cell.push({ index, x, y });
    cells.set(`${column},${row}`, cell);
  }
  function join(a: number, b: number): void {
    parent[Math.max(a, b)] = Math.min(a, b);
  }
  const byRoot = new Map<number, number[]>();
  for (const [index] of objects.entries()) {
    const root = find(index);
    const known = byRoot.get(root);
    if (known === undefined) byRoot.set(root, [index]);
    else known.push(index);
  }
  return [...byRoot.values()];
}

function describe(indices: readonly number[], objects: readonly DetectedObject[], groupIndex: number): FrameGroup {
  const members = indices.flatMap((index) => objects[index] ?? []);
  const bbox = members.map((member) => member.bbox).reduce((all: Box, box) => union(all, box));
  const confidence = members.reduce((sum, member) => sum + member.confidence, 0) / members.length;
  return {
    groupIndex,
    objectCount: members.length,
    classes: [...new Set(members.map((member) => member.class))].toSorted(),
    bbox,
    averageConfidence: round(confidence, 4),
    memberIndices: [...indices],
    features: groupFeatures(members, bbox),
  };
}
