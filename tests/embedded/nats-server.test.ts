import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { connect } from 'nats';
import { natsConfig, startNatsServer } from '../../src/embedded/nats-server.ts';
import { EmbeddedError } from '../../src/embedded/service.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { isAlive, memoryLog, stateRecorder } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('nats-server answers with JetStream and the payload limit we set', async (t) => {
  const server = await startNatsServer({ dataDir: temporaryFolder(), log: memoryLog() });
  t.after(() => server.stop());
  const client = await connect(natsOptions(server.url));
  t.after(() => client.close());
  const streams = await client.jetstreamManager();
  await streams.streams.add({ name: 'tasks', subjects: ['tasks.>'] });
  await client.jetstream().publish('tasks.a', 'hello');
  assert.equal((await streams.streams.info('tasks')).state.messages, 1);
  assert.equal(client.info?.max_payload, 1024 * 1024);
  assert.equal((await streams.getAccountInfo()).limits.max_storage, -1);
  assert.equal(server.durable, true);
  assert.equal(server.notice, null);
});

test('nats-server killed with SIGKILL is back on the same port with its messages', async (t) => {
  const { seen, onState } = stateRecorder();
  const server = await startNatsServer({ dataDir: temporaryFolder(), log: memoryLog(), onState });
  t.after(() => server.stop());
  const client = await connect({ ...natsOptions(server.url), reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  t.after(() => client.close());
  const streams = await client.jetstreamManager();
  await streams.streams.add({ name: 'tasks', subjects: ['tasks.>'] });
  await client.jetstream().publish('tasks.a', 'kept');
  const firstPid = server.pid()!;
  process.kill(firstPid, 'SIGKILL');
  await until('nats-server runs again', () => server.restarts() === 1 && server.state() === 'running');
  assert.notEqual(server.pid(), firstPid);
  assert.deepEqual(seen, ['starting', 'running', 'down', 'starting', 'running']);
  await until('the message is found', async () => {
    const info = await streams.streams.info('tasks').catch(() => null);
    return info?.state.messages === 1;
  });
});

test('nats-server leaves cores to the others, unless the operator says how many it may use', async (t) => {
  const threads = async (): Promise<string | undefined> => {
    const server = await startNatsServer({ dataDir: temporaryFolder(), log: memoryLog() });
    t.after(() => server.stop());
    const variables = (await readFile(`/proc/${server.pid()}/environ`, 'utf8')).split('\0');
    return variables.find((each) => each.startsWith('GOMAXPROCS='));
  };
  const before = process.env['GOMAXPROCS'];
  t.after(() => (before === undefined ? delete process.env['GOMAXPROCS'] : (process.env['GOMAXPROCS'] = before)));
  delete process.env['GOMAXPROCS'];
  assert.equal(await threads(), `GOMAXPROCS=${Math.max(1, Math.floor(availableParallelism() / 4))}`);
  process.env['GOMAXPROCS'] = '7';
  assert.equal(await threads(), 'GOMAXPROCS=7');
});

test('stopping nats-server leaves no process, twice in a row with the same folder', async () => {
  const dataDir = temporaryFolder();
  for (let round = 0; round < 2; round++) {
    const server = await startNatsServer({ dataDir, log: memoryLog() });
    const pid = server.pid()!;
    await Promise.all([server.stop(), server.stop()]);
    assert.equal(isAlive(pid), false);
    assert.equal(server.state(), 'stopped');
    assert.equal(server.pid(), null);
  }
});

test('a second start in a folder that is in use is refused and names the owner', async (t) => {
  const dataDir = temporaryFolder();
  const server = await startNatsServer({ dataDir, log: memoryLog() });
  t.after(() => server.stop());
  await assert.rejects(
    startNatsServer({ dataDir, log: memoryLog() }),
    (error) =>
      error instanceof EmbeddedError && error.code === 'FOLDER_IN_USE' && error.message.includes(String(process.pid)),
  );
  assert.equal(server.state(), 'running');
});

test('another server that answers on the port is not taken for the new one', async (t) => {
  const other = await startNatsServer({ dataDir: temporaryFolder(), log: memoryLog() });
  t.after(() => other.stop());
  const port = Number(new URL(other.url).port);
  const second = startNatsServer({ dataDir: temporaryFolder(), port, log: memoryLog() });
  await assert.rejects(second, { code: 'EXITED_EARLY', message: /address already in use/i });
});

test('a folder with quotes and spaces in its name reaches the configuration unharmed', () => {
  assert.match(
    natsConfig({
      host: '127.0.0.1',
      port: 1,
      credentials: { user: 'u', password: 'p' },
      storeDir: '/a "b"/c d',
      storeMb: 1,
    }),
    /store_dir: "\/a \\"b\\"\/c d"/,
  );
});
