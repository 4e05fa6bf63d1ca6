import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import sharp from 'sharp';
import { SCHEDULER } from '../../src/actors/scheduler/scheduler.types.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { JetStreamImages } from '../../src/infra/nats/image-store.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { startTestGantry, type TestGantry } from '../support/gantry.ts';
import { plainPng } from '../support/jpeg.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const available = (await ensureRedisServer()).binary !== null;
/** Provider and tests share two cores: a call may be late by more than over any network. */
const GUARD_MS = 1_000;
const QPS = 4;
const PICTURES = 20;
/** Questions at once: more than one node takes. */
const QUESTIONS = 8;
/** A release's model. */
const NEXT_MODEL = 'sim-next';
/** A way back must hold on all nodes within a second; a busy machine has ten. */
const ROLLBACK_MS = 10_000;
/** Both nodes, the provider and other tests share two cores. */
const SLOW_MS = 60_000;

describe(
  'two whole nodes on one NATS and one Redis',
  available ? {} : { skip: 'there is no real redis-server on this machine' },
  () => {
    let folder: string;
    let nats: EmbeddedService;
    let redis: EmbeddedService;
    let provider: ProviderSimulator;
    let a: TestGantry;
    let b: TestGantry;
    let png: Buffer;

    before(async () => {
      folder = temporaryFolder();
      png = await plainPng(320, 180);
      nats = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
      redis = await startRedisServer({ dataDir: join(folder, 'redis'), log: memoryLog() });
      const keys = ['one', 'two', 'three', 'four'].map((name) => ({
        name,
        key: `two-nodes-${name}-0123456789`,
        qps: QPS,
        rpm: 60,
      }));
      for (const { name, key } of keys) process.env[`TWO_NODES_${name.toUpperCase()}`] = key;
      // Without it no key that was added on one node is taken by the other.
      process.env['GANTRY_KEYS_SECRET'] = 'a secret of the two nodes';
      provider = await startProviderSimulator({
        keys,
        latency: { medianMs: 60, p95Ms: 200 },
        otherModels: [NEXT_MODEL],
      });
      await keyFile(['one', 'two']);
      [a, b] = [await startNode('a'), await startNode('b')];
    });
    after(async () => {
      await Promise.all([a?.stop(), b?.stop()]);
      delete process.env['GANTRY_KEYS_SECRET'];
      await provider?.close();
      await nats?.stop();
      await redis?.stop();
    });

    const entry = (name: string) => ({
      name,
      key: `\${TWO_NODES_${name.toUpperCase()}}`,
      qps_limit: QPS,
      rpm_limit: 60,
      price_per_1k_input: 1,
    });
    const keyFile = (names: readonly string[], scheduler: object = {}): Promise<void> =>
      writeFile(
        join(folder, 'api_keys.yaml'),
        JSON.stringify({
          base_url: provider.url,
          model: provider.model,
          scheduler: { transit_guard_ms: GUARD_MS, ...scheduler },
          api_keys: names.map(entry),
        }),
      );
    async function startNode(name: string): Promise<TestGantry> {
      const dataDir = join(folder, name);
      await mkdir(dataDir, { recursive: true });
      return startTestGantry(dataDir, {
        natsUrl: nats.url,
        redisUrl: redis.url,
        keysFile: join(folder, 'api_keys.yaml'),
      });
    }
    const keysOf = async (node: TestGantry): Promise<any[]> => (await node.request('GET', '/api/keys')).json.keys;
    const keyOf = async (node: TestGantry, name: string): Promise<any> =>
      (await keysOf(node)).find((key) => key.name === name);
    async function change(node: TestGantry, method: string, path: string, body?: unknown): Promise<void> {
      const { status, json } = await node.request(method, path, body);
      assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
      assert.deepEqual({ shared: json.shared, persisted: json.persisted }, { shared: true, persisted: true });
    }
    async function hand(node: TestGantry): Promise<string> {
      const form = new FormData();
      form.append('image', new Blob([new Uint8Array(png)]), 'x.png');
      const reply = await fetch(new URL('/api/assessments', node.url), { method: 'POST', body: form });
      const body: any = await reply.json();
      assert.equal(reply.status, 202, JSON.stringify(body));
      return body.id;
    }
    const callsOf = async (node: TestGantry): Promise<number> =>
      (await node.request('GET', '/api/scheduler/stats')).json.data.total_calls;
    const judged = (id: string): Promise<any> =>
      until(
        'it is judged',
        async () => {
          const { json } = await b.request('GET', `/api/assessments/${id}`);
          return json.state === 'queued' ? null : json;
        },
        SLOW_MS,
      );

    it('both schedule on the same keys and no window of any key is exceeded; usage counts what both did', async () => {
      const results: { readonly state: string; readonly source: string }[] = [];
      let shares: readonly number[] = [0, 0];
      // One that has no processor for a while may leave all of a round to the other.
      for (let round = 0; round < 5 && !shares.every((calls) => calls > 0); round++) {
        const ids: string[] = [];
        for (let i = 0; i < PICTURES / 2; i++) ids.push(...(await Promise.all([hand(a), hand(b)])));
        results.push(...(await Promise.all(ids.map(judged))));
        shares = await Promise.all([a, b].map(callsOf));
      }
      assert.ok(
        shares.every((calls) => calls > 0),
        `calls of each: ${shares.join(', ')}`,
      );
      assert.deepEqual(new Set(results.map(({ state, source }) => `${state} ${source}`)), new Set(['done vlm']));
      assert.deepEqual(provider.violations(), []);
      assert.equal(provider.calls().filter(({ status }) => status === 429).length, 0);
      for (const node of [a, b]) {
        const usage = await until('usage counts both', async () => {
          const { json } = await node.request('GET', '/api/usage');
          return json.calls === provider.calls().length ? json : null;
        });
        assert.ok(usage.complete && usage.cost > 0);
      }
    });

    it('the other node judges by a release of this one, and its rollback holds there soon', async (t) => {
      const bus = await NatsBus.open({ url: nats.url, startTimeoutMs: SLOW_MS, log: memoryLog() });
      t.after(() => bus.close());
      const images = new JetStreamImages(bus);
      const jpeg = await sharp(png).jpeg().toBuffer();
      const ask = async (): Promise<readonly AssessmentResult[]> => {
        const tasks = Array.from({ length: QUESTIONS }, () => plainTask({ cameraId: 'street' }));
        await Promise.all(
          tasks.map(async (task) => {
            await images.put(task.group.cropId!, jpeg, task.cameraId);
            await bus.publish(subjects.task(task.priority, task.cameraId), task, task, task.taskId);
          }),
        );
        const ids = new Set(tasks.map(({ taskId }) => taskId));
        const stored = { stream: streams.results, parser: AssessmentResult, from: { seq: 1 }, limit: 1_000 } as const;
        return until(
          'all are judged',
          async () => {
            const ours = (await bus.read(stored)).map(({ body }) => body).filter(({ taskId }) => ids.has(taskId));
            return ours.length === QUESTIONS ? ours : null;
          },
          SLOW_MS,
        );
      };
      /** The marks on all results, and the models called, of as many questions as it takes for B to judge some. */
      const ways = async (): Promise<{ readonly marks: readonly unknown[]; readonly models: readonly string[] }> => {
        const [earlierCalls, earlierOfB] = [provider.calls().length, await callsOf(b)];
        const judgedNow: AssessmentResult[] = [];
        for (let round = 0; round < 5 && (await callsOf(b)) === earlierOfB; round++) judgedNow.push(...(await ask()));
        assert.ok((await callsOf(b)) > earlierOfB, 'the other node judged some');
        const marks = judgedNow.map(({ results: [result] }) => JSON.stringify(result?.release ?? null));
        const calls = provider.calls().slice(earlierCalls);
        return {
          marks: [...new Set(marks)].map((mark) => JSON.parse(mark)),
          models: [...new Set(calls.map(({ model }) => model))],
        };
      };
      const stateAtB = async (): Promise<string | undefined> =>
        (await b.request('GET', '/api/releases/next')).json.release?.state;

      const order = { releaseId: 'next', changes: { model: NEXT_MODEL }, mode: 'share', by: 'group', percent: 100 };
      const started = await a.request('POST', '/api/releases', order);
      assert.equal(started.status, 201, JSON.stringify(started.json));
      await until('the other node has it', async () => (await stateAtB()) === 'running');
      assert.deepEqual(await ways(), { marks: [{ releaseId: 'next', way: 'candidate' }], models: [NEXT_MODEL] });

      assert.equal((await a.request('POST', '/api/releases/next/rollback')).status, 200);
      await until('rolled back there too', async () => (await stateAtB()) === 'rolled-back', ROLLBACK_MS);
      assert.deepEqual(await ways(), { marks: [null], models: [provider.model] });
    });

    it('a key that is added, re-limited, drained, disabled and removed on one node is so on the other', async () => {
      await change(a, 'POST', '/api/keys', { ...entry('three'), key: process.env['TWO_NODES_THREE'] });
      await until('the other has it', async () => (await keyOf(b, 'three'))?.qps_limit === QPS);
      await change(b, 'PATCH', '/api/keys/three', { qps_limit: 2, rpm_limit: 30 });
      await until('re-limited', async () => (await keyOf(a, 'three')).qps_limit === 2);
      await change(a, 'PATCH', '/api/keys/one', { drain: true });
      await until(
        'drained',
        async () => (await keyOf(b, 'one')).drain === true && /drained/.test((await keyOf(b, 'one')).notice),
      );
      await change(a, 'PATCH', '/api/keys/two', { enabled: false });
      await until('disabled', async () => (await keyOf(b, 'two')).status === 'disabled');
      const earlier = provider.calls().length;
      await judged(await hand(b));
      const used = new Set(
        provider
          .calls()
          .slice(earlier)
          .map(({ key }) => key),
      );
      assert.deepEqual(used, new Set(['three']), 'the only key left');
      await change(a, 'DELETE', '/api/keys/three');
      await until('removed', async () => (await keysOf(b)).map(({ name }) => name).join() === 'one,two');
      for (const name of ['one', 'two']) await change(a, 'PATCH', `/api/keys/${name}`, { reset: true });
      await until('as the file says', async () =>
        (await keysOf(b)).every(({ enabled, drain }) => enabled === true && drain === false),
      );
    });

    it('a node that missed a change, cut off or away, has it once it can', async () => {
      const redisClient = new Redis(redis.url);
      await redisClient.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await change(a, 'PATCH', '/api/keys/one', { priority: 7 });
      redisClient.disconnect();
      await until('healed', async () => (await keyOf(b, 'one')).priority === 7);
      await b.stop();
      await change(a, 'PATCH', '/api/keys/one', { priority: 9 });
      b = await startNode('b');
      await until('known after the start', async () => (await keyOf(b, 'one')).priority === 9);
    });

    it('a changed key file takes effect on both without a restart', async () => {
      await keyFile(['two', 'four'], { max_concurrent_tasks: 7, queue_size: 12 });
      for (const node of [a, b])
        await until(
          'the file is read again',
          async () => (await keysOf(node)).map(({ name }) => name).join() === 'two,four',
        );
      for (const node of [a, b])
        await until(
          'the settings hold',
          async () =>
            (await node.system.ref(SCHEDULER).ask({ type: 'stats' }, { timeoutMs: 10_000 })).max_concurrent_tasks === 7,
        );
      await change(a, 'PATCH', '/api/keys/two', { enabled: false });
      await until('disabled', async () => (await keyOf(b, 'two')).status === 'disabled');
      const earlier = provider.calls().length;
      await Promise.all((await Promise.all([hand(a), hand(b)])).map(judged));
      assert.deepEqual(
        new Set(
          provider
            .calls()
            .slice(earlier)
            .map(({ key }) => key),
        ),
        new Set(['four']),
      );
      assert.deepEqual(provider.violations(), []);
    });
  },
);
