import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalysisWindow } from '../../src/ingest/analysis-window.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { blankPicture } from '../support/fake-stream.ts';
import { IngestWorld } from '../support/ingest-world.ts';

test('cameras take turns at the places of the window', () => {
  const window = new AnalysisWindow(2, new ManualClock());
  const begun: string[] = [];
  const ask = (cameraId: string): void => window.ask(cameraId, () => begun.push(cameraId));
  for (const cameraId of ['a', 'b', 'c', 'd', 'a', 'c']) ask(cameraId);
  assert.deepEqual(begun, ['a', 'b']);
  assert.equal(window.waiting, 3, 'each camera waits once');
  window.done('b');
  assert.deepEqual(begun, ['a', 'b', 'c']);
  window.done('a');
  window.done('c');
  assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'a'], 'a camera that asks again is behind those that waited');
  window.forget('d');
  window.done('d');
  assert.equal(window.waiting, 0);
});

test('a camera has one place; one that never says that it is done loses it', async () => {
  const clock = new ManualClock();
  const window = new AnalysisWindow(1, clock);
  const begun: string[] = [];
  window.ask('a', () => begun.push('a'));
  window.ask('a', () => begun.push('a again'));
  window.ask('b', () => begun.push('b'));
  await clock.advance(9_000);
  window.tick();
  assert.deepEqual(begun, ['a'], 'its picture is being decoded');
  window.handed('a');
  await clock.advance(2_000);
  window.tick();
  assert.deepEqual(begun, ['a']);
  await clock.advance(1_000);
  window.tick();
  assert.deepEqual(begun, ['a', 'a again']);
  window.forget('a');
  assert.deepEqual(begun, ['a', 'a again', 'b']);
});

test('pictures of look-backs have a quarter of the places, one a camera, while no regular picture waits', async () => {
  const window = new AnalysisWindow(8, new ManualClock());
  const sent: string[] = [];
  const burst = (cameraId: string): void =>
    void window.askForBurst(cameraId).then((hasPlace) => sent.push(`${cameraId} ${hasPlace}`));
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (const cameraId of ['a', 'a', 'b', 'c']) burst(cameraId);
  await settled();
  assert.deepEqual(sent, ['a true', 'b true']);
  for (let n = 0; n < 7; n += 1) window.ask(`r${n}`, () => undefined);
  window.doneWithBurst('a');
  window.doneWithBurst('b');
  await settled();
  assert.equal(window.waiting, 0);
  assert.deepEqual(sent.slice(2), ['a true'], 'r6 got the place of one of them');
  window.ask('r7', () => undefined);
  window.doneWithBurst('a');
  await settled();
  assert.equal(sent.length, 3, 'r7 was first');
  window.done('r0');
  await settled();
  assert.deepEqual(sent.slice(3), ['c true']);
});

test('a picture of a look-back waits for a bounded time, and in bounded number', async () => {
  const clock = new ManualClock();
  const window = new AnalysisWindow(1, clock);
  window.ask('r', () => undefined);
  const outcomes = { waited: 0, dropped: 0 };
  const burst = (cameraId: string): void =>
    void window.askForBurst(cameraId).then((hasPlace) => void (outcomes[hasPlace ? 'waited' : 'dropped'] += 1));
  for (let n = 0; n < 30; n += 1) burst('a');
  await clock.advance(0);
  assert.deepEqual(outcomes, { waited: 0, dropped: 6 });
  for (let n = 0; n < 200; n += 1) burst(`b${n}`);
  await clock.advance(0);
  assert.deepEqual(outcomes, { waited: 0, dropped: 6 + 96 });
  window.forget('a');
  await clock.advance(2_900);
  assert.deepEqual(outcomes, { waited: 0, dropped: 6 + 96 + 24 });
  window.done('r');
  await clock.advance(100);
  window.tick();
  await clock.advance(0);
  assert.deepEqual(outcomes, { waited: 1, dropped: 229 }, 'the others waited for three seconds');
  burst('c');
  await clock.advance(0);
  assert.equal(outcomes.waited, 1);
  await clock.advance(3_000);
  window.tick();
  burst('d');
  await clock.advance(0);
  assert.equal(outcomes.waited, 2, 'a place that was held for too long is free again');
});

test('when cameras are slow all of them slow down alike, and what they get is young', async (t) => {
  const busy: string[] = [];
  const ages: number[] = [];
  const counts = new Map<string, number>();
  const it = new IngestWorld({
    mostAnalysed: 2,
    onPicture: (cameraId, _picture, at) => {
      busy.push(cameraId);
      ages.push(it.clock.now() - at);
      counts.set(cameraId, (counts.get(cameraId) ?? 0) + 1);
    },
  });
  t.after(() => it.ingest.stop());
  it.decoders.answer = blankPicture();
  const cameras = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const sessions = [];
  for (const cameraId of cameras) sessions.push(await it.online(cameraId));
  // One picture is analysed in half a second, and the cameras want four a second.
  for (let tick = 1; tick <= 600; tick += 1) {
    await it.clock.advance(100);
    if (tick % 10 === 0) for (const session of sessions) session.unit(true);
    if (tick % 20 === 0) for (const cameraId of cameras) it.follow(cameraId);
    const done = tick % 5 === 0 ? busy.shift() : undefined;
    if (done !== undefined) it.ingest.analysed(done, false);
  }
  const all = [...counts.values()];
  assert.equal(all.length, cameras.length);
  assert.ok(Math.max(...all) - Math.min(...all) <= 2, `pictures by camera: ${all.join(' ')}`);
  assert.ok(Math.max(...ages) <= 1_000, `the oldest picture had ${Math.max(...ages)} ms`);
  assert.ok(it.ingest.figures().counts.skipped.replaced > 0);
});
