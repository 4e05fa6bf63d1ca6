import { defineActor } from '../../runtime/actor.ts';
import { createDetector } from '../../vision/detector.ts';
import { FOLLOW_LEASE_MS } from '../ingest.types.ts';
import { CameraLoop } from './camera-loop.ts';
import type { CameraInit, CameraMessage } from './camera.types.ts';

type Private = { readonly type: 'renew-lease' };

/** One camera, in a worker thread of its own: it asks the ingest for its stream and is sent pictures. */
export const cameraActor = defineActor<CameraMessage, Private>()<CameraInit>({
  kind: 'camera',
  mailbox: { capacity: 16, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'cameraActor' },
  start: async (ctx, init) => {
    const { confidence, iou } = init;
    const native = <T>(work: () => Promise<T>): Promise<T> => ctx.native(work);
    const detector = await createDetector(init.model, { confidence, iou, native });
    const loop = new CameraLoop(ctx, init, detector);
    loop.start();
    ctx.setInterval('renew-lease', FOLLOW_LEASE_MS / 3, { type: 'renew-lease' });
    return {
      handlers: { picture: (picture) => loop.put(picture), 'renew-lease': () => loop.follow() },
      stop: async (reason) => {
        await loop.stop(reason);
        await detector.release(native);
      },
    };
  },
});
