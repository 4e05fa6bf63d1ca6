import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateScene } from '../../bench/danger/generator/generate.ts';
import type { DangerScene } from '../../bench/danger/scene-folder.ts';
import type { EventKind } from '../../src/messages/scene-constants.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { incidentsAt, mirrored, played, stretch, thinned } from '../support/danger-scenes.ts';

/** A generated scene of each kind: its world and seed, and the seconds before the event that are played. */
const SCENES: readonly (readonly [EventKind, string, number, number])[] = [
  ['collision', 'street', 29, 16],
  ['near-miss', 'avenue', 4, 8],
  ['near-miss-person', 'avenue', 24, 8],
  ['wrong-way', 'street', 4, 8],
  ['stopped-vehicle', 'street', 2, 8],
  ['illegal-stop', 'street', 1, 8],
  ['person-on-road', 'avenue', 4, 8],
  ['shoulder-use', 'motorway', 6, 8],
  ['speeding', 'avenue', 4, 8],
  ['tailgating', 'street', 13, 8],
  ['hard-braking', 'street', 1, 8],
  ['queue', 'street', 3, 8],
  ['u-turn', 'avenue', 6, 8],
];

/** An event is found at most so many seconds after its definition was met in view; a conflict is over by then. */
const WITHIN = 4;
/** Played after that moment, s. */
const AFTER = 5;

interface Stretch {
  readonly scene: DangerScene;
  /** Seconds from its beginning to the moment the event's definition is met in view. */
  readonly at: number;
}
const made = new Map<EventKind, Stretch>();

/** Made once for the tests of its kind. */
function sceneOf(one: (typeof SCENES)[number]): Stretch {
  const known = made.get(one[0]) ?? makeScene(one);
  made.set(one[0], known);
  return known;
}

function makeScene([kind, world, seed, before]: (typeof SCENES)[number]): Stretch {
  const seconds = kind === 'queue' ? 62 : 45;
  const whole = generateScene({ seed, kind, seconds, worlds: [world] });
  const event = whole.truth.events.find((one) => one.kind === kind && one.visible);
  assert.ok(event, `${whole.name} has its event`);
  const seen = Math.max(event.qualifiedAt, event.visibleFrom ?? 0);
  const from = Math.floor(Math.max(0, Math.max(event.start, event.visibleFrom ?? 0) - before));
  return { scene: stretch(whole, from, seen + AFTER), at: seen - from };
}

/** Seconds from `at` to the first alarm about an event of the kind; null: none. */
function foundAfter(scene: DangerScene, kind: EventKind, at: number): number | null {
  const [score] = played(scene).scores;
  const found = score?.events.filter(({ event, alarm }) => event.kind === kind && alarm !== null);
  const times = found?.flatMap(({ alarm }) => (alarm === null ? [] : [alarm.t - at])) ?? [];
  return times.length === 0 ? null : Math.min(...times);
}

for (const one of SCENES) {
  const [kind, , seed] = one;
  test(`${kind} is found in time in noisy detections, and as well in a mirror`, () => {
    const { scene, at } = sceneOf(one);
    const found = foundAfter(scene, kind, at);
    assert.ok(found !== null && found <= WITHIN, `found after ${found} s`);
    const inMirror = foundAfter(mirrored(scene), kind, at);
    assert.ok(inMirror !== null && inMirror <= WITHIN, `in the mirror found after ${inMirror} s`);
  });

  test(`${kind} is the same at another time of another day`, () => {
    const { scene } = sceneOf(one);
    const [now, later] = [incidentsAt(scene, 0), incidentsAt(scene, 86_401_237)];
    assert.ok(now.length > 0);
    const named = (incidents: typeof now): unknown => incidents.map(({ kind: name, trackIds }) => [name, trackIds]);
    assert.deepEqual(named(later), named(now));
    // Paths of pairs are compared at tenths of a second of the clock.
    for (const [i, { onset }] of now.entries()) assert.ok(Math.abs((later[i]?.onset ?? 0) - onset) <= 100);
  });

  test(`${kind} is told once, even when a third of the detections is lost`, () => {
    const { scene } = sceneOf(one);
    const random = seededRandom(seed);
    const { alarms } = played(thinned(scene, () => random() < 1 / 3));
    const boxes = alarms.filter((alarm) => alarm.kind === kind).map(({ bboxes }) => JSON.stringify(bboxes));
    assert.equal(new Set(boxes).size, boxes.length, 'the same place twice');
    const most = scene.truth.events.filter((event) => event.kind === kind).length;
    assert.ok(boxes.length <= most + 1, `${boxes.length} alarms for ${most} events`);
  });
}

test('quiet traffic raises no alarm', () => {
  for (const [world, seed] of [
    ['street', 3],
    ['motorway', 5],
    ['priority', 2],
  ] as const) {
    const scene = generateScene({ seed, kind: null, seconds: 20, worlds: [world] });
    const { scores } = played(scene);
    assert.deepEqual(
      scores.flatMap(({ falseAlarms }) => falseAlarms.map(({ kind, t }) => `${scene.name}: ${kind} at ${t} s`)),
      [],
    );
  }
});

test('a scene is the same whenever it is made', () => {
  const make = (): DangerScene => generateScene({ seed: 7, kind: 'hard-braking', seconds: 20, worlds: ['street'] });
  assert.deepEqual(make(), make());
});
