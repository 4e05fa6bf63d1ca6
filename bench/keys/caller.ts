/** One caller process: makes as many calls as its limiter lets it for a while, then reports the outcome. */
import { setTimeout as delay } from 'node:timers/promises';
import { CALLER, callerActor } from '../../src/actors/caller.ts';
import { KEY_POOL, keyPoolActor } from '../../src/actors/key-pool.ts';
import { Admission, type SlotClaim } from '../../src/actors/scheduler/admission.ts';
import { Assessor } from '../../src/actors/scheduler/assessor.ts';
import { callerClient } from '../../src/actors/scheduler/caller-client.ts';
import { schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { HedgeBudget } from '../../src/actors/scheduler/hedge.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { Secret } from '../../src/keys/secret.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { steadyNow } from '../../src/keys/steady.ts';
import { createVlmClient } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { NO_METRICS } from '../../src/runtime/metric-sink.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { plainTask } from '../../tests/support/assessment-task.ts';
import { makeJpeg } from '../../tests/support/jpeg.ts';
import { type Bottleneck, loadBottleneck, loadPThrottle, loadRateLimiterFlexible, refusedForMs } from './peers.ts';
import type { BenchKey, CallerOrder, CallerReport } from './scenarios.ts';

const order: CallerOrder = JSON.parse(process.argv[2] ?? '');
const { scenario } = order;
const jpeg = await makeJpeg();
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const client = createVlmClient();
let assessed = 0;
let unknown = 0;
/** More than enough for every scenario at its rate times its latency. */
const IN_FLIGHT = 60;

// All callers begin together, when the last one has started.
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
const until = performance.now() + order.seconds * 1_000;
await (order.subject === 'Gantry' ? gantry() : peer(order.subject));
process.send?.({ assessed, unknown } satisfies CallerReport);
process.disconnect?.();
process.exit(0);

/** The key pool's actor and the scheduler's own way of assessing a task; only the bus is missing. */
async function gantry(): Promise<void> {
  const config = parseKeyConfig(
    {
      base_url: order.url,
      model: order.model,
      scheduler: { transit_guard_ms: scenario.guardMs },
      api_keys: scenario.keys.map(({ name, key, qps, rpm, group }) => ({
        name,
        key,
        qps_limit: qps,
        rpm_limit: rpm,
        ...(group === undefined ? {} : { quota_group: group }),
      })),
    },
    {},
  );
  const gate =
    order.redisUrl === null
      ? null
      : new RedisGate({ url: order.redisUrl, nodeId: order.node, now: () => steadyNow(systemClock), log: silent });
  if (gate !== null && !(await gate.ready(5_000))) throw new Error('Redis does not answer');
  const memory = new LimitMemory();
  const system = await startSystem(
    supervisor('root', [
      child('key-pool', keyPoolActor, () => ({ config, memory, gate })),
      ...(scenario.coresFull === true
        ? [child('caller', callerActor, () => null, { placement: { kind: 'thread' }, startTimeoutMs: 30_000 })]
        : []),
    ]),
    {
      log: silent,
      onEscalation: (error) => {
        throw error;
      },
    },
  );
  const closing = new AbortController();
  const images = {
    find: () => Promise.resolve(jpeg),
    findStored: async () => ({ jpeg: await images.find(), cameraId: null }),
    get: () => Promise.resolve(jpeg),
    getAll: (ids: readonly string[]) => ids.map(() => Promise.resolve(jpeg)),
    put: () => Promise.reject(new Error('not used')),
  };
  const nothing = (): void => undefined;
  const admission = new Admission({
    clock: systemClock,
    closing: closing.signal,
    slots: () => IN_FLIGHT,
    mostAsking: IN_FLIGHT,
    mostQuestionsAsking: () => IN_FLIGHT,
    trials: IN_FLIGHT,
    mostParked: IN_FLIGHT,
    onRoom: nothing,
  });
  const settings = schedulerSettings(config.scheduler);
  const assessor = new Assessor({
    bus: { publish: () => Promise.resolve({ seq: 1, duplicate: false }) },
    clock: systemClock,
    log: silent,
    pool: system.ref(KEY_POOL),
    // With full cores, the delays between the two threads of the program count.
    vlm: scenario.coresFull === true ? callerClient(system.ref(CALLER)) : client,
    images,
    metrics: NO_METRICS,
    language: 'en',
    admission,
    hedges: new HedgeBudget(),
    closing: closing.signal,
    abort: new AbortController().signal,
    onRetry: nothing,
    settingsNow: () => settings,
    schedulers: () => 1,
    isQuiet: () => false,
  });
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const expiresAt = Date.now() + 600_000;
      const claim: SlotClaim = { priority: 3, since: Date.now(), until: expiresAt };
      admission.begin(claim);
      const result = await assessor.assess(plainTask({ expiresAt }), claim, settings);
      admission.end(claim);
      if (result === null) return;
      if (result.source === 'rules' || result.results[0]?.riskLevel === 'unknown') unknown++;
      else assessed++;
    }
  };
  const workers = Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await delay(Math.max(0, until - performance.now()));
  closing.abort();
  await workers;
  await gate?.close();
}

