import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { writeRuntimeFile } from '../../src/app/runtime-file.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { Behaviour, ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask, questionTask } from '../support/assessment-task.ts';
import { gantryWith } from '../support/gantry-here.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const GOOD = 'sk-good-0123456789abcdef';
const BAD = 'sk-revoked-0123456789abcdef';
let folder: string;
let simulator: ProviderSimulator;

before(async () => {
  folder = temporaryFolder();
  simulator = await startProviderSimulator({
    keys: [
      { name: 'good', key: GOOD, qps: 50, rpm: 60 },
      { name: 'revoked', key: BAD, qps: 5, rpm: 60 },
    ],
  });
  simulator.revoke('revoked');
});
after(async () => {
  await simulator.close();
});

async function gantry(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ readonly code: number; readonly out: string }> {
  const { code, out, err } = await gantryWith(env, ...args);
  for (const secret of [GOOD, BAD, 'correct horse battery'])
    assert.ok(!`${out}${err}`.includes(secret), 'no secret is printed');
  return { code, out: `${out}${err}` };
}
const keyFile = async (name: string, entries: readonly object[]): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify({ base_url: simulator.url, model: simulator.model, api_keys: entries }));
  return file;
};

test('verify calls every key once and says which one does not work', async () => {
  const file = await keyFile('both.yaml', [
    { name: 'good', key: '${GOOD}' },
    { name: 'revoked', key: '${BAD}' },
  ]);
  const { code, out } = await gantry(['keys', 'verify', '--keys', file], { GOOD, BAD });
  assert.equal(code, 1);
  assert.match(out, /good +\S+ +ok +\d+ ms +\d+/);
  assert.match(out, /^key +model +result +latency +tokens +limits seen$/m);
  assert.match(
    out,
    /^good .* x-ratelimit-limit-requests=60 x-ratelimit-remaining-requests=59 x-ratelimit-reset-requests=60\.000s$/m,
  );
  assert.match(out, /revoked +\S+ +rejected-key/);
  assert.match(out, /^revoked .* -$/m, 'who refuses a key tells it no limits');
  assert.match(out, /1 of 2 keys do not work/);
  assert.deepEqual(
    simulator
      .calls()
      .map(({ key }) => key)
      .toSorted(),
    ['good', 'revoked'],
  );
  const one = await gantry(['verify-keys', '--keys', file, '--key', 'good', '--json'], { GOOD, BAD });
  assert.equal(one.code, 0);
  assert.equal(JSON.parse(one.out)[0].result, 'ok');
  assert.equal(JSON.parse(one.out)[0].limits['x-ratelimit-remaining-requests'], '58');
  assert.equal(
    (await gantry(['keys', 'verify', '--keys', file], { GOOD })).code,
    1,
    'a key without its variable does not work',
  );
});

test('verify finds what real calls would: parameters to leave out, arrears, waits, reasons', async () => {
  const file = await keyFile('found.yaml', [{ name: 'good', key: '${GOOD}', max_output_tokens: 700 }]);
  const verify = () => gantry(['keys', 'verify', '--keys', file], { GOOD });
  for (const [kind, code, message] of [
    ['stream-only', 0, /good: works, with adapted calls: streamed/],
    ['max-completion-tokens', 0, /good: works, with adapted calls: max_completion_tokens/],
    ['json-thinking', 0, /good: works, with adapted calls: response_format none/],
    ['arrears', 1, /good: arrears: 400 Access denied/],
    ['model-missing', 1, /good: check model and base_url: model sim-vl cannot be used: 404/],
    ['gemini-429', 1, /good: wait 3\.5 s \(quota\): 429 You exceeded/],
    ['inspection', 1, /good +\S+ +content-refused/],
    ['html-200', 1, /good: a page was returned in place of an answer/],
    ['odd-level', 1, /good +\S+ +unreadable/],
  ] as const satisfies readonly (readonly [Behaviour['kind'], number, RegExp])[]) {
    const end = simulator.setBehaviour({ kind });
    const ended = await verify();
    end();
    assert.equal(ended.code, code, `${kind}: ${ended.out}`);
    assert.match(ended.out, message, kind);
  }
});

