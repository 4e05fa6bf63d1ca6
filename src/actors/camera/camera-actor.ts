import { type ActorContext, defineActor } from '../../runtime/actor.ts';
import type { DetectorErrorCode } from '../../vision/vision-error.ts';
import type { NativeGuard } from '../../vision/vision.types.ts';
import { asError } from '../../runtime/errors.ts';
import { FOLLOW_LEASE_MS } from '../ingest.types.ts';
import { RELEASE_REPORTS } from '../release-reports.types.ts';
import { CameraDetector, type OpenDetector } from './camera-detector.ts';
import { CameraLoop } from './camera-loop.ts';
import type { CameraInit, CameraMessage } from './camera.types.ts';
import { sharedDetector } from './shared-detector.ts';

type Private = { readonly type: 'renew-lease' };
type CameraContext = ActorContext<CameraMessage | Private>;

/** One camera, in a worker thread of its own: it asks the ingest for its stream and is sent pictures. */
export const cameraActor = defineActor<CameraMessage, Private>()<CameraInit>({
  kind: 'camera',
  mailbox: { capacity: 16, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'cameraActor' },
  start: async (ctx, init) => {
    const native: NativeGuard = (work) => ctx.native(work);
    const open = openDetector(ctx, init, native);
    const detector = await loadDetector(ctx, init, open, () => loop.follow());
    const loop = new CameraLoop(ctx, init, { detector, open });
    loop.start();
    ctx.setInterval('renew-lease', FOLLOW_LEASE_MS / 3, { type: 'renew-lease' });
    return {
      handlers: {
        picture: (picture) => loop.put(picture),
        scene: (settings) => loop.setScene(settings),
        'renew-lease': () => loop.renew(),
      },
      stop: async (reason) => {
        await loop.stop(reason);
        await detector.release(native);
      },
    };
  },
});

/** The detector of the camera's way. `onSwitched` is called when another one looks, never before the start is over. */
const loadDetector = (
  ctx: CameraContext,
  { way }: CameraInit,
  open: OpenDetector,
  onSwitched: () => void,
): Promise<CameraDetector> =>
  CameraDetector.load(
    {
      open,
      native: (work) => ctx.native(work),
      clock: ctx.clock,
      log: ctx.log,
      onSwitched,
    },
    way.detector,
  );

/** The model itself is at fault; other failures, such as of a busy machine, may pass. */
const PERMANENT: ReadonlySet<unknown> = new Set<DetectorErrorCode>(['MODEL_UNREADABLE', 'MODEL_MISMATCH']);

/** A detector of the camera's own, or those that the cameras share. The failure of a release's is reported. */
const openDetector =
  (ctx: CameraContext, init: CameraInit, native: NativeGuard): OpenDetector =>
  async (model) => {
    const { inference, model: ofStart, confidence, iou, cameraId } = init;
    try {
      if (inference === 'shared') return await sharedDetector(ctx, model);
      // Only here: onnxruntime costs a thread 15 MB, and cameras with a shared detector need none.
      const { createDetector } = await import('../../vision/detector.ts');
      return await createDetector(model ?? ofStart, { confidence, iou, native });
    } catch (thrown) {
      const { message, code } = asError(thrown) as Error & { readonly code?: unknown };
      const failure = { cameraId, message, permanent: PERMANENT.has(code) };
      if (model !== null)
        ctx.ref(RELEASE_REPORTS).tell({ type: 'detector-failed', model: model.name, path: model.path, ...failure });
      throw thrown;
    }
  };
