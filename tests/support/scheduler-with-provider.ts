import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { KEY_POOL, keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { SCHEDULER, schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { createVlmClient } from '../../src/llm/client.ts';
import type { ReleaseOutcome } from '../../src/messages/release.ts';
import type { ReleasesInForce } from '../../src/releases/releases.types.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.types.ts';
import { plainTask } from './assessment-task.ts';
import { FakeImages, FakeTaskBus } from './fake-bus.ts';
import { makeJpeg } from './jpeg.ts';
import { memoryLog } from './log.ts';

/**
 * Client and provider share one event loop here, on a machine that may be busy: a pause of the loop delays arrivals.
 * So the guard is far above its default, and the provider does not tell when calls arrived: the pool would learn from
 * it that none is late, just before one is. The tests show that the limits hold within the guard.
 */
const GUARD_MS = 1_500;

/** Scheduler and key pool as they ship, over a simulated provider; all ended after the test. */
export async function startScheduler(
  t: Pick<TestContext, 'after'>,
  simulator: SimulatorOptions,
  scheduler: object = {},
  releases?: ReleasesInForce,
) {
  const sim = await startProviderSimulator({ timingHeaders: false, ...simulator });
  const log = memoryLog();
  const bus = new FakeTaskBus(systemClock);
  const config = parseKeyConfig(
    { scheduler: { transit_guard_ms: GUARD_MS, ...scheduler }, api_keys: sim.keyEntries() },
    {},
  );
  const outcomes: ReleaseOutcome[] = [];
  const init = {
    bus,
    images: new FakeImages(await makeJpeg()),
    vlm: createVlmClient(),
    language: 'en' as const,
    settings: schedulerSettings(config.scheduler),
    ...(releases === undefined ? {} : { releases }),
    releaseOutcomes: { tell: (outcome: ReleaseOutcome) => void outcomes.push(outcome) },
    metrics: { llmCall: () => undefined, assessment: () => undefined, shed: () => undefined },
  };
  const memory = new LimitMemory();
  const tree = supervisor('root', [
    child('key-pool', keyPoolActor, () => ({ config, memory })),
    child('scheduler', schedulerActor, () => init),
  ]);
  const system = await startSystem(tree, { log, onEscalation: (error) => assert.fail(error.message) });
  const stats = () => system.ref(SCHEDULER).ask({ type: 'stats' }, { timeoutMs: 30_000 });
  const pool = () => system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 30_000 });
  t.after(async () => {
    await system.stop();
    await sim.close();
  });
  return { sim, bus, log, stats, pool, outcomes, keys: config.keys };
}

/** Tasks of all priorities, of four cameras. */
export const tasks = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    plainTask({ priority: ((i % 5) + 1) as 1 | 2 | 3 | 4 | 5, cameraId: `cam-${i % 4}` }),
  );
