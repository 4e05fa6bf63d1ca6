import { AGGREGATOR } from '../actors/aggregator.ts';
import { CAMERA_REGISTRY, type CameraEntry, type CameraPatch, NotSaved } from '../actors/camera-registry.ts';
import type { CameraPort, CameraRecord } from '../http/ports.ts';
import { AlertHistory } from '../infra/alert-history.ts';
import type { Bus } from '../infra/bus.ts';
import { CountHistory } from '../infra/count-history.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { asError } from '../runtime/errors.ts';
import type { CameraGroups } from '../messages/camera.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { Log } from '../infra/log.ts';

const QUICK = { timeoutMs: 3_000 };
/** Adding or removing a camera waits for its thread. */
const SLOW = { timeoutMs: 20_000 };

/**
 * The HTTP room's port for cameras: registry and Redis, or while Redis is down the aggregator and the alert history.
 */
export function cameraPort(system: ActorSystem, bus: Bus, redis: RedisStore | null, log: Log): CameraPort {
  const registry = system.ref(CAMERA_REGISTRY);
  const aggregator = system.ref(AGGREGATOR);
  const history = new AlertHistory(bus);
  const counts = new CountHistory(bus);
  return {
    list: async () => (await registry.ask({ type: 'list' }, QUICK)).map(recordOf),
    groups: async () => groupsOf(await registry.ask({ type: 'list' }, QUICK)),
    get: async (cameraId) => orNull(await registry.ask({ type: 'get', cameraId }, QUICK)),
    scene: async (cameraId) => {
      const entry = await registry.ask({ type: 'get', cameraId }, QUICK);
      return entry === null ? null : { scene: entry.config.scene ?? null, changed: entry.sceneChange };
    },
    add: async (config) => saved(await registry.ask({ type: 'add', config }, SLOW)),
    change: async (cameraId, patch, changer) => {
      const order = { type: 'change', cameraId, patch: defined(patch), changer } as const;
      const changed = saved(await registry.ask(order, SLOW));
      return changed === 'scene-changed' ? changed : orNull(changed);
    },
    remove: async (cameraId) => saved(await registry.ask({ type: 'remove', cameraId }, SLOW)),
    latest: async (cameraId) => {
      try {
        const kept = await redis?.latest(cameraId);
        if (kept !== null && kept !== undefined) return kept;
      } catch (thrown) {
        log.debug({ cameraId, err: asError(thrown).message }, 'newest aggregate from memory');
      }
      return aggregator.ask({ type: 'latest', cameraId }, QUICK);
    },
    alerts: async (cameraId, limit) => {
      try {
        if (redis !== null) return await redis.alerts(cameraId, limit);
      } catch (thrown) {
        log.debug({ cameraId, err: asError(thrown).message }, 'alerts from their history');
      }
      return history.newest(cameraId, limit);
    },
    alert: (name) => history.find(name),
    alertCamera: (name) => history.camera(name),
    alertHistory: (query) => history.page(query),
    counts: (query) => counts.page(query),
    previewSource: async (cameraId) => {
      const entry = await registry.ask({ type: 'get', cameraId }, QUICK);
      return entry === null || entry.previewSocket === null ? null : `unix:${entry.previewSocket}`;
    },
  };
}

/** The groups of each camera; none for a camera without. */
export const groupsOf = (entries: readonly CameraEntry[]): readonly CameraGroups[] =>
  entries.map(({ config: { cameraId, groups = [] } }) => ({ cameraId, groups }));

/** The outcome of a change; throws when the list of cameras could not be saved. */
function saved<T>(outcome: T | NotSaved): T {
  if (outcome instanceof NotSaved) throw outcome.error;
  return outcome;
}

const orNull = (entry: CameraEntry | null): CameraRecord | null => (entry === null ? null : recordOf(entry));

export const recordOf = ({
  config,
  status,
  frames,
  framesPerSecond,
  reconnects,
  lastFrameAt,
  shed,
}: CameraEntry): CameraRecord => ({
  config,
  status,
  figures: { framesPerSecond, frames, reconnects, lastFrameAt, shed },
});

/** The patch without undefined fields: it names only changes. */
function defined(patch: { readonly [K in keyof CameraPatch]?: CameraPatch[K] | undefined }): CameraPatch {
  const { name, url, enabled, intervalSeconds, freshnessSeconds, prompt } = patch;
  const { transport, certificateSha256, groups, scene } = patch;
  return {
    ...(name === undefined ? {} : { name }),
    ...(url === undefined ? {} : { url }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(intervalSeconds === undefined ? {} : { intervalSeconds }),
    ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(transport === undefined ? {} : { transport }),
    ...(certificateSha256 === undefined ? {} : { certificateSha256 }),
    ...(groups === undefined ? {} : { groups }),
    ...(scene === undefined ? {} : { scene }),
  };
}
