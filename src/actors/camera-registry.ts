import { availableParallelism } from 'node:os';
import { type CameraStore, MAX_CAMERAS } from '../infra/camera-store.ts';
import type { Bus } from '../infra/bus.ts';
import { clipped } from '../messages/bounds.ts';
import type { CameraConfig, CameraState, CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import type { SceneConfig } from '../messages/scene.ts';
import { subjects } from '../messages/subjects.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { isExpected, type SceneChanger } from '../scene/scene-version.ts';
import { type CameraPatch, needsRestart, patched } from './camera-patch.ts';
import { CameraHealth, type ShownState } from './camera-health.ts';
import { type CameraEntry, RegisteredCamera } from './registered-camera.ts';

export type { CameraPatch } from './camera-patch.ts';
export type { CameraEntry } from './registered-camera.ts';

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
  /** `scene-changed`: its scene is not the expected one, so nothing was changed. */
  | ({ type: 'change'; cameraId: CameraId; patch: CameraPatch; changer?: SceneChanger } & Asking<
      CameraEntry | 'scene-changed' | null | NotSaved
    >)
  | ({ type: 'remove'; cameraId: CameraId } & Asking<boolean | NotSaved>)
  /** The state of its stream, from the ingest. */
  | { type: 'status'; cameraId: CameraId; state: CameraState; message: string }
  /** Its actor failed, for this reason, or runs again (null). */
  | { type: 'fault'; cameraId: CameraId; message: string | null }
  | { type: 'frame'; cameraId: CameraId; frameNumber: number; timestamp: string }
  /** Other releases are in force: every running camera gets its settings anew. */
  | { type: 'releases' }
  /** Detections or groups of this camera were shed. */
  | { type: 'shed'; cameraId: CameraId; what: 'detections' | 'groups'; count: number };

export const CAMERA_REGISTRY = address<CameraRegistryMessage>('/camera-registry');

/** A camera as it is when its actor starts, which may happen many times. */
export interface CameraNow {
  readonly framesBefore: number;
  /** Null for none. */
  readonly scene: SceneConfig | null;
}

/** Starts and stops the actors of cameras. */
export interface CameraSpawner {
  /** Resolves when the camera's actor is in the tree; it may still be failing and restarting there. */
  start(config: CameraConfig, now: () => CameraNow): Promise<{ readonly previewSocket: string | null }>;
  /** Gives a running actor its scene, and its way by the releases in force. Others get them when they start. */
  setScene(cameraId: CameraId, scene: SceneConfig | null): void;
  stop(cameraId: CameraId): Promise<void>;
}

export interface CameraRegistryInit {
  readonly store: CameraStore;
  readonly spawner: CameraSpawner;
  readonly bus: Bus;
  /** Cameras that are there at every start and are not stored, e.g. the demo. */
  readonly fixed: readonly CameraConfig[];
  readonly onStatus: (status: CameraStatus) => void;
}

/** Knows every camera, keeps the list on disk, starts and stops their actors, publishes their status. */
export const cameraRegistryActor = defineActor<CameraRegistryMessage>()<CameraRegistryInit>({
  kind: 'camera-registry',
  mailbox: { capacity: 10_000, overflow: 'refuse' },
  start: async (ctx, init) => {
    const registry = new CameraRegistry(ctx, init);
    await registry.load();
    registry.startAll();
    return {
      handlers: {
        list: () => registry.list(),
        get: ({ cameraId }) => registry.get(cameraId),
        add: ({ config }) => registry.add(config),
        change: ({ cameraId, patch, changer }) => registry.change(cameraId, patch, changer),
        remove: ({ cameraId }) => registry.remove(cameraId),
        status: ({ cameraId, state, message }) => registry.onStatus(cameraId, state, message),
        fault: ({ cameraId, message }) => registry.onFault(cameraId, message),
        frame: ({ cameraId, frameNumber, timestamp }) => registry.onFrame(cameraId, frameNumber, timestamp),
        releases: () => registry.onReleases(),
        shed: ({ cameraId, what, count }) => registry.onShed(cameraId, what, count),
      },
    };
  },
});

/** The start of a thread is mostly work for one core. */
const STARTS_AT_ONCE = Math.max(2, availableParallelism());

class CameraRegistry {
  readonly #ctx: ActorContext<CameraRegistryMessage>;
  readonly #init: CameraRegistryInit;
  readonly #cameras = new Map<CameraId, RegisteredCamera>();
  /** Starts under way: each waits for the one before in its lane. */
  readonly #lanes: Promise<void>[] = Array.from({ length: STARTS_AT_ONCE }, () => Promise.resolve());
  #nextLane = 0;

  constructor(ctx: ActorContext<CameraRegistryMessage>, init: CameraRegistryInit) {
    this.#ctx = ctx;
    this.#init = init;
  }

  async load(): Promise<void> {
    const { store, fixed } = this.#init;
    const { cameras, movedAside, problems } = await store.load();
    for (const problem of problems) this.#ctx.log.warn({ file: store.path, movedAside }, problem);
    for (const config of cameras) this.#register(config, false);
    for (const config of fixed) if (!this.#cameras.has(config.cameraId)) this.#register(config, true);
  }

  startAll(): void {
    for (const camera of this.#cameras.values()) this.#startLater(camera);
  }

  list(): readonly CameraEntry[] {
    return [...this.#cameras.values()].map((camera) => camera.entry(this.#now()));
  }

  get(cameraId: CameraId): CameraEntry | null {
    return this.#cameras.get(cameraId)?.entry(this.#now()) ?? null;
  }

  async add(config: CameraConfig): Promise<'added' | 'exists' | 'full' | NotSaved> {
    if (this.#cameras.has(config.cameraId)) return 'exists';
    const stored = this.#storedConfigs();
    if (stored.length >= MAX_CAMERAS) return 'full';
    const failed = await this.#save([...stored, config]);
    if (failed !== null) return failed;
    this.#startLater(this.#register(config, false));
    this.#tellGroups(config);
    return 'added';
  }

  async change(
    cameraId: CameraId,
    patch: CameraPatch,
    changer?: SceneChanger,
  ): Promise<CameraEntry | 'scene-changed' | null | NotSaved> {
    const camera = this.#cameras.get(cameraId);
    if (camera === undefined) return null;
    const before = camera.config;
    if (!hasExpectedScene(changer, before)) return 'scene-changed';
    const after = patched(before, patch);
    if (!camera.fixed) {
      const failed = await this.#save(this.#storedConfigs().map((config) => (config === before ? after : config)));
      if (failed !== null) return failed;
    }
    camera.config = after;
    if (patch.scene !== undefined) camera.sceneChange = changer?.change ?? null;
    if (patch.groups !== undefined) this.#tellGroups(after);
    await this.#apply(camera, before);
    return camera.entry(this.#now());
  }

  /** Brings the new settings of a camera to its actor. */
  async #apply(camera: RegisteredCamera, before: CameraConfig): Promise<void> {
    const after = camera.config;
    if (needsRestart(before, after)) {
      if (before.enabled) await this.#stop(camera, after.enabled ? 'its settings changed' : 'switched off');
      this.#startLater(camera);
    } else if (before.scene !== after.scene && after.enabled) {
      this.#init.spawner.setScene(after.cameraId, after.scene ?? null);
    }
  }

  async remove(cameraId: CameraId): Promise<boolean | NotSaved> {
    const camera = this.#cameras.get(cameraId);
    if (camera === undefined) return false;
    if (!camera.fixed) {
      const failed = await this.#save(this.#storedConfigs().filter((config) => config !== camera.config));
      if (failed !== null) return failed;
    }
    this.#cameras.delete(cameraId);
    await this.#stop(camera, 'removed');
    this.#init.bus.broadcast(subjects.cameraRemoved, { cameraId });
    return true;
  }

  onStatus(cameraId: CameraId, state: CameraState, message: string): void {
    const camera = this.#cameras.get(cameraId);
    // A stream that is being given up may still report.
    if (camera === undefined || !camera.config.enabled) return;
    if (state === 'offline' && camera.health.streamState === 'online') camera.countReconnect();
    this.#show(camera, camera.health.onStream({ state, message }));
  }

  onFault(cameraId: CameraId, message: string | null): void {
    const camera = this.#cameras.get(cameraId);
    if (camera !== undefined)
      this.#show(camera, message === null ? camera.health.onStarted() : camera.health.onFault(message));
  }

  onFrame(cameraId: CameraId, frameNumber: number, timestamp: string): void {
    const camera = this.#cameras.get(cameraId);
    if (camera === undefined) return;
    camera.addFrame(frameNumber, timestamp, this.#now());
    this.#show(camera, camera.health.onFrame());
  }

  onReleases(): void {
    for (const { config } of this.#cameras.values())
      if (config.enabled) this.#init.spawner.setScene(config.cameraId, config.scene ?? null);
  }

  onShed(cameraId: CameraId, what: 'detections' | 'groups', count: number): void {
    const camera = this.#cameras.get(cameraId);
    if (camera !== undefined) camera.shed[what] += count;
  }

  #register(config: CameraConfig, fixed: boolean): RegisteredCamera {
    const camera = new RegisteredCamera(config, fixed, this.#now());
    this.#cameras.set(config.cameraId, camera);
    return camera;
  }

  #storedConfigs(): readonly CameraConfig[] {
    return [...this.#cameras.values()].flatMap(({ fixed, config }) => (fixed ? [] : [config]));
  }

  /** Tells every node, since users of a group see its cameras only. */
  #tellGroups({ cameraId, groups = [] }: CameraConfig): void {
    this.#init.bus.broadcast(subjects.cameraGroups, { cameraId, groups });
  }

  /** Saves the new list before any of it takes effect; null when it is on the disk. */
  async #save(configs: readonly CameraConfig[]): Promise<NotSaved | null> {
    const { store } = this.#init;
    try {
      await store.save(configs);
      return null;
    } catch (thrown) {
      const error = asError(thrown);
      this.#ctx.log.error({ path: store.path, err: error }, `nothing was changed: ${error.message}`);
      return new NotSaved(error);
    }
  }

  /** Not awaited: the start of a thread takes a while, and hundreds must not hold up everything else. */
  #startLater(camera: RegisteredCamera): void {
    const lane = this.#nextLane++ % STARTS_AT_ONCE;
    const start = (camera.wantedStart += 1);
    this.#lanes[lane] = Promise.resolve(this.#lanes[lane]).then(() => {
      if (start !== camera.wantedStart || this.#ctx.signal.aborted) return;
      camera.starting = this.#start(camera);
      return camera.starting;
    });
  }

  /** Never rejects. */
  async #start(camera: RegisteredCamera): Promise<void> {
    if (!camera.config.enabled) return;
    try {
      const { previewSocket } = await this.#init.spawner.start(camera.config, () => ({
        framesBefore: camera.frames,
        scene: camera.config.scene ?? null,
      }));
      camera.previewSocket = previewSocket;
    } catch (thrown) {
      this.#setStatus(camera, 'fault', `could not be started: ${asError(thrown).message}`);
    }
  }

  async #stop(camera: RegisteredCamera, message: string): Promise<void> {
    const { cameraId } = camera.config;
    camera.wantedStart += 1;
    await camera.starting;
    try {
      await this.#init.spawner.stop(cameraId);
    } catch (thrown) {
      // A camera that does not stop is its supervisor's matter; the others must not fall with this actor.
      const error = asError(thrown);
      this.#ctx.log.error({ cameraId, err: error }, `camera ${cameraId} could not be stopped: ${error.message}`);
    }
    camera.previewSocket = null;
    camera.health = new CameraHealth();
    this.#setStatus(camera, 'offline', message);
  }

  #show(camera: RegisteredCamera, state: ShownState | null): void {
    if (state !== null) this.#setStatus(camera, state.state, state.message);
  }

  #setStatus(camera: RegisteredCamera, state: CameraState, text: string): void {
    const message = clipped(text);
    if (!camera.setStatus(state, message, this.#now())) return;
    const { cameraId } = camera.config;
    this.#init.bus.broadcast(subjects.cameraStatus(cameraId), camera.status);
    this.#init.onStatus(camera.status);
    this.#ctx.log.info({ cameraId, state }, `camera ${cameraId} is ${state}: ${message}`);
    const online = [...this.#cameras.values()].filter(({ status }) => status.state === 'online').length;
    this.#ctx.report({ cameras: this.#cameras.size, online });
  }

  #now(): number {
    return this.#ctx.clock.now();
  }
}

/** Whether the camera has the scene that the change expects to find. */
function hasExpectedScene(changer: SceneChanger | undefined, { scene }: CameraConfig): boolean {
  const expects = changer?.expects ?? null;
  return expects === null || isExpected(expects, scene ?? null);
}
