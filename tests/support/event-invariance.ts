import assert from 'node:assert/strict';
import type { EventFinder, Finding } from '../../src/events/events.types.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../../src/tracking/tracking.types.ts';
import { boxOf, START, trafficView } from './road-tracks.ts';
import type { FlatScene, ViewOptions } from './road-tracks.ts';

/** A motion of the plane that keeps distances, perhaps mirrored, and a shift in time. */
interface Motion {
  readonly name: string;
  readonly degrees: number;
  readonly mirrored: boolean;
  readonly by: Metres;
  readonly seconds: number;
}
const MOTIONS: readonly Motion[] = [
  { name: 'rotated by 37 degrees', degrees: 37, mirrored: false, by: [0, 0], seconds: 0 },
  { name: 'rotated by 180 degrees and moved', degrees: 180, mirrored: false, by: [31, -17], seconds: 0 },
  { name: 'mirrored', degrees: 0, mirrored: true, by: [0, 0], seconds: 0 },
  { name: 'mirrored and rotated by 211 degrees', degrees: 211, mirrored: true, by: [-5, 8], seconds: 0 },
  { name: 'an hour later', degrees: 0, mirrored: false, by: [0, 0], seconds: 3600 },
];

const angle = (motion: Motion, degrees: number): number => (motion.mirrored ? -degrees : degrees) + motion.degrees;

function turn(motion: Motion, [x, y]: Metres): Metres {
  const radians = (motion.degrees * Math.PI) / 180;
  const up = motion.mirrored ? -y : y;
  return [x * Math.cos(radians) - up * Math.sin(radians), x * Math.sin(radians) + up * Math.cos(radians)];
}
function move(motion: Motion, place: Metres): Metres {
  const [x, y] = turn(motion, place);
  return [x + motion.by[0], y + motion.by[1]];
}

function movedTrack(motion: Motion, track: RoadTrack): RoadTrack {
  const ms = motion.seconds * 1000;
  const first = track.history.find(({ velocity }) => Math.hypot(...velocity) > 0)?.velocity ?? [1, 0];
  let direction = turn(motion, first);
  const boxAt = (point: TrackPoint): TrackPoint['box'] => {
    if (Math.hypot(...point.velocity) > 0) direction = turn(motion, point.velocity);
    return point.box && boxOf(move(motion, point.place), Math.atan2(direction[1], direction[0]), track.size);
  };
  return {
    ...track,
    heading: track.heading === null ? null : (angle(motion, (track.heading * 180) / Math.PI) * Math.PI) / 180,
    bornAt: track.bornAt + ms,
    seenAt: track.seenAt + ms,
    history: track.history.map((point) => ({
      ...point,
      at: point.at + ms,
      place: move(motion, point.place),
      velocity: turn(motion, point.velocity),
      box: boxAt(point),
    })),
  };
}

function movedScene(motion: Motion, scene: FlatScene): FlatScene {
  return {
    ...scene,
    zones: (scene.zones ?? []).map((zone) => ({
      ...zone,
      polygon: zone.polygon.map((corner) => move(motion, corner)),
      ...(zone.direction !== undefined && { direction: angle(motion, zone.direction) }),
    })),
  };
}

/** Errors of boxes are not the same along and across the picture: what is fitted to them differs a little. */
const SLACK_MS = 100;
const slack = (value: number): number => Math.max(0.1, 0.05 * Math.abs(value));

const inOrder = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => (a.trackIds[0] ?? 0) - (b.trackIds[0] ?? 0) || a.onset - b.onset);

function alike(moved: readonly Finding[], findings: readonly Finding[], ms: number, name: string): void {
  const same = ({ kind, trackIds, zone, severity, endedAt }: Finding): unknown => [
    kind,
    trackIds,
    zone,
    severity,
    endedAt === null,
  ];
  const [now, before] = [inOrder(moved), inOrder(findings)];
  assert.deepEqual(now.map(same), before.map(same), `the same when ${name}`);
  for (const [i, finding] of before.entries()) {
    assert.ok(Math.abs(now[i]!.onset - ms - finding.onset) <= SLACK_MS, `the onset when ${name}`);
    for (const [key, value] of Object.entries(finding.evidence)) {
      const other = now[i]!.evidence[key as keyof Finding['evidence']] ?? null;
      const isAlike = value === null || other === null ? value === other : Math.abs(value - other) <= slack(value);
      assert.ok(isAlike, `${key} when ${name}: ${other} instead of ${value}`);
    }
  }
}

/**
 * The finder says the same of a scene that is rotated, mirrored, moved or later. Returns the findings, so that the
 * caller can say which they have to be.
 */
export function sameHoweverSeen(find: EventFinder, world: ViewOptions): readonly Finding[] {
  const findings = find(trafficView(world));
  for (const motion of MOTIONS) {
    const newest = Math.max(...world.tracks.map((track) => track.history.at(-1)?.at ?? START));
    const at = (world.at ?? (newest - START) / 1000) + motion.seconds;
    const tracks = world.tracks.map((track) => movedTrack(motion, track));
    const moved = find(trafficView({ ...world, tracks, at, scene: movedScene(motion, world.scene ?? {}) }));
    alike(moved, findings, motion.seconds * 1000, motion.name);
  }
  return findings;
}
