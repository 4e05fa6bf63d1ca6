import type { Box, ObjectClass } from '../messages/detection.ts';
import type { Identity } from './track-state.types.ts';
import type { TrackedDetection } from './tracking.types.ts';

/** One that has no place on the road: a fixture, or a road user beyond the horizon. Followed in the picture. */
export interface ImageTrack {
  readonly identity: Identity;
  readonly class: ObjectClass;
  readonly box: Box;
  readonly seenAt: number;
}

/** One unseen for longer is forgotten, ms. */
const KEPT_MS = 60_000;
/** Most of them; beyond it the longest unseen is forgotten. */
const MOST = 64;
/** How far one may be from where it was, in sizes of its box. */
const REACH = 1;

const sizeOf = (box: Box): number => Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));

function distance(a: Box, b: Box): number {
  return Math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2;
}

/** Adds the detections of the given indices; `taken` learns the identity of each. */
export function followInImage(
  tracks: readonly ImageTrack[],
  detections: readonly TrackedDetection[],
  indices: readonly number[],
  at: number,
  taken: (index: number, identity: Identity) => void,
): readonly ImageTrack[] {
  const open = new Set(tracks.filter(({ seenAt }) => at - seenAt <= KEPT_MS));
  const seen: ImageTrack[] = [];
  for (const index of indices) {
    const detection = detections[index];
    if (detection === undefined) continue;
    const box = detection.bbox;
    let nearest: ImageTrack | null = null;
    let least = REACH * sizeOf(box);
    for (const track of open) {
      const away = distance(track.box, box);
      if (track.class !== detection.class || away >= least) continue;
      [nearest, least] = [track, away];
    }
    if (nearest !== null) open.delete(nearest);
    const identity = nearest?.identity ?? { id: 0 };
    taken(index, identity);
    seen.push({ identity, class: detection.class, box, seenAt: at });
  }
  return [...seen, ...open].slice(0, MOST);
}
