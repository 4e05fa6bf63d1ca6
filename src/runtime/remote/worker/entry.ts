/** Entry point of a worker: a thread or process that runs one actor. Refuses to be imported anywhere else. */
import { flushCompileCache } from 'node:module';
import { isMainThread, parentPort } from 'node:worker_threads';
import { asError, RuntimeError } from '../../errors.ts';
import type { FrameFromWorker } from '../from-worker.ts';
import type { FrameToWorker } from '../to-worker.ts';
import { WorkerCell } from './worker-cell.ts';
import { WorkerOutbox } from './worker-outbox.ts';

/** The line to the host: a thread's port, or a process's channel. Throws `BAD_DEFINITION` where there is none. */
function openLine(): {
  send(frame: FrameFromWorker, transfer: readonly ArrayBuffer[]): void;
  onFrame(listener: (frame: FrameToWorker) => void): void;
} {
  if (!isMainThread && parentPort !== null) {
    const port = parentPort;
    return {
      send: (frame, transfer) => port.postMessage(frame, transfer),
      onFrame: (listener) => void port.on('message', listener),
    };
  }
  if (isMainThread && process.send !== undefined && process.argv[1] === import.meta.filename) {
    // Without its host the process has no work.
    process.once('disconnect', () => process.exit(0));
    return {
      send: (frame) => void process.send?.([...frame]),
      // Our own host sends nothing but frames.
      onFrame: (listener) => void process.on('message', (frame) => listener(frame as FrameToWorker)),
    };
  }
  throw new RuntimeError(
    'BAD_DEFINITION',
    'runtime/remote/worker/entry.ts runs only as a worker thread or process of the runtime',
  );
}

const line = openLine();

const outbox = new WorkerOutbox((frame, transfer) => line.send(frame, transfer));
let cell: WorkerCell | null = null;

// An uncaught error would end the thread at once, and with native code in flight the whole process with it. It is
// reported as a failure instead, and the host then stops this side co-operatively.
process.on('uncaughtException', (error) => cell?.fail(asError(error)));
process.on('unhandledRejection', (reason) => cell?.fail(asError(reason)));

line.onFrame((frame) => {
  const [items] = frame;
  for (const item of items === 0 ? [] : items) {
    if (item.type !== 'start') cell?.handle(item);
    else if (cell === null) {
      cell = new WorkerCell(item, outbox);
      void cell.begin(item).then(() => {
        cell?.pump();
        // Otherwise compiled code is saved at an orderly exit only; without it, each thread of this kind needs 14 MB
        // more, and several times as long to start.
        flushCompileCache();
      });
    }
  }
  cell?.receive(frame);
  cell?.pump();
  outbox.flush();
});
