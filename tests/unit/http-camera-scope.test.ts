import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CameraScope, type GroupChange } from '../../src/http/access/camera-scope.ts';
import type { CameraGroups } from '../../src/messages/camera.ts';
import type { Principal } from '../../src/messages/principal.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

const of = (...groups: string[]): Principal => ({ name: 'ann', role: 'viewer', groups, via: 'session' });
const everything: Principal = { ...of(), groups: null };

/** A scope over a list that the test changes. */
function scopeOf(cameras: CameraGroups[]) {
  const clock = new ManualClock();
  const world = { cameras, failing: false, reads: 0, gate: Promise.resolve() };
  const scope = new CameraScope({
    list: async () => {
      world.reads += 1;
      const listed = [...world.cameras];
      await world.gate;
      if (world.failing) throw new Error('NATS is down');
      return listed;
    },
    clock,
    log: memoryLog(),
  });
  return { clock, world, scope };
}

test('a principal sees the cameras that share a group with it; one without groups sees all', async () => {
  const { scope } = scopeOf([
    { cameraId: 'a', groups: ['north', 'bridges'] },
    { cameraId: 'b', groups: [] },
  ]);
  await scope.refresh();
  assert.equal(scope.sees(of('bridges'), 'a'), true);
  assert.equal(scope.sees(of('south', 'north'), 'a'), true);
  assert.equal(scope.sees(of('south'), 'a'), false);
  assert.equal(scope.sees(of('north'), 'b'), false, 'a camera without groups');
  assert.equal(scope.sees(of(), 'a'), false, 'a principal with an empty list of groups');
  assert.equal(scope.sees(of('north'), 'unknown'), false);
  assert.equal(scope.sees(everything, 'unknown'), true);
});

test('a change is told at once, and a list that was read before it does not undo it', async () => {
  const { scope, world } = scopeOf([{ cameraId: 'a', groups: ['north'] }]);
  await scope.refresh();
  const changes: GroupChange[] = [];
  scope.onChange((change) => changes.push(change));

  const open = Promise.withResolvers<void>();
  world.gate = open.promise;
  const reading = scope.refresh();
  scope.note('a', ['south']);
  assert.equal(scope.sees(of('south'), 'a'), true);
  open.resolve();
  await reading;
  assert.equal(scope.sees(of('north'), 'a'), false, 'the old list is not believed');
  assert.deepEqual(changes, [{ cameraId: 'a', before: ['north'], after: ['south'] }]);

  await scope.refresh();
  assert.equal(scope.sees(of('north'), 'a'), true, 'the next list is');
});

test('a removed camera keeps its groups, and so do all while the list cannot be read', async () => {
  const { scope, world, clock } = scopeOf([{ cameraId: 'a', groups: ['north'] }]);
  scope.start();
  await clock.advance(0);
  world.failing = true;
  await clock.advance(6_000);
  assert.ok(world.reads >= 2);
  assert.equal(scope.sees(of('north'), 'a'), true);
  world.failing = false;
  world.cameras = [{ cameraId: 'b', groups: ['north'] }];
  await clock.advance(6_000);
  assert.equal(scope.sees(of('north'), 'b'), true);
  assert.equal(scope.sees(of('north'), 'a'), true);
  const { reads } = world;
  scope.close();
  await clock.advance(60_000);
  assert.equal(world.reads, reads);
});
