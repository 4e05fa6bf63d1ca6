import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { NativeGuard } from './guard.ts';
import type { FrameFromRemote, FrameToRemote } from './protocol.ts';

/** The host's end of the line to one thread or process. */
export interface Channel {
  readonly kind: 'thread' | 'process';
  /** Native calls in flight, where that can be seen. */
  readonly guard: NativeGuard | null;
  send(frame: FrameToRemote, transfer: readonly ArrayBuffer[]): void;
  onFrame(listener: (frame: FrameFromRemote) => void): void;
  /** Called once when it is gone, with what is known about why. */
  onGone(listener: (how: { readonly text: string; readonly fields: Readonly<Record<string, unknown>>; readonly cause?: Error }) => void): void;
  /** Ends it by force. For a thread only when no native code runs in it: false otherwise, and nothing was done. */
  kill(): boolean;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
}

const ENTRY = new URL('./entry.ts', import.meta.url);

export function openThread(name: string, maxHeapMb: number | undefined): Channel {
  const guard = new NativeGuard();
  const worker = new Worker(ENTRY, { name, ...(maxHeapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } }) });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let cause: Error | undefined;
  worker.on('error', (error) => {
    cause = error instanceof Error ? error : new Error(String(error));
  });
  worker.once('exit', () => resolve());
  return {
    kind: 'thread',
    guard,
    gone,
    send: (frame, transfer) => worker.postMessage(frame, transfer),
    onFrame: (listener) => void worker.on('message', listener),
    onGone: (listener) =>
      void worker.once('exit', (exitCode) => listener({ text: cause === undefined ? `ended by itself with code ${exitCode}` : `ended: ${cause.message}`, fields: { exitCode }, ...(cause === undefined ? {} : { cause }) })),
    kill: () => {
      if (!guard.doom()) return false;
      void worker.terminate();
      return true;
    },
  };
}

export function openProcess(name: string, maxHeapMb: number | undefined): Channel {
  const child = fork(ENTRY, [name], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: maxHeapMb === undefined ? [] : [`--max-old-space-size=${maxHeapMb}`],
  });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let cause: Error | undefined;
  child.on('error', (error) => {
    cause = error;
    // A process that could not be started at all never exits.
    if (child.pid === undefined) resolve();
  });
  child.once('exit', () => resolve());
  return {
    kind: 'process',
    guard: null,
    gone,
    send: (frame) => {
      if (child.connected) child.send([...frame]);
    },
    // What our own entry sends is a frame.
    onFrame: (listener) => void child.on('message', (frame) => listener(frame as unknown as FrameFromRemote)),
    onGone: (listener) =>
      void gone.then(() => {
        const { exitCode, signalCode } = child;
        const how = signalCode === null ? `ended by itself with code ${exitCode}` : `was ended by ${signalCode}`;
        listener({ text: cause === undefined ? how : `could not be used: ${cause.message}`, fields: { exitCode, signal: signalCode }, ...(cause === undefined ? {} : { cause }) });
      }),
    kill: () => {
      child.kill('SIGKILL');
      return true;
    },
  };
}
