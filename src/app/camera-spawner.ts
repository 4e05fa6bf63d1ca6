import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { cameraActor } from '../actors/camera/camera-actor.ts';
import type { CameraInit, CameraMessage } from '../actors/camera/camera.types.ts';
import type { CameraSpawner } from '../actors/camera-registry.ts';
import { cameraChild, type CameraIsolation, CAMERAS_PATH } from '../actors/tree.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import type { CameraConfig } from '../messages/camera.ts';
import type { LocatedModel } from '../messages/model.ts';
import type { ActorDefinition } from '../runtime/actor.ts';
import { RuntimeError } from '../runtime/errors.ts';
import { address } from '../runtime/ref.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { CameraWays } from './camera-ways.ts';

export interface CameraSpawnerOptions {
  /** The system; called after `running` has resolved. */
  readonly system: () => ActorSystem;
  /** Resolves when the system runs. Cameras may be started before: their start waits for it. */
  readonly running: Promise<unknown>;
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
  readonly inference: CameraInit['inference'];
  readonly stillSeconds: number;
  readonly burstFps: number;
  readonly isolation: CameraIsolation;
  /** The settings of a camera by the releases in force. */
  readonly ways: Pick<CameraWays, 'settingsOf'>;
  /** Hosts that cameras may be read from; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  /** URLs of the operator's command line: `allow` does not apply to them. */
  readonly ownUrls: readonly string[];
  /** Folder of the sockets of live previews, which only our user may enter; null for no previews. */
  readonly previewFolder: string | null;
  /** Default: the camera actor. Tests replace it. */
  readonly actor?: ActorDefinition<CameraMessage, CameraInit>;
}

/** In lower case without colons; null for none. */
const pinOf = ({ certificateSha256 }: CameraConfig): string | null =>
  certificateSha256?.replaceAll(':', '').toLowerCase() ?? null;

/** Starts cameras as children of the dynamic supervisor `/cameras`. */
export function createCameraSpawner(options: CameraSpawnerOptions): CameraSpawner {
  const {
    system,
    model,
    confidence,
    iou,
    inference,
    stillSeconds,
    burstFps,
    isolation,
    previewFolder,
    ways,
    actor = cameraActor,
  } = options;
  return {
    start: async (config, now) => {
      const { cameraId, url, intervalSeconds, transport = 'auto', freshnessSeconds, prompt } = config;
      const certificateSha256 = pinOf(config);
      // Not the camera's id, which may be too long for the path of a socket.
      const previewSocket = previewFolder === null ? null : join(previewFolder, randomBytes(6).toString('hex'));
      const allow = options.ownUrls.includes(url) ? null : options.allow;
      const intervalMs = intervalSeconds * 1000;
      const init = (): CameraInit => ({
        cameraId,
        settings: { url, transport, certificateSha256, allow, previewSocket },
        intervalMs,
        model,
        confidence,
        iou,
        inference,
        stillSeconds,
        burstFps,
        framesBefore: now().framesBefore,
        ...ways.settingsOf(cameraId, now().scene),
        freshnessSeconds,
        prompt,
      });
      await options.running;
      const child = cameraChild(cameraId, actor, isolation, init);
      try {
        await system().startChild(CAMERAS_PATH, child, 'restart');
      } catch (thrown) {
        if (!(thrown instanceof RuntimeError && thrown.code === 'DUPLICATE_CHILD')) throw thrown;
        // A registry that was restarted finds its earlier cameras running, and replaces them: settings may have
        // changed.
        await system().stopChild(`${CAMERAS_PATH}/${cameraId}`);
        await system().startChild(CAMERAS_PATH, child, 'restart');
      }
      return { previewSocket };
    },
    setScene: (cameraId, scene) =>
      system()
        .ref(address<CameraMessage>(`${CAMERAS_PATH}/${cameraId}`))
        .tell({ type: 'scene', ...ways.settingsOf(cameraId, scene) }),
    stop: async (cameraId) => {
      await system().stopChild(`${CAMERAS_PATH}/${cameraId}`);
    },
  };
}
