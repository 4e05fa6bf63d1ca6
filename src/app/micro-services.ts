import { AGGREGATOR } from '../actors/aggregator.ts';
import { CAMERA_REGISTRY, type CameraEntry } from '../actors/camera-registry.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import { TASK_GENERATOR } from '../actors/task-generator.ts';
import type { CameraRecord } from '../http/ports.ts';
import type { MicroRole } from '../infra/nats/services.ts';
import { redactUrl } from '../infra/redact.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { groupsOf, recordOf } from './camera-port.ts';
import type { Role } from './config.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

const QUICK = { timeoutMs: 2_000 };
/** Characters of all prompts that a listing may have beside everything else, so that it fits into one message. */
const MOST_PROMPTS = 100_000;

/**
 * A node's cameras as other nodes list them: without scenes, and without the prompts when these are too long together.
 */
export function listingOf(entries: readonly CameraEntry[]): readonly CameraRecord[] {
  const hasRoom = entries.reduce((sum, { config }) => sum + (config.prompt?.length ?? 0), 0) <= MOST_PROMPTS;
  return entries.map((entry) => {
    const { prompt, url, scene: _, ...config } = entry.config;
    const shown = { ...config, url: redactUrl(url), ...(prompt !== undefined && hasRoom ? { prompt } : {}) };
    return { ...recordOf(entry), config: shown };
  });
}

/** The stages of this process as NATS micro services, in the order of the data. */
export function microServices(
  system: ActorSystem,
  roles: readonly Role[],
  nodeId: string,
  watch: Pick<SchedulerWatch, 'stats'> | null,
): readonly MicroRole[] {
  const cameras = () => system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK);
  /** One node answers `stats`, and each node `figures`. */
  const ofAll = (stats: () => Promise<object>): Pick<MicroRole, 'stats' | 'ofEachNode'> => ({
    stats,
    ofEachNode: { nodeId, endpoints: { figures: stats } },
  });
  const parts: readonly (readonly [Role, MicroRole])[] = [
    [
      'cameras',
      {
        name: 'cameras',
        description: 'Reads cameras, detects and groups road users',
        stats: async () => ({
          cameras: (await cameras()).map(
            ({ config, status, frames, framesPerSecond, reconnects, lastFrameAt, shed }) => ({
              cameraId: config.cameraId,
              state: status.state,
              frames,
              framesPerSecond,
              reconnects,
              lastFrameAt,
              shed,
            }),
          ),
        }),
        ofEachNode: {
          nodeId,
          // Without passwords: every client of the bus can read it.
          endpoints: {
            list: async () => listingOf(await cameras()),
            groups: async () => groupsOf(await cameras()),
          },
        },
      },
    ],
    [
      'cameras',
      {
        name: 'task-generator',
        description: 'Splits detections into prioritised tasks',
        ...ofAll(() => system.ref(TASK_GENERATOR).ask({ type: 'stats' }, QUICK)),
      },
    ],
    [
      'scheduler',
      {
        name: 'scheduler',
        description: 'Assesses groups by the model or by rules',
        ...ofAll(() => watch?.stats() ?? system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK)),
      },
    ],
    [
      'scheduler',
      {
        name: 'key-pool',
        description: 'Leases API keys under their limits',
        ...ofAll(() => system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK)),
      },
    ],
    [
      'aggregator',
      {
        name: 'aggregator',
        description: 'Merges detections and assessments, writes Redis',
        ...ofAll(() => system.ref(AGGREGATOR).ask({ type: 'stats' }, QUICK)),
      },
    ],
  ];
  return parts.filter(([role]) => roles.includes(role)).map(([, part]) => part);
}
