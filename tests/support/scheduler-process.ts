import { keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { steadyNow } from '../../src/keys/steady.ts';
import { createVlmClient } from '../../src/llm/client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { FakeImages } from './fake-bus.ts';
import { makeJpeg } from './jpeg.ts';

/** What this process is told on its command line, as JSON. */
export interface SchedulerOrder {
  readonly name: string;
  readonly natsUrl: string;
  readonly redisUrl: string;
  /** As in a key file. */
  readonly scheduler: object;
  readonly keys: readonly object[];
}

/**
 * A scheduler and a key pool of their own on a real bus, limits shared over Redis: one node of several. Ends at SIGTERM
 * as Gantry does.
 */
if (import.meta.main) {
  const { name, natsUrl, redisUrl, scheduler, keys }: SchedulerOrder = JSON.parse(process.argv[2] ?? '{}');
  const print = (fields: object, message: string): void => console.error(message, JSON.stringify(fields));
  const log = { debug: print, info: print, warn: print, error: print };
  const bus = await NatsBus.open({ url: natsUrl, startTimeoutMs: 30_000, log });
  const config = parseKeyConfig({ scheduler, api_keys: keys }, {});
  const gate = new RedisGate({ url: redisUrl, nodeId: name, now: () => steadyNow(systemClock), log });
  await gate.ready(30_000);
  const memory = new LimitMemory();
  const images = new FakeImages(await makeJpeg());
  const init = {
    bus,
    images,
    vlm: createVlmClient(),
    language: 'en' as const,
    settings: schedulerSettings(config.scheduler),
  };
  const tree = supervisor('root', [
    child('key-pool', keyPoolActor, () => ({ config, memory, gate })),
    child('scheduler', schedulerActor, () => init, { shutdownTimeoutMs: 4_000 }),
  ]);
  const system = await startSystem(tree, {
    log,
    onEscalation: (error) => {
      throw error;
    },
  });
  process.once('SIGTERM', () => {
    void system
      .stop()
      .then(() => Promise.all([gate.close(), bus.close()]))
      .then(() => process.exit(0));
  });
  process.send?.('ready');
}
