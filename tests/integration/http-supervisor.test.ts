import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FLOW_STAGES, type FlowReport, type NodeList, type SettingList } from '../../src/http/schemas/system-schema.ts';
import { startTestGantry, type TestGantry } from '../support/gantry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let gantry: TestGantry;
let stream: ReadableStreamDefaultReader<Uint8Array>;
let received = '';

before(async () => {
  const folder = temporaryFolder();
  gantry = await startTestGantry(folder, { redisUrl: 'off' });
  const reply = await fetch(new URL('/api/supervisor/events', gantry.url));
  assert.deepEqual(
    { status: reply.status, contentType: reply.headers.get('content-type') },
    { status: 200, contentType: 'text/event-stream; charset=utf-8' },
  );
  stream = reply.body!.getReader();
  void (async () => {
    for (let chunk = await stream.read(); !chunk.done; chunk = await stream.read())
      received += new TextDecoder().decode(chunk.value);
  })().catch(() => undefined);
});
after(async () => {
  await stream?.cancel().catch(() => undefined);
  await gantry?.stop();
});

test('an operator restarts an actor, and everyone who follows the events sees it', async () => {
  const was = gantry.actor('/task-generator').incarnation;
  assert.deepEqual((await gantry.request('POST', '/api/supervisor/restart', { path: '/task-generator' })).json, {
    restarted: '/task-generator',
  });
  assert.equal(gantry.actor('/task-generator').incarnation, was + 1);
  await until(
    'both events',
    () =>
      /event: stopped\ndata: \{[^\n]*"path":"\/task-generator"/.test(received) &&
      /event: started\ndata: \{[^\n]*"path":"\/task-generator","incarnation":2/.test(received),
    3_000,
  );
});

for (const { path, status, code } of [
  { path: '/nobody', status: 404, code: 'UNKNOWN_ACTOR' },
  { path: 'task-generator', status: 400, code: 'INVALID_FIELD' },
  { path: '/../etc', status: 404, code: 'UNKNOWN_ACTOR' },
]) {
  test(`restarting ${path} is refused with ${status}, naming the field`, async () => {
    const { status: got, json } = await gantry.request('POST', '/api/supervisor/restart', { path });
    assert.deepEqual({ status: got, code: json.code, field: json.field }, { status, code, field: 'path' });
  });
}

test('the tree says why and what next', async () => {
  const { json } = await gantry.request('GET', '/api/supervisor/tree');
  assert.equal(json.tree.intensity.left, json.tree.intensity.maxRestarts);
  assert.match(json.tree.why, /^runs/u);
  const scheduler = json.tree.children.find((each: { path: string }) => each.path === '/scheduler');
  assert.deepEqual(
    { onNextFailure: scheduler.onNextFailure, restart: scheduler.restart, type: scheduler.events[0].type },
    { onNextFailure: 'restart', restart: 'permanent', type: 'started' },
  );
  assert.ok(scheduler.nextBackoffMs > 0 && scheduler.busyShare >= 0);
});

test('a running process is among the nodes, and tells its flow and its settings', async () => {
  const get = async (path: string) => (await gantry.request('GET', path)).json as Record<string, unknown[]>;
  const { nodes } = (await get('/api/system/nodes')) as { nodes: NodeList['nodes'] };
  assert.deepEqual(
    nodes.map(({ roles, state, here, url }) => ({ roles, state, here, url })),
    [{ roles: ['cameras', 'scheduler', 'aggregator', 'web'], state: 'present', here: true, url: gantry.url }],
  );
  // Reports of the stages come a moment after the start.
  const stages = await until('a lag of four stages', async () => {
    const flow = (await get('/api/system/flow')) as { stages: FlowReport['stages'] };
    return flow.stages.filter(({ lag }) => lag !== null).length >= 4 ? flow.stages : null;
  });
  assert.deepEqual(
    stages.map(({ name, nodes: having }) => [name, having]),
    FLOW_STAGES.map((name) => [name, 1]),
  );
  const { settings } = (await get('/api/system/settings')) as { settings: SettingList['settings'] };
  assert.equal(settings.find(({ name }) => name === 'GANTRY_LANGUAGE')?.default, 'en');
});
