import type { PublishedGroup } from '../../messages/detection.ts';
import { newRequestId, newTraceId } from '../../messages/ids.ts';
import { defineActor } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { transfer } from '../../runtime/transfer.ts';
import { CameraSource } from '../../source/camera-source.ts';
import { createAnalyser } from '../../vision/analyse.ts';
import { cropRectangle } from '../../vision/crop.ts';
import { createDetector } from '../../vision/detector.ts';
import type { Frame } from '../../vision/frame.ts';
import { CAMERA_REGISTRY } from '../camera-registry.ts';
import { IMAGING, type StoredImages } from '../imaging.ts';
import { PUBLISHER } from '../publisher.ts';
import type { CameraInit, CameraMessage, CameraPrivate } from './camera.types.ts';

const MAX_WIDTH = 1280;
const IMAGING_TIMEOUT_MS = 5_000;

/**
 * One camera, in a worker thread of its own: pictures from its ffmpeg, the newest one analysed, the detection handed to
 * the publisher. While one picture is analysed only the newest of those that arrive is kept.
 */
export const cameraActor = defineActor<CameraMessage, CameraPrivate>()<CameraInit>({
  kind: 'camera',
  mailbox: { capacity: 16, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'cameraActor' },
  start: async (ctx, init) => {
    const { cameraId } = init;
    const registry = ctx.ref(CAMERA_REGISTRY);
    const imaging = ctx.ref(IMAGING);
    const publisher = ctx.ref(PUBLISHER);
    const native = <T>(work: () => Promise<T>): Promise<T> => ctx.native(work);
    const detector = await createDetector(init.model, { confidence: init.confidence, iou: init.iou, native });
    const analyser = createAnalyser({ detector });

    let newest: { readonly frame: Frame; readonly at: number } | null = null;
    let asked = false;
    let frameNumber = init.framesBefore;
    let skipped = 0;

    const source = new CameraSource({
      ffmpeg: init.ffmpeg,
      url: init.url,
      intervalMs: init.intervalMs,
      maxWidth: MAX_WIDTH,
      allow: init.allow,
      previewSocket: init.previewSocket,
      clock: ctx.clock,
      onFrame: (frame) => {
        if (newest !== null) skipped += 1;
        newest = { frame, at: ctx.clock.now() };
        if (asked) return;
        asked = true;
        ctx.self.tell({ type: 'analyse' });
      },
      onState: (state, message) => {
        registry.tell({ type: 'status', cameraId, state, message });
        show(state);
      },
      onProcess: (event, pid) => (event === 'began' ? ctx.ownProcess(pid) : ctx.disownProcess(pid)),
    });
    const show = (state: string): void =>
      ctx.report({ state, frames: frameNumber, skipped, decode: source.mode, ffmpeg: source.pid });

    const analyse = async ({ frame, at }: { readonly frame: Frame; readonly at: number }): Promise<void> => {
      const { objects, groups } = await analyser.analyse(frame, at, native);
      const detectionLatency = (ctx.clock.now() - at) / 1000;
      const requestId = newRequestId();
      const traceId = newTraceId();
      const { width, height } = frame;
      const regions = groups.map(({ bbox, groupIndex }) => ({ ...cropRectangle(bbox, width, height), groupIndex }));
      const stored = await store(requestId, frame, regions);
      frameNumber += 1;
      publisher.tell({
        type: 'publish',
        detection: {
          requestId,
          cameraId,
          timestamp: new Date(at).toISOString(),
          traceId,
          frameNumber,
          detectedObjects: objects,
          trafficGroups: groups.map((group, index): PublishedGroup => ({
            ...group,
            cropId: stored.crops[index] ?? null,
          })),
          imageWidth: width,
          imageHeight: height,
          imageId: stored.imageId,
          detectionLatency,
          modelType: detector.modelType,
        },
      });
      show('online');
    };

    /** A frame whose pictures cannot be stored still counts: its boxes and rules need none. */
    const store = async (
      requestId: string,
      frame: Frame,
      regions: Parameters<typeof imaging.ask<'store'>>[0]['regions'],
    ): Promise<StoredImages> => {
      const data = transfer(ownMemory(frame.data));
      try {
        return await imaging.ask(
          { type: 'store', requestId, data, width: frame.width, height: frame.height, regions },
          { timeoutMs: IMAGING_TIMEOUT_MS },
        );
      } catch (thrown) {
        ctx.log.warn(
          { cameraId, requestId, err: asError(thrown).message },
          `camera ${cameraId}: a frame goes on without pictures: ${asError(thrown).message}`,
        );
        return { imageId: null, crops: [] };
      }
    };

    source.start();
    return {
      handlers: {
        analyse: async () => {
          asked = false;
          const next = newest;
          newest = null;
          if (next !== null) await analyse(next);
        },
      },
      stop: async () => {
        await source.stop();
        await detector.release(native);
      },
    };
  },
});

/** The pixels in a buffer that holds nothing else, so that it can be transferred. */
function ownMemory(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
    ? new Uint8Array(data.buffer)
    : new Uint8Array(data);
}