test('encrypt, use, decrypt: the way there and back, readable by the owner only', async () => {
  const file = await keyFile('plain.yaml', [{ name: 'good', key: GOOD }]);
  const env = { GANTRY_KEYS_SECRET: 'correct horse battery' };
  assert.equal((await gantry(['keys', 'encrypt', '--in', file], env)).code, 0);
  const sealed = join(folder, 'plain.enc');
  assert.ok(!(await readFile(sealed, 'utf8')).includes(GOOD));
  assert.equal((await stat(sealed)).mode & 0o777, 0o600);
  const text = await readFile(file, 'utf8');
  await rm(file);
  assert.equal((await gantry(['keys', 'verify', '--keys', file], env)).code, 0);
  assert.equal((await gantry(['keys', 'decrypt', '--in', sealed, '--out', file], env)).code, 0);
  assert.equal(await readFile(file, 'utf8'), text);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a bad call says what is wrong, and with which code', async () => {
  const file = await keyFile('some.yaml', [{ name: 'good', key: '${GOOD}' }]);
  const secret = { GANTRY_KEYS_SECRET: 'correct horse battery' };
  const cases: readonly [readonly string[], Record<string, string>, number, RegExp][] = [
    [['keys'], {}, 2, /usage/],
    [['keys', 'nonsense'], {}, 2, /Unknown argument: nonsense/],
    [['keys', 'encrypt', '--in', file], {}, 1, /GANTRY_KEYS_SECRET/],
    [['encrypt-keys', '--in', join(folder, 'nothing.yaml')], secret, 1, /no file/],
    [['keys', 'encrypt', '--in', file, '--out', file], secret, 1, /already/],
    [['keys', 'encrypt', '--in', file], { GANTRY_KEYS_SECRET: 'short' }, 1, /at least 12/],
    [['keys', 'encrypt', '--in', file], { GANTRY_KEYS_SECRET_FILE: join(folder, 'none') }, 1, /cannot be read/],
    [['keys', 'decrypt', '--in', file, '--out', join(folder, 'x')], secret, 1, /not a file made by/],
    [
      ['keys', 'decrypt', '--in', join(folder, 'plain.enc'), '--out', join(folder, 'x')],
      { GANTRY_KEYS_SECRET: 'another password' },
      1,
      /another secret/,
    ],
    [['keys', 'verify', '--timeout', 'soon'], {}, 2, /--timeout/],
    [['keys', 'verify', '--keys', join(folder, 'nothing.yaml')], {}, 1, /no key to call with/],
    [['queue', '--over', '0'], {}, 2, /--over/],
    [['queue', '--data-dir', join(folder, 'nothing')], {}, 1, /no Gantry runs/],
    [['queue'], { NATS_URL: 'nats://user:hidden@127.0.0.1:1', GANTRY_DATA_DIR: folder }, 1, /does not answer/],
  ];
  for (const [args, env, code, message] of cases) {
    const ended = await gantry(args, env);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.out}`);
    assert.match(ended.out, message, args.join(' '));
    assert.ok(!ended.out.includes('hidden'));
  }
});

test('queue shows depth, age and rate of the questions and per priority', async (t) => {
  const nats: EmbeddedService = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
  t.after(() => nats.stop());
  const bus = await NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log: memoryLog() });
  t.after(() => bus.close());
  await writeRuntimeFile(folder, {
    pid: process.pid,
    httpUrl: 'http://127.0.0.1:1',
    natsUrl: nats.url,
    redisUrl: null,
  });
  const tasks = [5, 5, 5, 1].map((priority) => plainTask({ priority: priority === 5 ? 5 : 1 }));
  for (const task of tasks)
    await bus.publish(subjects.task(task.priority, task.cameraId), task, { ...task }, task.taskId);
  // Of the group g1 only the newer question stays.
  for (const task of ['g1', 'g1', 'g2'].map((groupId) => questionTask({ groupId })))
    await bus.publish(
      subjects.question(task.priority, task.cameraId, task.group.groupId),
      task,
      { ...task },
      task.taskId,
    );
  const consumer = await bus.pull({ stream: streams.tasks, durable: consumers.scheduler(5), parser: AssessmentTask });
  assert.equal((await consumer.fetch(1, 30_000)).length, 1);
  const { code, out } = await gantry(['queue', '--data-dir', folder, '--over', '0.2', '--json']);
  assert.equal(code, 0, out);
  const rows: any[] = JSON.parse(out);
  assert.deepEqual(
    rows.map(({ priority, waiting, inFlight }) => [priority, waiting, inFlight]),
    [
      [null, 2, 0],
      [5, 2, 1],
      [4, 0, 0],
      [3, 0, 0],
      [2, 0, 0],
      [1, 1, 0],
    ],
  );
  assert.deepEqual(
    rows.map(({ oldestMs }) => oldestMs !== null && oldestMs > 0),
    [true, true, false, false, false, true],
  );
  const shown = (await gantry(['queue', '--data-dir', folder, '--over', '0.1'])).out;
  assert.match(shown, /questions +2 +0 +\d+\.\d s/);
  assert.match(shown, /p5 +2 +1 +\d+\.\d s/);
});
