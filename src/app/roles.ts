import { AGGREGATOR } from '../actors/aggregator.ts';
import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/types.ts';
import { TASK_GENERATOR } from '../actors/task-generator.ts';
import type { MicroRole } from '../infra/nats/services.ts';
import type { ActorSystem } from '../runtime/system.ts';

const QUICK = { timeoutMs: 2_000 };

/** The roles of this node, as NATS micro services, in the order of the way of the data. */
export function roles(system: ActorSystem): readonly MicroRole[] {
  return [
    {
      name: 'cameras',
      description: 'Reads cameras, detects and groups road users',
      stats: async () => {
        const cameras = await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK);
        return { cameras: cameras.map(({ config, status, frames, framesPerSecond, reconnects, lastFrameAt, shed }) => ({ cameraId: config.cameraId, state: status.state, frames, framesPerSecond, reconnects, lastFrameAt, shed })) };
      },
    },
    { name: 'task-generator', description: 'Explodes detections into prioritised tasks', stats: () => system.ref(TASK_GENERATOR).ask({ type: 'stats' }, QUICK) },
    { name: 'scheduler', description: 'Has the groups judged by the model or by rules', stats: () => system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK) },
    { name: 'key-pool', description: 'Leases API keys under their limits', stats: () => system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK) },
    { name: 'aggregator', description: 'Merges detections and judgements, writes Redis', stats: () => system.ref(AGGREGATOR).ask({ type: 'stats' }, QUICK) },
  ];
}
