/** The truth about a scene, by the definitions of the kinds. */
import type { Truth, TrueEvent, TrueTrack } from '../scene-folder.ts';
import { boxOf, type RecordedTrack, stateOf } from './truth-records.ts';
import { framesOfTracks, pairEvents, queues } from './truth-pairs.ts';
import { FPS, Ground, singleEvents, type TrueHappening } from './truth-singles.ts';
import type { World } from './world.types.ts';

/** A road user whose box is smaller can't be seen well, px. */
const SEEN_PX = 14;
/** An event can be seen from when its actors were for so many frames, in so large a share of them. */
const SEEN_FRAMES = 1.5 * FPS;
const SEEN_SHARE = 0.8;
/** It may be seen from so many frames before its start, to so many after its end. */
const BEFORE_FRAMES = FPS;
const AFTER_FRAMES = FPS;
/** Of a queue, so many must be seen. */
const QUEUE_SEEN = 5;

export function truthOf(recorded: readonly RecordedTrack[], world: World, frames: number): Truth {
  const ground = new Ground(world);
  const present = framesOfTracks(recorded, frames);
  const happenings = [
    ...singleEvents(recorded, ground),
    ...pairEvents(present, ground),
    ...queues(present, ground),
  ].toSorted((a, b) => a.run.first - b.run.first);
  const byId = new Map(recorded.map((track) => [track.id, track]));
  return {
    tracks: recorded.map(trackOf),
    events: happenings.map((happening) => eventOf(happening, byId, frames)),
  };
}

const trackOf = ({ id, class: kind, length, width, height, first, states }: RecordedTrack): TrueTrack => ({
  id,
  class: kind,
  length,
  width,
  height,
  t0: first / FPS,
  states,
});

function eventOf(
  { kind, actors, run, waits, severity }: TrueHappening,
  byId: ReadonlyMap<string, RecordedTrack>,
  frames: number,
): TrueEvent {
  const isSeen = (frame: number): boolean => {
    const seen = actors.filter((id) => {
      const track = byId.get(id);
      const box = track === undefined ? null : boxOf(stateOf(track, frame));
      return box !== null && Math.min(box[2] - box[0], box[3] - box[1]) >= SEEN_PX;
    });
    return seen.length >= (kind === 'queue' ? QUEUE_SEEN : actors.length);
  };
  const from = Math.max(0, run.first - BEFORE_FRAMES);
  const to = Math.min(frames - 1, run.last + AFTER_FRAMES);
  const seen = Array.from({ length: to - from + 1 }, (_, index) => isSeen(from + index));
  const first = seen.findIndex((_, index) => {
    const window = seen.slice(index, index + SEEN_FRAMES);
    return window.length === SEEN_FRAMES && window.filter(Boolean).length >= SEEN_SHARE * SEEN_FRAMES;
  });
  const visible = first >= 0;
  return {
    kind,
    actors,
    start: run.first / FPS,
    end: run.last / FPS,
    peak: run.first / FPS,
    qualifiedAt: (run.first + waits) / FPS,
    severity,
    visible,
    visibleFrom: visible ? Math.max(run.first, from + first) / FPS : null,
  };
}
