import { type CameraStore, MAX_CAMERAS } from '../infra/camera-store.ts';
import type { Bus } from '../infra/bus.ts';
import { clipped } from '../messages/bounds.ts';
import { CAMERA_STATUS_CODE, type CameraConfig, type CameraState, type CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

/** A camera as the registry knows it. The URL is the real one, with its password: only for this process. */
export interface CameraEntry {
  readonly config: CameraConfig;
  readonly status: CameraStatus;
  /** Analysed frames since the program started. */
  readonly frames: number;
  /** Over the newest frames; 0 while none came for a while. */
  readonly framesPerSecond: number;
  /** Times the stream was lost. */
  readonly reconnects: number;
  readonly lastFrameAt: string | null;
  /** Left out on purpose since the program started: frames that NATS did not take in time, groups that nobody judged for want of calls. */
  readonly shed: { readonly detections: number; readonly groups: number };
  /** Socket file where the live preview reads, on this machine; null when the camera does not run. */
  readonly previewSocket: string | null;
}

export type CameraPatch = Partial<Pick<CameraConfig, 'name' | 'url' | 'enabled' | 'intervalSeconds'>>;

/** The list could not be saved, so nothing was changed. */
export class NotSaved {
  readonly error: Error;

  constructor(error: Error) {
    this.error = error;
  }
}

export type CameraRegistryMessage =
  | ({ type: 'list' } & Asking<readonly CameraEntry[]>)
  | ({ type: 'get'; cameraId: CameraId } & Asking<CameraEntry | null>)
  | ({ type: 'add'; config: CameraConfig } & Asking<'added' | 'exists' | 'full' | NotSaved>)
  | ({ type: 'change'; cameraId: CameraId; patch: CameraPatch } & Asking<CameraEntry | null | NotSaved>)
  | ({ type: 'remove'; cameraId: CameraId } & Asking<boolean | NotSaved>)
  | { type: 'status'; cameraId: CameraId; state: CameraState; message: string }
  | { type: 'frame'; cameraId: CameraId; frameNumber: number; timestamp: string }
  /** Work of this camera was left out on purpose. */
  | { type: 'shed'; cameraId: CameraId; what: 'detections' | 'groups'; count: number };

export const CAMERA_REGISTRY = address<CameraRegistryMessage>('/camera-registry');

/** Starts and stops the actors of cameras. */
export interface CameraCrew {
  /** Resolves when the camera's actor is in the tree; it may still be failing and restarting there. */
  start(config: CameraConfig, framesBefore: () => number): Promise<{ readonly previewSocket: string | null }>;
  stop(cameraId: CameraId): Promise<void>;
}

export interface CameraRegistryInit {
  readonly store: CameraStore;
  readonly crew: CameraCrew;
  readonly bus: Bus;
  /** Cameras that are there at every start and are not stored, e.g. the demo. */
  readonly fixed: readonly CameraConfig[];
  readonly onStatus: (status: CameraStatus) => void;
}

interface Entry {
  config: CameraConfig;
  status: CameraStatus;
  frames: number;
  reconnects: number;
  /** When the newest frames were reported, in ms, oldest first. */
  readonly recent: number[];
  lastFrameAt: string | null;
  readonly shed: { detections: number; groups: number };
  previewSocket: string | null;
  readonly fixed: boolean;
}

/** Knows every camera, keeps the list on disk, starts and stops their actors, tells everyone how they are. */
export const cameraRegistryActor = defineActor<CameraRegistryMessage>()<CameraRegistryInit>({
  kind: 'camera-registry',
  mailbox: { capacity: 10_000, overflow: 'refuse' },
  start: async (ctx, { store, crew, bus, fixed, onStatus }) => {
    const entries = new Map<CameraId, Entry>();

    const setStatus = (entry: Entry, state: CameraState, said: string): void => {
      const { cameraId } = entry.config;
      const message = clipped(said);
      if (entry.status.state === state && entry.status.message === message) return;
      const since = entry.status.state === state ? entry.status.since : now();
      entry.status = { cameraId, status: CAMERA_STATUS_CODE[state], state, message, since };
      bus.broadcast(subjects.cameraStatus(cameraId), entry.status);
      onStatus(entry.status);
      ctx.log.info({ cameraId, state }, `camera ${cameraId} is ${state}: ${message}`);
      const online = [...entries.values()].filter((each) => each.status.state === 'online').length;
      ctx.report({ cameras: entries.size, online });
    };
    const now = (): string => new Date(ctx.clock.now()).toISOString();

    const newEntry = (config: CameraConfig, isFixed: boolean): Entry => ({
      config,
      status: {
        cameraId: config.cameraId,
        status: 0,
        state: 'offline',
        message: config.enabled ? 'not started yet' : 'switched off',
        since: now(),
      },
      frames: 0,
      reconnects: 0,
      recent: [],
      lastFrameAt: null,
      shed: { detections: 0, groups: 0 },
      previewSocket: null,
      fixed: isFixed,
    });

    const startCamera = async (entry: Entry): Promise<void> => {
      if (!entry.config.enabled) return;
      try {
        ({ previewSocket: entry.previewSocket } = await crew.start(entry.config, () => entry.frames));
      } catch (thrown) {
        setStatus(entry, 'fault', `could not be started: ${asError(thrown).message}`);
      }
    };
    const stopCamera = async (entry: Entry, message: string): Promise<void> => {
      try {
        await crew.stop(entry.config.cameraId);
      } catch (thrown) {
        // One that does not stop is its supervisor's matter; the others must not fall with this actor.
        ctx.log.error(
          { cameraId: entry.config.cameraId, err: asError(thrown) },
          `camera ${entry.config.cameraId} could not be stopped: ${asError(thrown).message}`,
        );
      }
      entry.previewSocket = null;
      setStatus(entry, 'offline', message);
    };
    const stored = (): readonly Entry[] => [...entries.values()].filter((entry) => !entry.fixed);
    /** Saves the list as it will be, before anything of it is in force; null when it is on the disk. */
    const save = async (next: readonly CameraConfig[]): Promise<NotSaved | null> => {
      try {
        await store.save(next);
        return null;
      } catch (thrown) {
        ctx.log.error({ path: store.path, err: asError(thrown) }, `nothing was changed: ${asError(thrown).message}`);
        return new NotSaved(asError(thrown));
      }
    };
    const configs = (): CameraConfig[] => stored().map((entry) => entry.config);
    const view = ({
      config,
      status,
      frames,
      reconnects,
      recent,
      lastFrameAt,
      shed,
      previewSocket,
    }: Entry): CameraEntry => ({
      config,
      status,
      frames,
      framesPerSecond: rate(recent, ctx.clock.now()),
      reconnects,
      lastFrameAt,
      shed: { ...shed },
      previewSocket,
    });

    const loaded = await store.load();
    for (const problem of loaded.problems) ctx.log.warn({ file: store.path, movedAside: loaded.movedAside }, problem);
    for (const config of loaded.cameras) entries.set(config.cameraId, newEntry(config, false));
    for (const config of fixed) if (!entries.has(config.cameraId)) entries.set(config.cameraId, newEntry(config, true));
    // Not awaited: a start of hundreds of threads must not hold up everything else.
    void (async () => {
      for (const entry of entries.values()) if (!ctx.signal.aborted) await startCamera(entry);
    })();

    return {
      handlers: {
        list: () => [...entries.values()].map(view),
        get: ({ cameraId }) => {
          const entry = entries.get(cameraId);
          return entry === undefined ? null : view(entry);
        },
        add: async ({ config }) => {
          if (entries.has(config.cameraId)) return 'exists';
          if (stored().length >= MAX_CAMERAS) return 'full';
          const failed = await save([...configs(), config]);
          if (failed !== null) return failed;
          const entry = newEntry(config, false);
          entries.set(config.cameraId, entry);
          await startCamera(entry);
          return 'added';
        },
        change: async ({ cameraId, patch }) => {
          const entry = entries.get(cameraId);
          if (entry === undefined) return null;
          const before = entry.config;
          const after = { ...before, ...patch };
          // One that is not stored has nothing to save.
          const failed = entry.fixed
            ? null
            : await save(configs().map((config) => (config === before ? after : config)));
          if (failed !== null) return failed;
          entry.config = after;
          const restart =
            before.url !== after.url ||
            before.intervalSeconds !== after.intervalSeconds ||
            before.enabled !== after.enabled;
          if (restart) {
            if (before.enabled) await stopCamera(entry, after.enabled ? 'its settings changed' : 'switched off');
            await startCamera(entry);
          }
          return view(entry);
        },
        remove: async ({ cameraId }) => {
          const entry = entries.get(cameraId);
          if (entry === undefined) return false;
          const failed = entry.fixed ? null : await save(configs().filter((config) => config !== entry.config));
          if (failed !== null) return failed;
          entries.delete(cameraId);
          await stopCamera(entry, 'removed');
          return true;
        },
        status: ({ cameraId, state, message }) => {
          const entry = entries.get(cameraId);
          if (entry === undefined) return;
          if (state === 'offline' && entry.status.state === 'online') entry.reconnects += 1;
          setStatus(entry, state, message);
        },
        frame: ({ cameraId, frameNumber, timestamp }) => {
          const entry = entries.get(cameraId);
          if (entry === undefined) return;
          entry.frames = frameNumber;
          entry.lastFrameAt = timestamp;
          entry.recent.push(ctx.clock.now());
          if (entry.recent.length > RECENT_FRAMES) entry.recent.shift();
        },
        shed: ({ cameraId, what, count }) => {
          const entry = entries.get(cameraId);
          if (entry !== undefined) entry.shed[what] += count;
        },
      },
    };
  },
});

const RECENT_FRAMES = 20;
const RATE_WINDOW_MS = 60_000;

/** Frames per second over those of the last minute, up to now: a camera that stopped falls to 0. */
function rate(recent: readonly number[], now: number): number {
  const counted = recent.filter((at) => now - at <= RATE_WINDOW_MS);
  const [first] = counted;
  if (first === undefined || counted.length < 2) return 0;
  return Math.round((100 * 1000 * (counted.length - 1)) / Math.max(1, now - first)) / 100;
}
