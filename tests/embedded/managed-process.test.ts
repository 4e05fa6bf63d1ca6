import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManagedProcess, restartDelay } from '../../src/embedded/managed-process.ts';
import { EmbeddedError } from '../../src/embedded/service.ts';
import type { EmbeddedErrorCode } from '../../src/embedded/service.ts';
import { isAlive, memoryLog, stateRecorder } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hasCode = (code: EmbeddedErrorCode, pattern: RegExp) => (error: unknown) =>
  error instanceof EmbeddedError && error.code === code && pattern.test(error.message);
const never = (): Promise<void> => new Promise(() => undefined);
const shell = (script: string) => ({ name: 'thing', command: 'sh', args: ['-c', script], log: memoryLog() });

test('a program that does not exist is named in the error', async () => {
  await assert.rejects(
    ManagedProcess.start({ name: 'thing', command: '/nowhere/thing', args: [], ready: never, log: memoryLog() }),
    hasCode('SPAWN_FAILED', /\/nowhere\/thing.*ENOENT/),
  );
});

test('a program that ends before it is ready shows its last words, and is not started again', async () => {
  const { seen, onState } = stateRecorder();
  await assert.rejects(
    ManagedProcess.start({ ...shell('echo cannot bind >&2; exit 3'), ready: never, onState }),
    hasCode('EXITED_EARLY', /status 3.*cannot bind/),
  );
  assert.deepEqual(seen, ['starting', 'stopped']);
});

test('a program that never becomes ready is ended', async () => {
  const starting = ManagedProcess.start({ ...shell('echo $$; exec sleep 60'), ready: never, readyTimeoutMs: 1_500 });
  const error: unknown = await starting.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(hasCode('NOT_READY', /after 1\.5 s: \d+$/)(error), String(error));
  assert.equal(isAlive(Number(/\d+$/.exec(String(error))?.[0])), false);
});

test('a program that dies over and over is started again with growing pauses until it is stopped', async (t) => {
  let starts = 0;
  const log = memoryLog();
  const managed = await ManagedProcess.start({
    ...shell('sleep 0.05; exit 1'),
    log,
    ready: () => {
      starts += 1;
      return Promise.resolve();
    },
  });
  t.after(() => managed.stop());
  await until('it was started three times', () => starts >= 3);
  await managed.stop();
  const after = starts;
  assert.equal(managed.state(), 'stopped');
  assert.equal(managed.restarts(), after - 1);
  assert.ok(log.lines.filter((line) => line.includes('ended with status 1')).length >= 2);
});

test('the pause before a restart doubles up to ten seconds', () => {
  assert.deepEqual([1, 2, 3, 6, 7, 100].map(restartDelay), [200, 400, 800, 6400, 10_000, 10_000]);
});

test('stopping during the pause before a restart does not wait for it', async (t) => {
  const managed = await ManagedProcess.start({ ...shell('exit 1'), ready: () => Promise.resolve() });
  t.after(() => managed.stop());
  await until('it is down', () => managed.state() === 'down');
  await managed.stop();
  assert.equal(managed.state(), 'stopped');
  assert.equal(managed.pid(), null);
});

test('a program that ignores SIGTERM is killed at the deadline', async (t) => {
  const log = memoryLog();
  const mark = join(temporaryFolder(), 'trap-is-set');
  const managed = await ManagedProcess.start({
    ...shell(`trap "" TERM; touch ${mark}; while :; do sleep 0.05; done`),
    log,
    ready: async () => void (await until('the trap is set', () => existsSync(mark))),
    stopTimeoutMs: 200,
  });
  t.after(() => managed.stop());
  const pid = managed.pid()!;
  await managed.stop();
  assert.equal(isAlive(pid), false);
  assert.match(log.lines.join('\n'), /did not end after SIGTERM/);
});
