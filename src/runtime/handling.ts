import type { Behavior } from './actor.ts';
import { DeferredReply } from './deferred.ts';
import { asError, RuntimeError } from './errors.ts';
import type { ReplySink } from './mailbox.ts';
import type { Message } from './message.ts';

/**
 * Gives one message to its handler and settles its reply. Calls `done` once the mailbox may go on, with the error when
 * the handler failed: at once for a plain or deferred answer, later for a promise.
 */
export function handle(behavior: Behavior<Message>, message: Message, reply: ReplySink | null, done: (failure: Error | null) => void): void {
  const fail = (thrown: unknown): void => {
    const error = asError(thrown);
    reply?.reject(new RuntimeError('ACTOR_FAILED', `the actor failed while handling "${message.type}": ${error.message}`, { messageType: message.type }, error));
    done(error);
  };
  const handler: ((message: Message) => unknown) | undefined = Object.hasOwn(behavior.handlers, message.type) ? behavior.handlers[message.type] : undefined;
  if (handler === undefined) {
    fail(new RuntimeError('BAD_DEFINITION', `no handler for message "${message.type}"`, { messageType: message.type }));
    return;
  }
  let result: unknown;
  try {
    result = handler(message);
  } catch (thrown) {
    fail(thrown);
    return;
  }
  if (result instanceof DeferredReply) {
    if (reply !== null) result.promise.then((value) => reply.resolve(value), (thrown) => reply.reject(asError(thrown)));
    done(null);
  } else if (result instanceof Promise) {
    result.then((value) => {
      reply?.resolve(value);
      done(null);
    }, fail);
  } else {
    reply?.resolve(result);
    done(null);
  }
}
