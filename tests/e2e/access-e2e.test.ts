import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestGantry } from '../support/gantry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Runs the program to its end; for starts that are refused. */
function refused(
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ readonly code: unknown; readonly output: string }> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:GANTRY_|HOST$)/u.test(name)));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, 'src', 'main.ts'), '--no-demo', '--port', '0', ...args],
      { env: { ...clean, ...env }, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ code: error?.code, output: stdout + stderr }),
    );
  });
}

test('a listener beyond this machine without a token ends the start, before anything is written', async () => {
  const folder = temporaryFolder();
  const data = ['--data-dir', join(folder, 'data')];
  const cases: readonly (readonly [Record<string, string>, string[], RegExp])[] = [
    [{}, ['--host', '0.0.0.0'], /HOST \(--host\) is 0\.0\.0\.0.*GANTRY_TOKEN.*GANTRY_OPEN=yes/u],
    [{ HOST: '::', GANTRY_TOKEN: '' }, [], /HOST \(--host\) is ::,.*GANTRY_TOKEN/u],
    [{ HOST: '0.0.0.0', GANTRY_TOKEN: 'letmein' }, [], /GANTRY_TOKEN has fewer than 12 characters/u],
    [{ HOST: '0.0.0.0', GANTRY_OPEN: 'true' }, [], /GANTRY_OPEN must be yes.*"true"/u],
    [{ HOST: '0.0.0.0', GANTRY_TOKEN_FILE: join(folder, 'none') }, [], /GANTRY_TOKEN_FILE: .*none cannot be read/u],
  ];
  for (const [env, args, message] of cases) {
    const { code, output } = await refused(env, ...data, ...args);
    assert.equal(code, 2, output);
    assert.match(output, message);
    assert.ok(!output.includes('letmein'));
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('an open listener is said to be open, and readiness follows NATS', async (t) => {
  const folder = temporaryFolder();
  const gantry = await startTestGantry(folder, { host: '0.0.0.0', open: true, redisUrl: 'off' });
  t.after(() => gantry.stop());
  const { notices } = (await gantry.request('GET', '/api/health')).json;
  assert.ok(
    notices.some((notice: string) => /anyone who reaches 0\.0\.0\.0.*GANTRY_TOKEN/u.test(notice)),
    notices.join('\n'),
  );
  const ready = async (): Promise<unknown> => {
    const { status, json } = await gantry.request('GET', '/readyz');
    return [status, json];
  };
  assert.deepEqual(await ready(), [200, { status: 'ok' }]);
  const pidFile = readdirSync(join(folder, 'nats')).find((name) => name.endsWith('.pid.json'));
  assert.ok(pidFile !== undefined);
  const { child } = JSON.parse(readFileSync(join(folder, 'nats', pidFile), 'utf8'));
  // One that is killed is back before anybody asks; one that stands still stays away.
  process.kill(child.pid, 'SIGSTOP');
  try {
    await until('readiness to end', async () => JSON.stringify(await ready()) === '[503,{"status":"down"}]', 60_000);
    assert.equal((await gantry.request('GET', '/livez')).status, 200, 'the process itself is well');
  } finally {
    process.kill(child.pid, 'SIGCONT');
  }
  await until('readiness to come back', async () => JSON.stringify(await ready()) === '[200,{"status":"ok"}]', 60_000);
});
