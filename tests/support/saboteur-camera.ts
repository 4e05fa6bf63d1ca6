import { cameraActor } from '../../src/actors/camera/camera.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import type { ActorDefinition } from '../../src/runtime/actor.ts';
import type { Message } from '../../src/runtime/message.ts';

export type Sabotage = { type: 'throw' } | { type: 'end-thread' };

/** The real camera actor, which in addition can be told to fail in its handler or to end its own thread. */
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
    };
    return { ...behavior, handlers: { ...behavior.handlers, ...handlers } };
  },
};
