/** Entry point of a worker thread that runs one actor. Refuses to be imported on the main thread. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { ActorDefinition, ActorLog, Behavior } from '../actor.ts';
import { systemClock } from '../clock.ts';
import { IncarnationContext } from '../context.ts';
import { asError, RuntimeError, serializeError } from '../errors.ts';
import { handle } from '../handling.ts';
import type { Message } from '../message.ts';
import { NativeGuard } from './guard.ts';
import { HostLink } from './link.ts';
import type { FromThread, ThreadStart, ToThread } from './protocol.ts';

if (isMainThread || parentPort === null) throw new RuntimeError('BAD_DEFINITION', 'runtime/thread/entry.ts runs only as a worker thread');
const port = parentPort;
const start: ThreadStart = workerData;
const guard = new NativeGuard(start.guard);
const send = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, [...transfer]);
const link = new HostLink(send, systemClock);

type Level = 'debug' | 'info' | 'warn' | 'error';
const logAt = (level: Level) => (fields: object, message: string) => send({ type: 'log', level, fields: cloneable(fields), message });
const log: ActorLog = { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') };

let over = false;
let behavior: Behavior<Message> | null = null;
let idle: Promise<void> = Promise.resolve();
const queue: Extract<ToThread, { type: 'deliver' }>[] = [];
let busy = false;

const context = new IncarnationContext({
  path: start.path,
  incarnation: start.incarnation,
  clock: systemClock,
  log,
  ref: (to) => link.ref(to.path),
  toSelf: (message, onLeave) => link.toSelf(message, onLeave),
  native: (work) => guard.run(work),
  ownProcess: (pid) => send({ type: 'own', pid }),
  disownProcess: (pid) => send({ type: 'disown', pid }),
  report: (detail) => send({ type: 'report', detail }),
  fail,
});

function fail(error: Error): void {
  if (over) return;
  over = true;
  context.close();
  send({ type: 'failed', error: serializeError(error) });
}

// An uncaught error would end the thread at once, and with native code in flight the whole process with it. It is
// reported as a failure instead, and the host then stops this thread co-operatively.
process.on('uncaughtException', fail);
process.on('unhandledRejection', (reason) => fail(asError(reason)));

port.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'deliver':
      queue.push(message);
      pump();
      break;
    case 'answer':
      link.settle(message.id, message.reply);
      break;
    case 'stop':
      over = true;
      void stop(message.reason);
      break;
  }
});

function pump(): void {
  while (!busy && !over && behavior !== null) {
    const next = queue.shift();
    if (next === undefined) return;
    busy = true;
    let release: (() => void) | null = null;
    const { seq } = next;
    const sink = next.asked
      ? {
          resolve: (value: unknown) => send({ type: 'replied', seq, reply: { ok: true, value } }),
          reject: (error: Error) => send({ type: 'replied', seq, reply: { ok: false, error: serializeError(error) } }),
        }
      : null;
    handle(behavior, next.message, sink, (failure) => {
      busy = false;
      release?.();
      release = null;
      if (failure !== null) fail(failure);
      else send({ type: 'processed', seq });
      if (!over) queueMicrotask(pump);
    });
    if (busy) idle = new Promise((resolve) => (release = resolve));
  }
}

async function stop(reason: Extract<ToThread, { type: 'stop' }>['reason']): Promise<void> {
  context.close();
  try {
    await idle;
    await behavior?.stop?.(reason);
  } catch (thrown) {
    log.warn({ path: start.path, err: serializeError(thrown) }, 'actor failed while stopping');
  }
  context.bury();
  link.close();
  send({ type: 'stopped' });
}

/** Log fields must survive cloning; errors become plain objects, everything else that will not go becomes text. */
function cloneable(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => {
      if (value instanceof Error) return [key, serializeError(value)];
      return [key, value !== null && typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : typeof value === 'function' ? String(value) : value];
    }),
  );
}

try {
  const loaded: Record<string, unknown> = await import(start.module.url);
  const definition = loaded[start.module.name];
  if (!isDefinition(definition)) {
    throw new RuntimeError('BAD_DEFINITION', `${start.module.url} exports no actor named "${start.module.name}"`, { module: start.module.url });
  }
  behavior = await definition.start(context, start.init);
  send({ type: 'started' });
  pump();
} catch (thrown) {
  over = true;
  context.close();
  send({ type: 'start-failed', error: serializeError(thrown) });
}

function isDefinition(value: unknown): value is ActorDefinition<Message, unknown> {
  return typeof value === 'object' && value !== null && 'start' in value && typeof value.start === 'function';
}
