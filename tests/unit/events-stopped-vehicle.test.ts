import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findIllegalStops } from '../../src/events/illegal-stop.ts';
import { findStoppedVehicles } from '../../src/events/stopped-vehicle.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import type { RoadTrack } from '../../src/tracking/tracking.types.ts';
import { drive, type Drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

const across = (from: number, to: number, [left, right]: Metres = [-200, 200]): Metres[] => [
  [left, from],
  [right, from],
  [right, to],
  [left, to],
];
/**
 * Two lanes to the east; a junction begins at x = 50; on the right-hand lane it is forbidden to stop from x = 0 to 20.
 */
const ROAD: FlatScene = {
  zones: [
    { id: 'right', kind: 'lane', polygon: across(-3.5, 0, [-200, 50]), direction: 0, speedLimitKmh: 50 },
    { id: 'left', kind: 'lane', polygon: across(0, 3.5, [-200, 50]), direction: 0, speedLimitKmh: 50 },
    { id: 'junction', kind: 'junction', polygon: across(-3.5, 3.5, [50, 70]) },
    { id: 'no-stopping', kind: 'no-stopping', polygon: across(-3.5, 0, [0, 20]) },
  ],
};
/** Drives at 10 m/s, brakes for two and a half seconds over 12.5 m, and stands; at second 4.5. */
const stopsAt = (x: number, y: number, trackId: number, changes: Partial<Drive> = {}): RoadTrack =>
  drive({
    trackId,
    place: [x - 32.5, y],
    heading: 0,
    speed: 10,
    legs: [{ seconds: 2 }, { seconds: 2.5, acceleration: -4 }, { seconds: 30 }],
    fps: 1,
    ...changes,
  });
const view = (tracks: RoadTrack[], at = 20) => trafficView({ tracks, scene: ROAD, at });
const stopped = (tracks: RoadTrack[], at?: number) =>
  findStoppedVehicles(view(tracks, at)).flatMap(({ trackIds }) => trackIds);

test('a vehicle that stands on a lane for ten seconds is found, and since when it stands', () => {
  const car = stopsAt(-20, -1.75, 1);
  assert.deepEqual(stopped([car], 14), []);
  const [finding] = findStoppedVehicles(view([car], 16));
  assert.deepEqual([finding?.kind, finding?.trackIds, finding?.zone], ['stopped-vehicle', [1], 'right']);
  assert.ok(Math.abs(finding!.onset - START - 4_500) <= 1_000);
  assert.equal(finding?.endedAt, null);
});

test('beside the lanes, creeping or on a bicycle it is none', () => {
  assert.deepEqual(stopped([stopsAt(-20, -8, 1)]), []);
  const creeping = [{ seconds: 2 }, { seconds: 2.3, acceleration: -4 }, { seconds: 30 }];
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1, { legs: creeping })]), []);
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1, { class: 'bicycle' })]), []);
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1, { class: 'person' })]), []);
});

test('one that waits at a stop line, or behind another, is none', () => {
  assert.deepEqual(stopped([stopsAt(46, -1.75, 1)]), []);
  assert.deepEqual(stopped([stopsAt(46, -1.75, 1), stopsAt(38, -1.75, 2), stopsAt(30, -1.75, 3)]), []);
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1), stopsAt(-28, -1.75, 2)]), [1]);
  // In the other lane, it is not behind.
  assert.deepEqual(stopped([stopsAt(46, 1.75, 1), stopsAt(20, -1.75, 2)]), [2]);
});

test('its time counts from when the one ahead has left', () => {
  const leaves = stopsAt(46, -1.75, 1, {
    legs: [{ seconds: 2 }, { seconds: 2.5, acceleration: -4 }, { seconds: 15 }, { seconds: 3, acceleration: 2 }],
  });
  const stays = stopsAt(30, -1.75, 2);
  assert.deepEqual(stopped([leaves, stays], 22), []);
  assert.deepEqual(stopped([leaves, stays], 29), []);
  assert.deepEqual(stopped([leaves, stays], 32), [2]);
});

test('in a jam nobody is stopped', () => {
  const tracks = [stopsAt(-20, -1.75, 1), stopsAt(-22, 1.75, 2)];
  assert.deepEqual(stopped(tracks), []);
  // Traffic passes.
  const passing = drive({ trackId: 2, place: [-200, 1.75], heading: 0, speed: 10, legs: [{ seconds: 20 }], fps: 1 });
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1), passing]), [1]);
});

