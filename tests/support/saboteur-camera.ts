import { cameraActor } from '../../src/actors/camera/camera-actor.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import type { ActorDefinition } from '../../src/runtime/actor.ts';
import type { Message } from '../../src/runtime/message.ts';

export type Sabotage = { type: 'throw' } | { type: 'end-thread' } | { type: 'abort' } | { type: 'segfault' };

/**
 * The real camera actor, which in addition can be told to fail in its handler, to end its own thread, or to crash
 * natively.
 */
export const saboteurCamera: ActorDefinition<CameraMessage, CameraInit> = {
  ...cameraActor,
  module: { url: import.meta.url, name: 'saboteurCamera' },
  start: async (ctx, init) => {
    const behavior = await cameraActor.start(ctx, init);
    const handlers: Record<string, (message: Message) => void> = {
      throw: () => {
        throw new Error('sabotage in a handler');
      },
      'end-thread': () => process.exit(1),
      abort: () => process.abort(),
      segfault: () => void process.kill(process.pid, 'SIGSEGV'),
    };
    return { ...behavior, handlers: { ...behavior.handlers, ...handlers } };
  },
};
