import { defineActor } from '../../runtime/actor.ts';
import { createDetector } from '../../vision/detector.ts';
import { CameraLoop } from './camera-loop.ts';
import type { CameraInit, CameraMessage } from './camera.types.ts';

/** One camera, in a worker thread of its own. Nobody sends it anything: it works from its stream. */
export const cameraActor = defineActor<CameraMessage>()<CameraInit>({
  kind: 'camera',
  mailbox: { capacity: 16, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'cameraActor' },
  start: async (ctx, init) => {
    const { confidence, iou } = init;
    const native = <T>(work: () => Promise<T>): Promise<T> => ctx.native(work);
    const detector = await createDetector(init.model, { confidence, iou, native });
    const loop = new CameraLoop(ctx, init, detector);
    loop.start();
    return {
      handlers: {},
      stop: async () => {
        await loop.stop();
        await detector.release(native);
      },
    };
  },
});
