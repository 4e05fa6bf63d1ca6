import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { AssessmentTask, type LastAssessed } from '../../src/messages/task.ts';
import { priorityOf, tasksOf } from '../../src/tasks/explode.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { priorOf } from '../../src/tasks/prior.ts';
import { CALM, detection, group } from '../support/samples.ts';

test('each group becomes one valid task with its members, a deterministic id and an expiry', () => {
  const frame = detection(2);
  const tasks = tasksOf(frame, { validityMs: 30_000 });
  assert.deepEqual(
    tasks.map((task) => task.taskId),
    [`${frame.requestId}_group1`, `${frame.requestId}_group2`],
  );
  for (const task of tasks) {
    AssessmentTask.parse(task);
    assert.equal(task.members.length, 2);
    assert.equal(Date.parse(task.expiresAt) - Date.parse(frame.timestamp), 30_000);
    assert.equal(task.traceId, frame.traceId);
  }
  assert.deepEqual(tasksOf(detection([]), { validityMs: 1 }), []);
});

test('a question says how likely danger is, until when an answer is fresh, and what was answered last', () => {
  const near = { personCount: 1, minPersonVehicleDistance: 0, maxSpeed: 500 };
  const last: LastAssessed = { at: new Date(1_699_999_990_000).toISOString(), level: 'low', prior: 0.1 };
  const frame = detection([group(1, near), group(2)]);
  const lastAssessed = (groupId: string) => (groupId === 'g2' ? last : null);
  const freshness = { ...DEFAULT_FRESHNESS, freshnessMs: 3_000 };
  const [first, second] = tasksOf(frame, { validityMs: 30_000, freshness, lastAssessed });
  assert.deepEqual(first?.prior, priorOf(frame.trafficGroups[0]!.features, 1280));
  assert.ok((first?.prior?.value ?? 0) > (second?.prior?.value ?? 1));
  assert.deepEqual([first?.lastAssessed, second?.lastAssessed], [undefined, last]);
  assert.equal(Date.parse(first?.freshUntil ?? '') - Date.parse(frame.timestamp), 3_000);
  assert.equal(first?.prompt, undefined);
  const own = detection(1, { freshnessSeconds: 0.5, prompt: 'a school crossing' });
  const [task] = tasksOf(own, { validityMs: 30_000, freshness });
  assert.equal(Date.parse(task?.freshUntil ?? '') - Date.parse(own.timestamp), 500, "the camera's own");
  assert.equal(task?.prompt, 'a school crossing');
});

test('a group in which nothing changed since its last answer is not asked about, until that is too old', () => {
  const FRAME = 1_700_000_000_000;
  const at = (secondsBefore: number): string => new Date(FRAME - secondsBefore * 1_000).toISOString();
  const asked = (unchangedSince: string | undefined, assessedAt: string, over: Partial<Detection> = {}): number => {
    const still = { ...group(1), ...(unchangedSince === undefined ? {} : { unchangedSince }) };
    const lastAssessed = (): LastAssessed => ({ at: assessedAt, level: 'high', prior: 0 });
    return tasksOf(detection([still, group(2)], over), { validityMs: 1_000, lastAssessed }).length - 1;
  };
  assert.equal(asked(at(30), at(20)), 0);
  assert.equal(asked(at(20), at(20)), 0, 'assessed in the frame since which it is unchanged');
  assert.equal(asked(at(10), at(20)), 1, 'it changed after the assessed frame');
  assert.equal(asked(undefined, at(20)), 1, 'it changed with this frame');
  assert.equal(asked(at(90), at(59.9)), 0);
  assert.equal(asked(at(90), at(60)), 1, 'a minute is over');
  assert.equal(asked(at(30), at(20), { replayOf: newRequestId() }), 1, 'a replayed frame is assessed whole');
});

test('tasks of a replayed frame wait their turn: no freshness, no earlier answer', () => {
  const lastAssessed = (): LastAssessed => ({ at: new Date().toISOString(), level: 'high', prior: 0 });
  const frame = detection(1, { replayOf: newRequestId(), prompt: 'a school crossing' });
  const [task] = tasksOf(frame, { validityMs: 30_000, replayedAt: 1_700_000_900_000, lastAssessed });
  assert.deepEqual(
    [task?.priority, task?.freshUntil, task?.lastAssessed, task?.prompt],
    [1, undefined, undefined, 'a school crossing'],
  );
  assert.equal(Date.parse(task?.expiresAt ?? ''), 1_700_000_930_000);
  assert.ok((task?.prior?.value ?? 0) > 0);
});

for (const { name, features, priority } of [
  {
    name: 'a person near a moving vehicle',
    features: { personCount: 1, minPersonVehicleDistance: 20, maxSpeed: 400 },
    priority: 5,
  },
  {
    name: 'a person near a vehicle that closes in',
    features: { personCount: 1, minPersonVehicleDistance: 0, maxClosingSpeed: 200 },
    priority: 5,
  },
  {
    name: 'a person near a parked vehicle',
    features: { personCount: 1, minPersonVehicleDistance: 20, maxSpeed: 0 },
    priority: 4,
  },
  { name: 'two vehicles closing in fast', features: { maxClosingSpeed: 300 }, priority: 4 },
  { name: 'persons and vehicles, apart', features: { personCount: 1, minPersonVehicleDistance: 300 }, priority: 3 },
  { name: 'fast vehicles', features: { maxSpeed: 300 }, priority: 3 },
  { name: 'vehicles', features: {}, priority: 2 },
  { name: 'persons among themselves', features: { vehicleCount: 0, personCount: 4 }, priority: 1 },
]) {
  test(`${name}: priority ${priority}`, () => assert.equal(priorityOf({ ...CALM, ...features }, 1280), priority));
}

test('distances and speeds scale with the width of the frame', () => {
  const features = { ...CALM, personCount: 1, minPersonVehicleDistance: 50, maxSpeed: 100 };
  assert.equal(priorityOf(features, 1280), 4);
  assert.equal(priorityOf(features, 640), 3);
});
