import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { until } from '../support/until.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');

/** Starts examples/NAME.ts as a person would; it is ended with the test. */
function start(t: TestContext, name: string, ...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [join(EXAMPLES, `${name}.ts`), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NATS_URL: '', REDIS_URL: '', GANTRY_TOKEN: undefined },
  });
  // 'exit' may come before the last of the output.
  const exited = once(child, 'close').then(([code]) => code as number | null);
  t.after(() => {
    child.kill('SIGKILL');
    return exited;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  return { child, exited, output: () => output };
}

test('a camera without a provider is assessed by rules, and a viewer follows the feed', async (t) => {
  const camera = start(t, 'camera-without-provider');
  const url = await until('its address', () => /^open (http:\S+)/m.exec(camera.output())?.[1], 60_000);

  const viewer = start(t, 'feed-viewer', url, 'demo', '--frames', '3');
  assert.equal(await viewer.exited, 0, viewer.output());
  const frames = viewer.output().match(/^detection_result demo \S+Z: risk \w+ by \w+$/gm) ?? [];
  assert.equal(frames.length, 3, viewer.output());
  assert.match(viewer.output(), /^camera_status \{.*"cameraId":"demo"/m);

  await until('groups assessed by rules', () =>
    /objects in [1-9]\d* groups, risk \w+ by rules\n {2}\w+: ./.test(camera.output()),
  );
  camera.child.kill('SIGINT');
  assert.equal(await camera.exited, 0, camera.output());
});

test('a viewer without a server says so and tries again', async (t) => {
  const viewer = start(t, 'feed-viewer', 'http://127.0.0.1:9');
  await until('two attempts', () => (viewer.output().match(/^not connected: .+$/gm)?.length ?? 0) >= 2);
});

test('an actor system answers, restarts a failed actor, and keeps what its vault has', async (t) => {
  const bank = start(t, 'actor-system');
  assert.equal(await bank.exited, 0, bank.output());
  assert.match(bank.output(), /^refused: the actor failed while handling "serve"/m);
  assert.match(bank.output(), /^Cleo deposited 20 with incarnation 2 of \/tellers\/ann$/m);
  assert.match(bank.output(), /^in the vault: 30$/m);
});

test('every example is run here', () => {
  const names = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ts'));
  assert.deepEqual(names.toSorted(), ['actor-system.ts', 'camera-without-provider.ts', 'feed-viewer.ts']);
});
