import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssessmentTask } from '../../src/messages/task.ts';
import { priorityOf, tasksOf } from '../../src/tasks/explode.ts';
import { CALM, detection } from '../support/samples.ts';

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
