import { defineActor } from '../../src/runtime/actor.ts';
import type { Asking } from '../../src/runtime/message.ts';
import type { LocatedModel } from '../../src/messages/model.ts';
import { createDetector } from '../../src/vision/detector.ts';

export type InferenceMessage =
  | ({ type: 'runs' } & Asking<number>)
  | { type: 'throw' }
  | { type: 'throw-outside' }
  | { type: 'exhaust-memory' }
  | { type: 'spin' };

/** Runs a real detector without a pause, and misbehaves on request while an inference is under way. */
export const inferenceActor = defineActor<InferenceMessage>()<LocatedModel>({
  kind: 'inference',
  mailbox: { capacity: 10, overflow: 'drop-oldest' },
  module: { url: import.meta.url, name: 'inferenceActor' },
  start: async (ctx, model) => {
    const native = <T>(work: () => Promise<T>): Promise<T> => ctx.native(work);
    const detector = await createDetector(model, { native });
    const frame = { data: new Uint8Array(640 * 360 * 3).fill(90), width: 640, height: 360 };
    let runs = 0;
    let running = true;
    let current: Promise<unknown> = Promise.resolve();
    const loop = async (): Promise<void> => {
      while (running) {
        current = detector.detect(frame, native);
        await current;
        runs += 1;
      }
    };
    loop().catch(
      (thrown: unknown) => running && ctx.fail(thrown instanceof Error ? thrown : new Error(String(thrown))),
    );
    return {
      handlers: {
        runs: () => runs,
        throw: () => {
          throw new Error('in the middle of an inference');
        },
        'throw-outside': () => {
          setImmediate(() => {
            throw new Error('outside a handler');
          });
        },
        'exhaust-memory': () => {
          const hoard: number[][] = [];
          for (;;) hoard.push(Array.from({ length: 100_000 }, (_, n) => n));
        },
        spin: () => {
          for (;;);
        },
      },
      stop: async () => {
        running = false;
        await current;
        await detector.release(native);
      },
    };
  },
});