test('in a jam that is older than histories nobody is stopped', () => {
  const old = [2, 3].map((trackId) => {
    const track = stopsAt(-22 - 8 * trackId, 1.75, trackId);
    return { ...track, history: track.history.filter(({ at }) => at > START + 6_000) };
  });
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1), ...old]), []);
  // Those were there from the beginning: parked, perhaps.
  const parked = old.map((track) => ({ ...track, bornAt: track.history[0]!.at }));
  assert.deepEqual(stopped([stopsAt(-20, -1.75, 1), ...parked]), [1]);
});

test('one that was never seen to come may be parked', () => {
  const parked = drive({ trackId: 1, place: [-20, -1.75], heading: 0, speed: 0, legs: [{ seconds: 39 }], fps: 1 });
  assert.deepEqual(stopped([parked], 39), []);
});

test('one that was lost a while ago, or was hardly seen while it stood, is none', () => {
  const car = stopsAt(-20, -1.75, 1);
  const without = (from: number, to: number): RoadTrack => ({
    ...car,
    history: car.history.map((point) =>
      point.at > START + from * 1_000 && point.at < START + to * 1_000 ? { ...point, box: null } : point,
    ),
  });
  assert.deepEqual(stopped([without(16, 99)]), []);
  assert.deepEqual(stopped([without(18, 99)]), [1]);
  assert.deepEqual(stopped([without(6, 13)]), []);
});

test('the place may wander as its error does', () => {
  const car = stopsAt(-20, -1.75, 1, { sd: { place: 1.2, speed: 0.6 } });
  const history = car.history.map((point, i) => ({
    ...point,
    place: [point.place[0] + Math.sin(i * 2) * 1.3, point.place[1]] as const,
  }));
  assert.deepEqual(stopped([{ ...car, history }]), [1]);
});

test('in a no-stopping zone it is an illegal stop as well', () => {
  const [finding, ...others] = findIllegalStops(view([stopsAt(10, -1.75, 1)]));
  assert.deepEqual([finding?.kind, finding?.zone, others.length], ['illegal-stop', 'no-stopping', 0]);
  assert.deepEqual(stopped([stopsAt(10, -1.75, 1)]), [1]);
  assert.deepEqual(findIllegalStops(view([stopsAt(10, 1.75, 1)])), []);
  assert.deepEqual(findIllegalStops(view([stopsAt(10, -1.75, 1)], 14)), []);
});

test('both may be switched off', () => {
  const off = { enabled: false };
  const options = {
    tracks: [stopsAt(10, -1.75, 1)],
    scene: ROAD,
    at: 20,
    thresholds: { 'stopped-vehicle': off, 'illegal-stop': off },
  };
  assert.deepEqual([...findStoppedVehicles(trafficView(options)), ...findIllegalStops(trafficView(options))], []);
});

test('one that waits at a crossing beyond the edge of the picture is none', () => {
  // The picture ends at x = 500; of a crossing that begins there the other lane shows a part.
  const lane = across(-3.5, 0, [300, 500]);
  const crossing = across(1, 3.5, [499, 503]);
  const zones = (kind: 'crossing' | 'sidewalk'): FlatScene => ({
    zones: [
      { id: 'lane', kind: 'lane', polygon: lane, direction: 0, speedLimitKmh: 50 },
      { id: 'beyond', kind, polygon: crossing },
    ],
  });
  const found = (kind: 'crossing' | 'sidewalk') =>
    findStoppedVehicles(trafficView({ tracks: [stopsAt(495, -1.2, 1)], scene: zones(kind), at: 20 })).length;
  assert.equal(found('sidewalk'), 1);
  assert.equal(found('crossing'), 0);
});

test('one whose place is off by a lane still waits at its own stop line', () => {
  // It came from the west, and stands where the lane to the west begins.
  const found = (kind: 'crossing' | 'sidewalk', tracks = [stopsAt(46, 1.2, 1)]) =>
    findStoppedVehicles(
      trafficView({
        tracks,
        scene: {
          zones: [
            { id: 'in', kind: 'lane', polygon: across(-3.5, 0, [-300, 50]), direction: 0, speedLimitKmh: 50 },
            { id: 'out', kind: 'lane', polygon: across(0, 3.5, [-300, 50]), direction: 180, speedLimitKmh: 50 },
            { id: 'ahead', kind, polygon: across(-3.5, 3.5, [50, 54]) },
          ],
        },
        at: 20,
      }),
    ).length;
  assert.equal(found('sidewalk'), 1);
  assert.equal(found('crossing'), 0);
  // Behind another that waits there.
  assert.equal(found('crossing', [stopsAt(38, 1.2, 1)]), 1);
  assert.equal(found('crossing', [stopsAt(38, 1.2, 1), stopsAt(46, -0.5, 2)]), 0);
});
