import { defineActor } from '../../runtime/actor.ts';
import type { Detector, NativeGuard } from '../../vision/vision.types.ts';
import { FOLLOW_LEASE_MS } from '../ingest.types.ts';
import { CameraLoop } from './camera-loop.ts';
import type { CameraInit, CameraMessage } from './camera.types.ts';
import { sharedDetector } from './shared-detector.ts';

type Private = { readonly type: 'renew-lease' };

/** One camera, in a worker thread of its own: it asks the ingest for its stream and is sent pictures. */
export const cameraActor = defineActor<CameraMessage, Private>()<CameraInit>({
  kind: 'camera',
  mailbox: { capacity: 16, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'cameraActor' },
  start: async (ctx, init) => {
    const native: NativeGuard = (work) => ctx.native(work);
    const detector = init.inference === 'own' ? await ownDetector(init, native) : await sharedDetector(ctx);
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

async function ownDetector({ model, confidence, iou }: CameraInit, native: NativeGuard): Promise<Detector> {
  // Only here: onnxruntime costs a thread 15 MB, and cameras with a shared detector need none.
  const { createDetector } = await import('../../vision/detector.ts');
  return createDetector(model, { confidence, iou, native });
}
