import { createSocket } from 'node:dgram';
import { cameraActor } from '../actors/camera/camera.ts';
import type { CameraInit, CameraMessage } from '../actors/camera/camera.types.ts';
import type { CameraCrew } from '../actors/camera-registry.ts';
import { cameraChild, type CameraIsolation, CAMERAS_PATH } from '../actors/tree.ts';
import type { LocatedModel } from '../messages/model.ts';
import type { ActorDefinition } from '../runtime/actor.ts';
import { RuntimeError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';

export interface CrewOptions {
  /** The system, once it runs. */
  readonly system: () => ActorSystem;
  readonly ffmpeg: string;
  readonly model: LocatedModel;
  readonly confidence: number;
  readonly iou: number;
  readonly isolation: CameraIsolation;
  /** Default: the camera actor. Tests put a saboteur in its place. */
  readonly actor?: ActorDefinition<CameraMessage, CameraInit>;
}

/** Starts cameras as children of the dynamic supervisor `/cameras`. */
export function createCrew(options: CrewOptions): CameraCrew {
  const { system, ffmpeg, model, confidence, iou, isolation, actor = cameraActor } = options;
  return {
    start: async ({ cameraId, url, intervalSeconds }, framesBefore) => {
      const previewPort = await freeUdpPort();
      const init = (): CameraInit => ({ cameraId, url, intervalMs: intervalSeconds * 1000, ffmpeg, model, confidence, iou, previewPort, framesBefore: framesBefore() });
      const child = cameraChild(cameraId, actor, isolation, init);
      try {
        await system().startChild(CAMERAS_PATH, child, 'restart');
      } catch (thrown) {
        if (!(thrown instanceof RuntimeError && thrown.code === 'DUPLICATE_CHILD')) throw thrown;
        // A registry that was started again finds the cameras of the one before: this one gets them with its own settings.
        await system().stopChild(`${CAMERAS_PATH}/${cameraId}`);
        await system().startChild(CAMERAS_PATH, child, 'restart');
      }
      return { previewPort };
    },
    stop: async (cameraId) => {
      await system().stopChild(`${CAMERAS_PATH}/${cameraId}`);
    },
  };
}

/** A local UDP port nobody reads now; the preview's encoder binds it when a viewer comes. */
function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
