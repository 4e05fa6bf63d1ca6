import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { endLeftover, parseStat, writePidFile } from '../../src/embedded/leftover.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { isAlive, memoryLog } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the server left behind by a Gantry that was killed is ended at the next start', async (t) => {
  const dataDir = temporaryFolder();
  const gantry = spawn(process.execPath, [join(import.meta.dirname, 'orphan.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(gantry.stdout, 'data')) as [Buffer];
  const orphan = Number(line.toString());
  gantry.kill('SIGKILL');
  await once(gantry, 'exit');
  assert.equal(isAlive(orphan), true, 'the server outlives its killed owner');

  const log = memoryLog();
  const server = await startNatsServer({ dataDir, log });
  t.after(() => server.stop());
  assert.notEqual(server.pid(), orphan);
  await until('the orphan is gone', () => !isAlive(orphan));
  assert.match(log.lines.join('\n'), /killed Gantry had left behind/);
});

test('a process that merely got the number of a former server is left alone', async (t) => {
  const file = join(temporaryFolder(), 'some.pid.json');
  const bystander = spawn('sleep', ['60']);
  t.after(() => bystander.kill('SIGKILL'));
  await writePidFile(file, bystander.pid!, ['sleep', '60']);
  const note = JSON.parse(await readFile(file, 'utf8')) as {
    owner: { pid: number; startTime: string };
    child: { startTime: string };
  };
  note.owner.startTime = '1';
  note.child.startTime = '1';
  await writeFile(file, JSON.stringify(note));
  assert.equal(await endLeftover(file), 'none');
  assert.equal(isAlive(bystander.pid!), true);
  assert.equal(existsSync(file), false);
});

test('a process of the same number and start but another program is left alone', async (t) => {
  const file = join(temporaryFolder(), 'some.pid.json');
  const bystander = spawn('sleep', ['60']);
  t.after(() => bystander.kill('SIGKILL'));
  await writePidFile(file, bystander.pid!, ['/opt/nats-server', '--config', 'x']);
  assert.equal(await endLeftover(file), 'none');
  assert.equal(isAlive(bystander.pid!), true);
});

test('a leftover that ignores SIGTERM is killed at the deadline', async (t) => {
  const file = join(temporaryFolder(), 'some.pid.json');
  const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => stubborn.kill('SIGKILL'));
  await once(stubborn.stdout, 'data');
  await writePidFile(file, stubborn.pid!, ['sh']);
  const note = JSON.parse(await readFile(file, 'utf8')) as { owner: { startTime: string } };
  note.owner.startTime = '1';
  await writeFile(file, JSON.stringify(note));
  const exited = once(stubborn, 'exit');
  assert.deepEqual(await endLeftover(file, 200), { pid: stubborn.pid, forced: true });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
});

test('a note cut off by a crash is no leftover', async () => {
  const file = join(temporaryFolder(), 'some.pid.json');
  await writeFile(file, '{"owner":{"pid":');
  assert.equal(await endLeftover(file), 'none');
});

test('start times are read past names with spaces and parentheses; a zombie is not alive', () => {
  const after = [
    '1',
    '1',
    '1',
    '0',
    '-1',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
    '20',
    '0',
    '1',
    '0',
    '4711',
    '99',
  ];
  assert.deepEqual(parseStat(5, `5 (a ) (b) S ${after.join(' ')}`), { pid: 5, startTime: '4711' });
  assert.equal(parseStat(5, `5 (x) Z ${after.join(' ')}`), null);
  assert.equal(parseStat(5, ''), null);
});
