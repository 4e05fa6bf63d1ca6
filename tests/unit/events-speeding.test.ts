import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findShoulderUse } from '../../src/events/shoulder-use.ts';
import { findSpeeding } from '../../src/events/speeding.ts';
import { drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

const ROAD: FlatScene = {
  limitKmh: 50,
  zones: [
    {
      id: 'lane',
      kind: 'lane',
      polygon: [
        [-200, -3.5],
        [200, -3.5],
        [200, 0],
        [-200, 0],
      ],
      direction: 0,
      speedLimitKmh: 100,
    },
    {
      id: 'shoulder',
      kind: 'shoulder',
      polygon: [
        [-200, -6.5],
        [200, -6.5],
        [200, -3.5],
        [-200, -3.5],
      ],
    },
  ],
};
const CAR = { trackId: 7, place: [-150, -1.75], heading: 0, speed: 36, legs: [{ seconds: 4 }], fps: 1 } as const;
const view = (changes: Partial<Parameters<typeof drive>[0]> = {}, open = false) =>
  trafficView({
    tracks: [drive({ ...CAR, ...changes })],
    scene: ROAD,
    open: open ? [{ kind: 'speeding', trackIds: [7] }] : [],
  });
const speeding = (changes: Partial<Parameters<typeof drive>[0]> = {}, open = false) =>
  findSpeeding(view(changes, open));

test('faster than 1.2 times the limit of the lane for two seconds is speeding', () => {
  const [finding] = speeding();
  assert.equal(finding?.onset, START);
  assert.equal(finding.zone, 'lane');
  assert.ok(Math.abs(finding.evidence.speedKmh! - 129.6) < 0.1);
  assert.equal(finding.evidence.limitKmh, 100);
  assert.equal(finding.severity, 'low');
});

test('less fast, for less long or without certainty is none', () => {
  // 1.19 and 1.21 times 100 km/h.
  assert.deepEqual(speeding({ speed: 33.05 }), []);
  assert.equal(speeding({ speed: 33.8 }).length, 1);
  assert.deepEqual(speeding({ legs: [{ seconds: 1.9 }], fps: 10 }), []);
  assert.deepEqual(speeding({ sd: { speed: 4 } }), []);
  assert.deepEqual(speeding({ class: 'bicycle' }), []);
});

test('outside zones with a limit the limit of the scene holds', () => {
  const [finding] = speeding({ place: [-150, 20], speed: 20 });
  assert.equal(finding?.evidence.limitKmh, 50);
  assert.equal(finding.severity, 'medium');
  const nowhere = trafficView({ tracks: [drive(CAR)], scene: {} });
  assert.deepEqual(findSpeeding(nowhere), []);
});

test('while an incident is open a little less keeps it', () => {
  assert.equal(speeding({ speed: 33.05 }, true).length, 1);
  assert.deepEqual(speeding({ speed: 30 }, true), []);
});

test('it ends when the car brakes', () => {
  const [finding] = speeding({ legs: [{ seconds: 3 }, { seconds: 2, acceleration: -5 }], fps: 5 });
  assert.ok(finding!.endedAt! >= START + 2_800 && finding!.endedAt! <= START + 4_000);
});

const onShoulder = (changes: Partial<Parameters<typeof drive>[0]> = {}) =>
  findShoulderUse(view({ place: [-150, -5.1], speed: 20, ...changes }));

test('a car that drives on the shoulder uses it', () => {
  const [finding] = onShoulder();
  assert.equal(finding?.kind, 'shoulder-use');
  assert.equal(finding.zone, 'shoulder');
  assert.equal(finding.evidence.speedKmh, 72);
});

test('one that stands there, touches it or may be in the lane does not', () => {
  assert.deepEqual(onShoulder({ speed: 2.7 }), []);
  assert.equal(onShoulder({ speed: 2.9 }).length, 1);
  assert.deepEqual(onShoulder({ legs: [{ seconds: 1.4 }], fps: 10 }), []);
  assert.deepEqual(onShoulder({ place: [-150, -3.4] }), []);
  assert.deepEqual(onShoulder({ sd: { place: 2 } }), []);
  assert.deepEqual(onShoulder({ class: 'person' }), []);
});

test('its beginning lies between the last slower frame and the first faster one', () => {
  // Passes 33.3 m/s at second 4.4, in a gap without detections.
  const car = drive({
    trackId: 7,
    place: [-195, -1.75],
    heading: 0,
    speed: 20,
    legs: [{ seconds: 8, acceleration: 3 }],
    fps: 1,
  });
  const history = car.history.filter(({ at }) => at <= START + 3_000 || at >= START + 6_000);
  const [finding] = findSpeeding(trafficView({ tracks: [{ ...car, history }], scene: ROAD, at: 8 }));
  assert.ok(Math.abs(finding!.onset - START - 4_444) < 50);
});

test('one that drives out of sight at speed is still fast a moment later', () => {
  const fast = { ...CAR, place: [-195, -1.75], speed: 41, fps: 5, legs: [{ seconds: 1.8 }] } as const;
  const [finding] = findSpeeding(trafficView({ tracks: [drive(fast)], scene: ROAD, at: 3 }));
  assert.equal(finding?.kind, 'speeding');
  assert.equal(finding.endedAt, null);
  // At this speed it may have braked at once.
  assert.deepEqual(findSpeeding(trafficView({ tracks: [drive({ ...fast, speed: 34 })], scene: ROAD, at: 3 })), []);
});

test('one that was seen fast twice, far apart, may be two', () => {
  const car = drive({ ...CAR, place: [-195, -1.75], speed: 41, fps: 1, legs: [{ seconds: 8 }] });
  const history = car.history.filter(({ at }) => at <= START + 1_000 || at >= START + 4_000);
  const tracks = [{ ...car, history: history.filter(({ at }) => at <= START + 4_000), hits: 4 }];
  assert.deepEqual(findSpeeding(trafficView({ tracks, scene: ROAD, at: 4 })), []);
});

test('a parked car that is at speed two seconds later has been mixed up with another', () => {
  const parked = drive({ ...CAR, place: [-190, -1.75], speed: 0, legs: [{ seconds: 3 }] });
  const other = drive({ ...CAR, place: [-160, -1.75], speed: 36, from: 5, legs: [{ seconds: 4 }] });
  const mixed = { ...other, history: [...parked.history, ...other.history] };
  assert.deepEqual(findSpeeding(trafficView({ tracks: [mixed], scene: ROAD })), []);
});

test('far off the lanes and badly known, a fast place is an error', () => {
  const off = { place: [-150, 20], speed: 20 } as const;
  assert.deepEqual(speeding({ ...off, sd: { place: 2.5 } }), []);
  assert.equal(speeding({ speed: 36, sd: { place: 2.5 } }).length, 1);
});

test('where the calibration leaves doubt of lengths, a little faster is not speeding', () => {
  const doubted = (speed: number, doubt: number) => {
    const one = view({ speed });
    const plane = { ...one.scene.plane, scaleDoubt: () => doubt };
    return findSpeeding({ ...one, scene: { ...one.scene, plane } }).length;
  };
  assert.equal(doubted(36, 0.02), 1);
  assert.equal(doubted(36, 0.1), 0);
  assert.equal(doubted(45, 0.1), 1);
});
