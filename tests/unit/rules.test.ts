import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Answer } from '../../src/llm/answer.ts';
import { assessByRules } from '../../src/llm/rules.ts';
import { OBJECT_CLASSES } from '../../src/messages/detection.ts';
import { makeTask, type Sketch } from '../support/assessment-task.ts';

const car = (x: number, y: number, velocity: readonly [number, number] | null): Sketch => ({
  class: 'car',
  at: [x, y, 100, 60],
  velocity,
});
const person = (x: number, y: number, velocity: readonly [number, number] | null): Sketch => ({
  class: 'person',
  at: [x, y, 25, 70],
  velocity,
});
const row = (count: number, velocity: readonly [number, number] | null): Sketch[] =>
  Array.from({ length: count }, (_, i) => car(110 * i, 300, velocity));

const SCENES: readonly (readonly [string, readonly Sketch[], readonly string[]])[] = [
  ['parked cars in a row', row(8, [1, 0]), ['none']],
  ['parked cars whose motion is not known yet', row(8, null), ['none', 'low']],
  ['a queue that crawls', row(8, [45, 0]), ['none', 'low']],
  [
    'people strolling in a group',
    [person(100, 300, [70, 10]), person(140, 305, [65, 5]), person(175, 300, [72, 0])],
    ['none'],
  ],
  [
    'people walking past parked cars',
    [...row(3, [0, 0]), person(120, 365, [80, 0]), person(150, 370, [75, 0])],
    ['none', 'low'],
  ],
  ['a person beside a car whose motion is not known', [car(100, 300, null), person(215, 300, null)], ['low']],
  ['a person right beside a fast car', [car(100, 300, [300, 0]), person(205, 300, [0, 20])], ['high']],
  ['a person near a fast car that has passed', [car(300, 300, [300, 0]), person(250, 300, [0, 10])], ['medium']],
  ['a fast car closing on a near person', [car(100, 300, [260, 0]), person(240, 300, [0, 0])], ['high']],
  ['a car closing on a person further off', [car(100, 300, [120, 0]), person(380, 300, [0, 0])], ['medium']],
  ['a slow car next to a person', [car(100, 300, [50, 0]), person(230, 360, [0, 0])], ['low', 'none']],
  [
    'a person walking towards a standing bus',
    [{ class: 'bus', at: [100, 200, 250, 160], velocity: [0, 0] }, person(380, 280, [-90, 0])],
    ['none', 'low'],
  ],
  ['a car far from a person', [car(100, 300, [300, 0]), person(900, 300, [0, 0])], ['none', 'low']],
  ['two cars head on', [car(100, 300, [200, 0]), car(280, 302, [-200, 0])], ['medium']],
  ['two cars passing in neighbouring lanes', [car(100, 240, [200, 0]), car(180, 330, [-200, 0])], ['none', 'low']],
  ['one fast car close behind another', [car(100, 300, [260, 0]), car(215, 300, [255, 0])], ['low']],
  [
    'a motorcyclist at speed',
    [
      { class: 'motorcycle', at: [100, 300, 60, 60], velocity: [300, 0] },
      { class: 'person', at: [110, 270, 35, 70], velocity: [300, 0] },
      car(500, 300, [300, 0]),
    ],
    ['none', 'low'],
  ],
  [
    'people and a traffic light',
    [person(100, 300, [60, 0]), { class: 'traffic light', at: [120, 200, 20, 50], velocity: [0, 0] }],
    ['none'],
  ],
];

describe('assessment by rules', () => {
  for (const [scene, sketches, levels] of SCENES) {
    it(`${scene}: ${levels.join(' or ')}`, () => {
      const answer = assessByRules(makeTask(sketches), 'en');
      assert.ok(levels.includes(answer.riskLevel), `${answer.riskLevel}: ${answer.description}`);
    });
  }

  it('gives the same level at every resolution', () => {
    for (const [scene, sketches] of SCENES) {
      const level = assessByRules(makeTask(sketches), 'en').riskLevel;
      for (const factor of [0.5, 1.5, 3]) {
        const scaled = sketches.map((sketch) => ({
          ...sketch,
          at: sketch.at.map((value) => value * factor) as unknown as Sketch['at'],
          velocity:
            sketch.velocity === null || sketch.velocity === undefined
              ? null
              : ([sketch.velocity[0] * factor, sketch.velocity[1] * factor] as const),
        }));
        assert.equal(
          assessByRules(makeTask(scaled, { imageWidth: 1280 * factor }), 'en').riskLevel,
          level,
          `${scene} at ${factor}`,
        );
      }
    }
  });

  it('names the objects and quotes the figures in both languages', () => {
    const task = makeTask([car(100, 300, [260, 0]), person(240, 300, [0, 0]), car(600, 300, [0, 0])]);
    const en = assessByRules(task, 'en');
    assert.deepEqual(
      { triggerObjectIds: en.triggerObjectIds, dangerObjectCount: en.dangerObjectCount },
      { triggerObjectIds: [10, 11], dangerObjectCount: 2 },
    );
    assert.equal(en.description, 'A person is 40 px from a vehicle that moves at 260 px/s.');
    const zh = assessByRules(task, 'zh');
    assert.equal(zh.riskLevel, en.riskLevel);
    assert.match(zh.description, /行人.*260.*40/);
    assert.match(zh.riskTypes.join(), /行人靠近快速车辆/);
  });

  it('is less sure when the motion is not known', () => {
    const known = assessByRules(makeTask(row(3, [0, 0])), 'en');
    const unknown = assessByRules(makeTask(row(3, null)), 'en');
    assert.ok(unknown.confidence < known.confidence);
  });

  it('gives a valid answer, and never unknown, for any group', () => {
    const sketch = fc.record({
      class: fc.constantFrom(...OBJECT_CLASSES),
      at: fc.tuple(
        fc.integer({ min: 0, max: 1200 }),
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
      ),
      velocity: fc.option(fc.tuple(fc.integer({ min: -800, max: 800 }), fc.integer({ min: -800, max: 800 }))),
      confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(sketch, { minLength: 2, maxLength: 12 }),
        fc.constantFrom('en', 'zh'),
        (sketches, language) => {
          const answer = Answer.parse(assessByRules(makeTask(sketches), language));
          assert.notEqual(answer.riskLevel, 'unknown');
          assert.equal(answer.riskLevel === 'none', answer.riskTypes.length === 0);
          assert.equal(answer.riskLevel === 'none', answer.triggerObjectIds.length === 0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