/** A limiter for each budget; keys of one budget take turns. */
async function peer(subject: string): Promise<void> {
  const budgets = Map.groupBy(scenario.keys, (key) => key.group ?? key.name);
  const prompt = buildPrompt(plainTask({ expiresAt: Date.now() + 600_000 }), 'en');
  const call = async ({ name, key }: BenchKey): Promise<void> => {
    const reply = await client.call({
      access: {
        keyName: name,
        secret: new Secret(key),
        baseUrl: order.url,
        model: order.model,
        responseFormat: 'none',
      },
      prompt,
      pictures: [{ jpeg, caption: '' }],
      traceId: '0'.repeat(32),
      timeoutMs: 35_000,
    });
    if (reply.ok) assessed++;
    else unknown++;
  };
  await Promise.all(
    [...budgets.values()].map(async (keys) => {
      const first = keys[0];
      if (first === undefined) return;
      const admit = await admitBy(subject, first);
      const open = new Set<Promise<void>>();
      for (let turn = 0; performance.now() < until; turn++) {
        const passed = await Promise.race([
          admit().then(() => true),
          delay(Math.max(0, until - performance.now()), false, { ref: false }),
        ]);
        if (!passed) break;
        const made = call(keys[turn % keys.length] ?? first).finally(() => open.delete(made));
        open.add(made);
        if (open.size >= IN_FLIGHT) await Promise.race(open);
      }
    }),
  );
}

/** Resolves when the next call may be made; both limits given as the library wants them. */
async function admitBy(subject: string, { qps, rpm }: BenchKey): Promise<() => Promise<unknown>> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (subject === 'bottleneck') {
    const Limiter = await loadBottleneck();
    const limiter = (amount: number, ms: number): Bottleneck =>
      new Limiter({ reservoir: amount, reservoirRefreshAmount: amount, reservoirRefreshInterval: ms });
    const second = limiter(qps, 1_000);
    second.chain(limiter(rpm, 60_000));
    return () => second.schedule(nothing);
  }
  if (subject === 'p-throttle') {
    const pThrottle = await loadPThrottle();
    const second = pThrottle({ limit: qps, interval: 1_000, strict: true })(nothing);
    return pThrottle({ limit: rpm, interval: 60_000, strict: true })(second);
  }
  const { RateLimiterMemory } = await loadRateLimiterFlexible();
  const windows = [
    new RateLimiterMemory({ points: rpm, duration: 60 }),
    new RateLimiterMemory({ points: qps, duration: 1 }),
  ];
  return async () => {
    for (const window of windows) {
      for (;;) {
        try {
          await window.consume('key');
          break;
        } catch (thrown) {
          await delay(refusedForMs(thrown));
        }
      }
    }
  };
}
