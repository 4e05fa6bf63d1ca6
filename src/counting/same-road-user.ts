import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { CountedTrack } from './counted-track.ts';

/** A road user may be lost for so long, and get another track. */
export const LOST_MS = 4_000;
/** How far it may be from where it was to be: in m, and as shares of the way that it went unseen. */
const ALONG = { metres: 3, share: 0.4 };
const ACROSS = { metres: 1.5, share: 0.1 };
/** Two that move go the same way within this cosine. */
const SAME_WAY = 0.5;
const MOVES = 1;
/** Two tracks have the same places within this, in m. */
const SAME_PLACE = 1.5;

/** The ended track that `next` goes on with, the nearest one; null for none. */
export function predecessorOf(next: CountedTrack, ended: Iterable<CountedTrack>): CountedTrack | null {
  const [first] = next.track.history;
  if (first === undefined) return null;
  let best: { readonly track: CountedTrack; readonly metres: number } | null = null;
  for (const track of ended) {
    if (track === next || track.track.kind !== next.track.kind || track.so.last === null) continue;
    const metres = distanceFrom(track, first);
    if (metres !== null && (best === null || metres < best.metres)) best = { track, metres };
  }
  return best?.track ?? null;
}

/** From where the lost track was to be when the other began; null when the two are no road user's. */
function distanceFrom({ track, seenAt }: CountedTrack, first: TrackPoint): number | null {
  const seconds = (first.at - seenAt) / 1_000;
  if (seconds <= 0 || seconds * 1_000 > LOST_MS) return null;
  const last = track.history.findLast(({ at }) => at <= seenAt);
  if (last === undefined) return null;
  const speed = Math.hypot(...last.velocity);
  const speedAfter = Math.hypot(...first.velocity);
  if (speed > MOVES && speedAfter > MOVES && dot(last.velocity, first.velocity) < SAME_WAY * speed * speedAfter)
    return null;
  const mean: Metres = [(last.velocity[0] + first.velocity[0]) / 2, (last.velocity[1] + first.velocity[1]) / 2];
  const off: Metres = [
    first.place[0] - last.place[0] - mean[0] * seconds,
    first.place[1] - last.place[1] - mean[1] * seconds,
  ];
  const way = Math.hypot(...mean);
  const along = way === 0 ? Math.hypot(...off) : Math.abs(dot(off, mean)) / way;
  const across = Math.sqrt(Math.max(0, Math.hypot(...off) ** 2 - along ** 2));
  const unseen = way * seconds;
  if (along > ALONG.metres + ALONG.share * unseen || across > ACROSS.metres + ACROSS.share * unseen) return null;
  return Math.hypot(...off);
}

const dot = (a: Metres, b: Metres): number => a[0] * b[0] + a[1] * b[1];

/** Whether `next` has the places of a track that a look-back has taken back. */
export function replaces(next: RoadTrack, gone: RoadTrack): boolean {
  if (next.kind !== gone.kind) return false;
  const before = new Map(gone.history.map(({ at, place }) => [at, place]));
  const apart = next.history.flatMap(({ at, place }) => {
    const other = at <= gone.seenAt ? before.get(at) : undefined;
    return other === undefined ? [] : [Math.hypot(place[0] - other[0], place[1] - other[1])];
  });
  return apart.length > 0 && apart.reduce((sum, metres) => sum + metres, 0) / apart.length < SAME_PLACE;
}
