import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CALLER, callerActor } from '../../src/actors/caller.ts';
import { callerClient } from '../../src/actors/scheduler/caller-client.ts';
import { Secret } from '../../src/keys/secret.ts';
import type { VlmClient, VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { monotonicMs } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import sharp from 'sharp';
import { pictureTokens, textTokens } from '../../src/simulator/token-count.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

/** Far more than a busy machine needs. */
const LONG_MS = 30_000;
const KEY = 'sk-caller-secret-98765';
const task = plainTask();
const log = memoryLog();
let sim: ProviderSimulator;
let system: ActorSystem;
let client: VlmClient;
let jpeg: Buffer;

before(async () => {
  jpeg = await makeJpeg();
  sim = await startProviderSimulator({
    keys: [
      { name: 'k1', key: KEY, qps: 1_000, rpm: 10_000 },
      { name: 'k2', key: 'another', qps: 1_000, rpm: 10_000 },
    ],
    latency: { medianMs: 20, p95Ms: 30 },
  });
  const tree = supervisor('root', [
    child('caller', callerActor, () => null, { placement: { kind: 'thread' }, backoff: { minMs: 10, maxMs: 50 } }),
  ]);
  system = await startSystem(tree, { log, onEscalation: (error) => assert.fail(error) });
  client = callerClient(system.ref(CALLER));
});
after(async () => {
  await system.stop();
  await sim.close();
});

const secret = new Secret(KEY);
const call = (
  more: Partial<VlmRequest> = {},
  key: { readonly keyName: string; readonly secret: Secret } = { keyName: 'k1', secret },
): Promise<VlmReply> =>
  client.call({
    access: { ...key, baseUrl: sim.url, model: 'sim-vl', responseFormat: 'json_schema' },
    prompt: buildPrompt(task, 'en'),
    pictures: [{ jpeg, caption: '' }],
    traceId: task.traceId,
    timeoutMs: LONG_MS,
    ...more,
  });
const callerInTree = () => {
  const root = system.snapshot();
  const found = root.type === 'supervisor' ? root.children.find(({ path }) => path === '/caller') : undefined;
  assert.ok(found?.type === 'actor');
  return found;
};

describe('the caller in its thread', () => {
  it('makes calls, and tells when each was sent before it brings the answer', async () => {
    const told: string[] = [];
    const asked = performance.now();
    const replies = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const reply = await call({
          onSent: (agoMs) => void told.push(`${n} ${agoMs >= 0 && agoMs <= performance.now() - asked}`),
        });
        told.push(`${n} answered`);
        return reply;
      }),
    );
    assert.deepEqual(
      replies.map((reply) => reply.ok),
      replies.map(() => true),
    );
    for (let n = 0; n < 20; n += 1)
      assert.deepEqual(
        told.filter((one) => one.startsWith(`${n} `)),
        [`${n} true`, `${n} answered`],
      );
    assert.equal(sim.calls().length, 20);
  });

  it('brings several pictures across, each with its words', async () => {
    const other = await makeJpeg(56, 84);
    const pictures = [jpeg, other, jpeg].map((one, n) => ({ jpeg: one, caption: `picture ${n}` }));
    const reply = await call({ pictures });
    assert.ok(reply.ok, JSON.stringify(reply));
    const [made, one] = [sim.calls().at(-1), (await call(), sim.calls().at(-1))];
    assert.deepEqual([made?.pictures, one?.pictures], [3, 1]);
    // Both sides are whole patches: 2 x 3 tokens and two marks more, and the words.
    const words = textTokens(`\n${pictures.map(({ caption }) => caption).join('\n')}`);
    const jpegTokens = pictureTokens(await sharp(jpeg).metadata());
    const more = (made?.promptTokens ?? 0) - (one?.promptTokens ?? 0);
    assert.ok(Math.abs(more - (jpegTokens + 8 + words)) <= 1, `${more}`);
  });

  it('leaves the picture with whoever asked', async () => {
    const bytes = jpeg.toString('base64');
    assert.ok((await call()).ok);
    assert.equal(jpeg.toString('base64'), bytes);
  });

  it('tells the way to the provider as measured in the thread, and takes a new secret of a key', async () => {
    const reply = await call();
    assert.ok(
      reply.ok &&
        reply.transit?.kind === 'arrival' &&
        reply.transit.roundTripMs !== undefined &&
        reply.transit.roundTripMs < LONG_MS,
      JSON.stringify(reply),
    );
    const wrong = await call({}, { keyName: 'k1', secret: new Secret('no key of anybody') });
    assert.ok(!wrong.ok && wrong.failure.kind === 'rejected-key', JSON.stringify(wrong));
    assert.ok((await call({}, { keyName: 'k1', secret: new Secret('another') })).ok);
  });

  it('gives a call up when it is told to, before and after it was sent', async () => {
    sim.setBehaviour({ kind: 'hang' });
    const controller = new AbortController();
    const sent = Promise.withResolvers<void>();
    const hanging = call({ signal: controller.signal, onSent: () => sent.resolve() });
    await sent.promise;
    controller.abort();
    const reply = await hanging;
    assert.ok(!reply.ok && reply.failure.kind === 'abandoned', JSON.stringify(reply));
    const calls = sim.calls().length;
    let told = 0;
    const early = await call({ signal: AbortSignal.abort(), onSent: () => void (told += 1) });
    assert.ok(!early.ok && early.failure.kind === 'abandoned');
    assert.deepEqual({ told, calls: sim.calls().length }, { told: 0, calls });
    sim.clearBehaviours();
  });

  it('a call that was never sent says so', async () => {
    let told = 0;
    const reply = await client.call({
      access: { keyName: 'k9', secret, baseUrl: 'http://127.0.0.1:9/v1', model: 'm', responseFormat: 'none' },
      prompt: buildPrompt(task, 'en'),
      pictures: [{ jpeg, caption: '' }],
      traceId: task.traceId,
      timeoutMs: LONG_MS,
      onSent: () => void (told += 1),
    });
    assert.ok(!reply.ok && reply.failure.kind === 'network', JSON.stringify(reply));
    assert.equal(told, 0);
  });

  it('does not begin a call whose time was over before it was read', async () => {
    const order = {
      access: { keyName: 'k1', secret: KEY, baseUrl: sim.url, model: 'sim-vl', responseFormat: 'json_schema' as const },
      prompt: buildPrompt(task, 'en'),
      traceId: task.traceId,
      pictures: [{ caption: '', bytes: jpeg.byteLength }],
      orderedAt: monotonicMs() - 5_000,
      endsAt: monotonicMs(),
    };
    const calls = sim.calls().length;
    const ref = system.ref(CALLER);
    const late = ref.ask({ type: 'call', callId: 'late', order, jpegs: new Uint8Array(jpeg) }, { timeoutMs: LONG_MS });
    const sent = ref.ask({ type: 'sent', callId: 'late' }, { timeoutMs: LONG_MS });
    await assert.rejects(late, /over before it began/);
    assert.deepEqual({ sent: await sent, calls: sim.calls().length }, { sent: null, calls });
  });

  it('loses only the calls under way when its thread ends, and says that it was Gantry', async () => {
    sim.setBehaviour({ kind: 'hang' });
    let sent = 0;
    const lost = [1, 2, 3].map(() => call({ onSent: () => void (sent += 1) }));
    await until('all are sent', () => sent === 3);
    await system.restart('/caller');
    for (const reply of await Promise.all(lost)) {
      assert.ok(
        !reply.ok && reply.failure.kind === 'network' && /in Gantry itself/.test(reply.failure.message),
        JSON.stringify(reply),
      );
    }
    sim.clearBehaviours();
    assert.ok((await call()).ok, 'the next one is made');
    assert.ok(callerInTree().restarts >= 1);
    assert.equal(callerInTree().placement, 'thread');
  });

  it('shows its calls in the tree, and a key nowhere', async () => {
    await until('it reported', () => typeof callerInTree().detail['calls'] === 'number');
    assert.ok(!JSON.stringify([log.lines, system.snapshot()]).includes(KEY));
  });
});
